"""What a run costs that finds everything up to date: 10 and 100 steps.

    python benchmarks/pipeline_noop.py > benchmarks/pipeline_noop.txt

Aim: 0.25 s of CPU, interpreter included. Most of it is the import of SQLAlchemy, measured beside it;
no process is started and no data library loaded, which `tests/pipeline/test_idle.py` holds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipeline_steps import drive, lay_out, line, machine, spend

REPEATS = 9


def main() -> None:
    """Measure and print."""
    print(machine())
    print("command: python benchmarks/pipeline_noop.py")
    print(line("python -c pass", [spend("-c", "pass") for _ in range(REPEATS)]))
    print(line("python -c 'import sqlalchemy'", [spend("-c", "import sqlalchemy") for _ in range(REPEATS)]))
    for count in (10, 100):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "project"
            lay_out(root, count)
            drive(root, ran=count, cached=0)
            spent = [drive(root, ran=0, cached=count) for _ in range(REPEATS)]
            print(line(f"nothing to do, {count} steps, whole process", spent))


if __name__ == "__main__":
    main()
