"""Data: versions of folders and tables, checks, profile, diff, beside DVC, Great Expectations, pandera and ydata.

Run:  python benchmarks/data.py > benchmarks/data.txt        all of it, a quarter of an hour or more
      python benchmarks/data.py --quick                      the same on a fiftieth of the rows: no bound is held
      python benchmarks/data.py --part store --part csv      some of it

Peers are those of ``make .venv-data/.ready``, or of the environment whose Python NORIA_BENCH_DATA names; without one
noria is measured alone. CPU seconds are user and system of a whole process tree, MB the largest process of it, each of
one run; a ratio is the peer's figure over noria's. Standard error says how far it is.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

import data_checks
import data_store
import data_versions
from data_measured import Line, call, peers_python, show

PARTS = {
    "store": lambda folder, asked: data_store.lines(folder, asked.files),
    "csv": lambda folder, asked: data_versions.csv_lines(folder, asked.gigabytes),
    "kinds": lambda folder, asked: data_versions.kinds_lines(folder, asked.changed),
    "diff": lambda _folder, asked: data_versions.diff_lines(asked.changed),
    "checks": lambda folder, asked: data_checks.lines(folder, asked.rows),
}
LIBRARIES = ("dvc", "great_expectations", "pandera", "polars", "ydata-profiling")


def asked() -> argparse.Namespace:
    reading = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reading.add_argument("--part", action="append", choices=list(PARTS), help="only this; may be given again")
    reading.add_argument("--quick", action="store_true", help="a fiftieth of everything")
    sizes = {
        "files": (data_store.FULL, int, "small files"),
        "gigabytes": (data_versions.FULL_GIGABYTES, float, "of the CSV"),
        "changed": (data_versions.FULL_ROWS, int, "rows of the table that is changed and compared"),
        "rows": (data_checks.FULL, int, "rows of the table that is checked and profiled"),
    }
    for name, (_, kind, what) in sizes.items():
        reading.add_argument(f"--{name}", type=kind, help=what)
    given = reading.parse_args()
    for name, (full, kind, _) in sizes.items():
        if getattr(given, name) is None:
            setattr(given, name, kind(full / 50) if given.quick else full)
    return given


def row(line: Line) -> str:
    digits = 0 if line.unit == "MB" else 2
    bound = "" if line.bound is None else f"{line.bound:g}"
    verdict = "" if line.bound is None else "met" if line.noria <= line.bound else "MISSED"
    peer = "" if line.peer is None else f"{line.peer:,.{digits}f}"
    ratio = "" if line.peer is None or not line.noria else f"{line.peer / line.noria:,.1f}"
    by = "" if line.peer is None else line.by
    what = f"{line.what}, {line.unit}"
    return f"{what:76}{bound:>8}{line.noria:>10,.{digits}f} {verdict:7}{peer:>9}{ratio:>8}  {by}".rstrip()


def versions() -> str:
    python = peers_python()
    if python is None:
        return "no peers: make .venv-data/.ready"
    code = f"from importlib.metadata import version; print(*(f'{{n}} {{version(n)}}' for n in {LIBRARIES}), sep=', ')"
    return call([str(python), "-c", code]).told


def main() -> None:
    given = asked()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; {versions()}\n")
    print(f"{'promise':76}{'at most':>8}{'noria':>10} {'':7}{'peer':>9}{'ratio':>8}", flush=True)
    for part in given.part or PARTS:
        show(part)
        with tempfile.TemporaryDirectory() as name:
            for line in PARTS[part](Path(name), given):
                print(row(line), flush=True)


if __name__ == "__main__":
    main()
