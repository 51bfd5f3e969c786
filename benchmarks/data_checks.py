"""24 checks and a unique key on 5 million rows x 20, and a profile of them; a part of data.py.

Each figure is that of a process from start to end: imports, reading the Parquet file, the work. The checks are the same
for all: 12 ranges, 6 columns without gaps, 4 sets of values, a pattern, a rule over columns, and a key that never
repeats.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_checks_peers import CLASSES, HIGH, LOW, NUMBERS, PATTERN, WHOLE, WORDS
from data_measured import Line, Used, call, peers_python, show

PEERS = {
    "checks": {"great_expectations": "Great Expectations", "pandera_polars": "pandera, polars"},
    "profile": {"ydata_profiling": "ydata, 100,000 rows"},
}
BOUNDS = {"checks": (3.0, 300.0), "profile": (10.0, 200.0)}
FULL = 5_000_000


def write(path: Path, rows: int) -> None:
    rng, step, writer = np.random.default_rng(0), 500_000, None
    for start in range(0, rows, step):
        n = min(step, rows - start)
        made: dict[str, object] = {"id": np.arange(start, start + n)}
        seconds = rng.integers(0, 5 * 365 * 86400, n).astype("timedelta64[s]")
        made["opened_at"] = np.datetime64("2020-01-01", "us") + seconds
        made |= {f"x{i}": np.round(rng.normal(50, 10 + i, n), 2) for i in range(6)}
        made |= {f"n{i}": rng.integers(0, 1000 * (i + 1), n) for i in range(4)}
        for i in range(2):
            made[f"m{i}"] = pa.array(np.round(rng.lognormal(8, 1, n), 2), mask=rng.random(n) < 0.05 * (i + 1))
        for i in range(4):
            made[f"c{i}"] = pa.array(rng.choice(WORDS, n), mask=rng.random(n) < 0.02 if i else None)
        made["code"] = np.char.add("A", rng.integers(0, 2000, n).astype(str))
        made["y"] = np.where(rng.random(n) < 1 / (1 + np.exp(-(np.asarray(made["x0"]) - 62) / 6)), "bad", "good")
        table = pa.table(made)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=122_880)
    if writer is not None:
        writer.close()


CHECKS = f"""
import sys
from pathlib import Path
import pyarrow as pa
import pyarrow.parquet as pq
from noria.checks.settings import CheckSettings
from noria.checks.suite import held
from noria.datasets.schema import Column, Schema

types = {{str(pa.int64()): "int", str(pa.float64()): "float", str(pa.timestamp("us")): "timestamp"}}
columns = []
for each in pq.read_schema(sys.argv[1]):
    said = {{}}
    if each.name in {NUMBERS}:
        said |= {{"min": {LOW}, "max": {HIGH}}}
    if each.name in {CLASSES}:
        said["values"] = tuple({WORDS})
    if each.name == "code":
        said["match"] = {PATTERN!r}
    if each.name in {WHOLE}:
        said["nullable"] = False
    columns.append(Column(each.name, types.get(str(each.type), "text"), declared=tuple(said), **said))
asked = CheckSettings(unique=("id",), rules=("n0 <= n0 + 1",))
found = held(Path(sys.argv[1]), Schema(tuple(columns)), asked, key=("id",))
assert found == (), found
print("all hold")
"""

PROFILE = """
import sys
from pathlib import Path
from noria.datasets.profile import profile
made = profile(Path(sys.argv[1]), target="y")
print(f"{len(made.columns)} columns, {len(made.associations)} associations, the target")
"""
OWN = {"checks": CHECKS, "profile": PROFILE}
TITLES = {"checks": "24 checks and a unique key", "profile": "profile"}


def lines(folder: Path, rows: int) -> list[Line]:
    """Measure checks and profile."""
    path, python = folder / "rows.parquet", peers_python()
    write(path, rows)
    made = []
    for part, code in OWN.items():
        own = told("noria", part, call([sys.executable, "-c", code, str(path)]))
        others = {}
        if python is not None:
            peers = Path(__file__).with_name("data_checks_peers.py")
            others = {
                name: told(name, part, call([str(python), str(peers), function, str(path)]))
                for function, name in PEERS[part].items()
            }
        bounds = BOUNDS[part] if rows == FULL else (None, None)
        for name, found in others.items() or [("", None)]:
            what = f"{rows:,} rows x 20: {TITLES[part]}"
            made.append(Line(what, own.cpu, "CPU s", bounds[0], found and found.cpu, name))
            made.append(Line(what, own.peak, "MB", bounds[1], found and found.peak, name))
    return made


def told(name: str, part: str, used: Used) -> Used:
    show(f"  {name:20} {part:8} {used.cpu:6.2f} CPU s {used.peak:6,.0f} MB  {used.told}")
    return used
