"""What `import noria` costs, beside Python itself and what others pay to be imported.

    python benchmarks/import_noria.py > benchmarks/import_noria.txt

Promise: at most 10 ms of CPU over `python -c pass`; no pandas, scikit-learn, TensorFlow, pydantic or numpy.
Peers are measured where they are installed. Every line is the median of fresh interpreters, taken in turns.
"""

from __future__ import annotations

import statistics
from importlib.util import find_spec

from pipeline_steps import Spent, line, machine, spend

REPEATS = 15
PEERS = ("numpy", "pandas", "sklearn", "sqlalchemy", "pydantic", "click", "mlflow", "zenml", "dvc")


def main() -> None:
    """Measure and print."""
    print(machine())
    print("command: python benchmarks/import_noria.py")
    codes = {"python -c pass": "pass", "import noria": "import noria"}
    codes["import noria, and write a step"] = "import noria\n@noria.step\ndef double(clean): return clean"
    codes |= {f"import {name}": f"import {name}" for name in PEERS if find_spec(name) is not None}
    spent: dict[str, list[Spent]] = {name: [] for name in codes}
    for _ in range(REPEATS):
        for name, code in codes.items():
            spent[name].append(spend("-c", code))
    for name, taken in spent.items():
        print(line(name, taken))
    bare = statistics.median(one.cpu for one in spent["python -c pass"])
    ours = statistics.median(one.cpu for one in spent["import noria"])
    print(f"import noria: {1000 * (ours - bare):.1f} ms of CPU over python -c pass, {ours / bare:.2f} times it")


if __name__ == "__main__":
    main()
