"""A million rows profiled, checked, named and split: CPU seconds and peak memory, beside pandas and DuckDB SUMMARIZE.

Run:  python benchmarks/profile.py [rows]
Each line is a process of its own that reads the same Parquet file (or CSV, where it says so). CPU is user and system of
that process less that of one that only imports and reads; peak is all of its resident memory. pandas and SUMMARIZE give
fewer figures than noria's profile, which adds skew, distinct counts or the twenty most frequent values, more quantiles,
zeros and infinities.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

COLUMNS = 20


def write(folder: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, object] = {"id": np.arange(rows), "y": rng.choice(["good", "bad"], rows)}
    columns |= {f"x{i}": np.round(rng.normal(size=rows), 4) for i in range(10)}
    columns |= {f"n{i}": rng.integers(0, 1000, rows) for i in range(4)}
    columns |= {f"c{i}": rng.choice(["alpha", "beta", "gamma", "delta"], rows) for i in range(4)}
    table = pa.table(columns)
    pq.write_table(table, folder / "a.parquet")
    arrow_csv.write_csv(table, folder / "a.csv")


def works(folder: Path) -> dict[str, tuple[Callable[[], object], Callable[[object], object]]]:
    """Name -> (what reads, what is measured)."""

    def table() -> object:
        from noria.sources.source import read

        return read("a.parquet", root=folder)

    def frame() -> object:
        import pandas as pd

        return pd.read_parquet(folder / "a.parquet")

    def profile(rows: object) -> object:
        from noria.datasets.profile import profile

        return profile(rows)

    def summarize(rows: object) -> object:
        import duckdb

        duckdb.connect().register("t", rows)
        return duckdb.sql("SUMMARIZE rows").fetchall()

    def checks(rows: object) -> object:
        from noria.checks import suite
        from noria.checks.settings import CheckSettings
        from noria.datasets.schema import infer

        wanted = {"unique": ["id"], "missing": {"max": 0.1}, "rules": [f"x{i} between -9 and 9" for i in range(10)]}
        report = suite.run(rows, infer(rows), CheckSettings.model_validate(wanted), key=["id"], target="y")
        assert report.passed
        return report

    def fingerprint(rows: object) -> object:
        from noria.datasets.parquet import fingerprint

        return fingerprint(rows)

    def split(rows: object) -> object:
        from noria.datasets.splits import split

        return split(rows, target="y")

    def read_csv(_: object) -> object:
        from noria.sources.source import read

        return read("a.csv", root=folder)

    def pandas_csv(_: object) -> object:
        import pandas as pd

        return pd.read_csv(folder / "a.csv")

    return {
        "noria profile": (table, profile),
        "duckdb SUMMARIZE": (table, summarize),
        "pandas describe": (frame, lambda rows: rows.describe(include="all")),
        "noria checks (12, and what looks wrong)": (table, checks),
        "noria fingerprint": (table, fingerprint),
        "noria stratified split": (table, split),
        "noria read CSV, whole-column types": (lambda: None, read_csv),
        "pandas read_csv": (lambda: None, pandas_csv),
    }


def child(folder: Path, name: str) -> None:
    import duckdb
    import pandas as pd

    del duckdb, pd
    read, measured = works(folder)[name]
    rows = read()
    before = time.process_time()
    measured(rows)
    spent = time.process_time() - before
    print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rows)
        sizes = [(folder / file).stat().st_size >> 20 for file in ("a.parquet", "a.csv")]
        print("command: python benchmarks/profile.py")
        print(f"{rows:,} rows x {COLUMNS} columns: {sizes[0]} MB Parquet, {sizes[1]} MB CSV")
        print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}\n")
        print(f"{'':42}{'CPU s':>8}{'peak MB':>10}")
        for work in works(folder):
            done = subprocess.run(
                [sys.executable, __file__, "--child", name, work], capture_output=True, text=True, check=True
            )
            spent, peak = json.loads(done.stdout.splitlines()[-1])
            print(f"{work:42}{spent:>8.2f}{peak:>10,.0f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), sys.argv[3])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
