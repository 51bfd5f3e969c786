"""noria's selection beside its peers on eighteen real tables: error, CPU, latency, size.

    python benchmarks/models.py > benchmarks/models.txt            30 CPU-seconds a fit, one split
    python benchmarks/models.py --budget 30 120 --splits 2         more; what was measured before is not repeated
    python benchmarks/models.py --quick                            three tables, 10 CPU-seconds
    python benchmarks/models.py --again noria                      measures a system again: its code has changed
    python benchmarks/models.py --told                             prints what there is, measures nothing

Systems: noria as it comes (``ensemble = "auto"``) and kept to one model (``never``); AutoGluon's `good_quality` as it
comes and without its rehearsal (DyStack, which takes a quarter of the time); FLAML; LightGBM, XGBoost, CatBoost,
HistGradientBoosting, a forest and a penalised linear model as the libraries come, which know no budget. AutoGluon has
no PyTorch here: no networks, and its probabilities are not calibrated. noria's own network is left out too. All get
the same files (`models_data.py`), one thread and, for a budget, CPU-seconds (`models_systems.py`). Nothing was tuned on
test rows; every table measured is shown.

Each cell - system, table, split, budget - is a process of its own, and its figures are kept in ``results`` of
``.venv-models`` (or ``$NORIA_BENCH_MODELS``), where `make bench-peers` puts the peers. Interrupt it and go on later.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from models_data import TABLES
from models_systems import SYSTEMS

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(os.environ.get("NORIA_BENCH_MODELS", ROOT / ".venv-models"))
SEARCHES = ("noria", "noria single", "AutoGluon", "AutoGluon, no DyStack", "FLAML")
QUICK = ("wine", "german", "concrete")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB", "LOKY_MAX")}
TIMES_BUDGET, AT_LEAST = 30, 3600
"""A cell that takes so many wall seconds is ended: it hangs, or the machine is far too busy."""


@dataclass(frozen=True)
class Cell:
    """One system fitted on one split of one table; of a system that knows no budget, that is 0."""

    system: str
    table: str
    split: int
    budget: float

    @property
    def path(self) -> Path:
        """Of its files, without their ends."""
        name = self.system.replace(" ", "_").replace(",", "")
        return HOME / "results" / f"{name}-{self.table}-{self.split}-{self.budget:g}"

    @property
    def is_done(self) -> bool:
        return self.path.with_suffix(".json").exists() or self.path.with_suffix(".failed").exists()


def cells(tables: list[str], systems: list[str], splits: int, budgets: list[float]) -> Iterator[Cell]:
    for budget in budgets:
        for split in range(1, splits + 1):
            for table in tables:
                for system in systems:
                    yield Cell(system, table, split, budget if system in SEARCHES else 0)


def interpreter(system: str) -> Path:
    for name in ("AutoGluon", "FLAML"):
        if system.startswith(name):
            return HOME / name.lower() / "bin" / "python"
    return Path(sys.executable)


def run(cell: Cell) -> None:
    """Measure a cell, unless somebody else has done it or does; what it raised is kept as its result."""
    cell.path.parent.mkdir(parents=True, exist_ok=True)
    claim = cell.path.with_suffix(".running")
    if claim.exists() and Path(f"/proc/{claim.read_text()}").exists():
        return
    if not cell.is_done:
        claim.write_text(str(os.getpid()))
        _run(cell)
        claim.unlink(missing_ok=True)


def _run(cell: Cell) -> None:
    command = [
        str(interpreter(cell.system)), str(ROOT / "benchmarks" / "models_systems.py"), cell.system,
        str(HOME / "tables"), f"{cell.table}-{cell.split}", TABLES[cell.table].task, f"{cell.budget:g}",
        str(cell.split), str(cell.path),
    ]  # fmt: skip
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": f"{ROOT / 'src'}", "PYTHONWARNINGS": "ignore"}
    started = time.monotonic()
    log, work = cell.path.with_suffix(".log"), HOME / "work"  # where peers leave files of their own
    work.mkdir(exist_ok=True)
    try:
        with log.open("w") as said:
            subprocess.run(
                command, env=environment, cwd=work, stdout=said, stderr=said, check=True,
                timeout=max(AT_LEAST, TIMES_BUDGET * cell.budget),
            )  # fmt: skip
    except subprocess.SubprocessError as error:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        cell.path.with_suffix(".failed").write_text(f"{type(error).__name__}: {' '.join(last)}")
    print(
        f"{cell.system} {cell.table} {cell.split} {cell.budget:g}: {time.monotonic() - started:.0f} s", file=sys.stderr
    )


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--budget", type=float, nargs="+", default=[30.0])
    asked.add_argument("--splits", type=int, default=1)
    asked.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    asked.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    asked.add_argument("--again", nargs="+", default=[], choices=SYSTEMS)
    asked.add_argument("--jobs", type=int, default=1)
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--told", action="store_true")
    given = asked.parse_args()
    if given.quick:
        given.tables, given.budget = list(QUICK), [10.0]
    systems = [name for name in given.systems if interpreter(name).exists()]
    for name in given.systems:
        if name not in systems:
            print(f"{name} is not here: make bench-peers", file=sys.stderr)
    if not given.told:
        writer = HOME / "flaml" / "bin" / "python"
        if not writer.exists():
            print("nothing measured: the packages that hold the tables are not here: make bench-peers")
            return
        made = [str(writer), str(ROOT / "benchmarks" / "models_data.py"), str(HOME / "tables"), str(given.splits)]
        subprocess.run(made, check=True)
        wanted = dict.fromkeys(cells(given.tables, systems, given.splits, given.budget))
        with ThreadPoolExecutor(given.jobs) as pool:
            for cell in wanted:
                if cell.is_done and cell.system not in given.again:
                    continue
                for end in (".json", ".npz", ".failed"):
                    cell.path.with_suffix(end).unlink(missing_ok=True)
                pool.submit(run, cell)
    from models_report import report

    report(given.tables, given.splits, given.budget)


if __name__ == "__main__":
    main()
