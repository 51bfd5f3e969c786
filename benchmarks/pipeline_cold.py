"""What a first run of 100 tiny steps costs, workers included.

    python benchmarks/pipeline_cold.py > benchmarks/pipeline_cold.txt

Promise: at most 10 ms of CPU a step. Each output is durable on disk before its step counts as done.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipeline_steps import Spent, drive, lay_out, line, machine

REPEATS = 5
STEPS = 100


def main() -> None:
    """Measure and print."""
    print(machine())
    print("command: python benchmarks/pipeline_cold.py")
    spent: list[Spent] = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "project"
            lay_out(root, STEPS)
            spent.append(drive(root, ran=STEPS, cached=0))
    print(line(f"first run, {STEPS} tiny steps, process tree", spent))
    least = min(one.cpu for one in spent)
    print(f"{1000 * least / STEPS:.1f} ms of CPU a step")


if __name__ == "__main__":
    main()
