"""Versions of big tables: a large CSV added and changed; what kinds of change cost; a keyed diff; parts of data.py.

The large CSV is kept by noria and by DVC, in folders of their own. What kinds of change cost is 1 % of the rows changed
in the ways rows do change: percent of the second version's own size in the same format (its CSV; its Parquet as noria
writes it whole), and for the Parquet what the commit takes, beside that of the same rows as a first version.
"""

from __future__ import annotations

import io
import resource
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from data_measured import Line, Used, beside, call, keepers, remove, settle, show, size
from noria.datasets.catalog import Datasets
from noria.datasets.diff import diff
from noria.datasets.parquet import to_bytes
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.workspace import MIGRATIONS

BLOCK = 500_000
FULL_GIGABYTES = 4.0
FULL_ROWS = 1_500_000
MOST = 0.5  # percent of a CSV that changed in 1 % of its rows, wherever they are
SCATTERED = ("update, scattered, 2 columns", "insert, scattered", "delete, scattered")


def table(rows: int, seed: int = 0, start: int = 0) -> pa.Table:
    """Twenty columns: a key, money, measurements, counts, categories, a day."""
    rng = np.random.default_rng([seed, start])
    columns: dict[str, object] = {"id": np.arange(start, start + rows)}
    columns |= {f"amount{n}": np.round(rng.lognormal(6, 1, rows), 2) for n in range(5)}
    columns |= {f"ratio{n}": np.round(rng.normal(size=rows), 4) for n in range(4)}
    columns |= {f"count{n}": rng.integers(0, 10 ** (n + 1), rows) for n in range(4)}
    columns |= {f"grade{n}": np.array(["A", "B", "C", "D", "other"])[rng.integers(0, 5, rows)] for n in range(4)}
    columns["city"] = np.array([f"city {n:03d}" for n in range(400)])[rng.integers(0, 400, rows)]
    columns["open"] = rng.random(rows) < 0.3
    return pa.table(columns).append_column("score", pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1))


def updated(old: pa.Table, where: np.ndarray, seed: int = 9) -> pa.Table:
    rng = np.random.default_rng(seed)
    for name, values in (
        ("amount0", np.round(rng.lognormal(6, 1, len(where)), 2)),
        ("count2", rng.integers(0, 999, len(where))),
    ):
        column = old[name].to_numpy().copy()
        column[where] = values
        old = old.set_column(old.schema.get_field_index(name), name, pa.array(column))
    return old


def write_csv(path: Path, size: float, change: bool) -> int:
    """Write blocks until the file is large enough; every block is changed in 1 % of its rows where that is asked."""
    rows, options = 0, pa_csv.WriteOptions(quoting_style="needed")
    with path.open("wb") as file:
        while file.tell() < size:
            block = table(BLOCK, 0, rows)
            if change:
                where = np.random.default_rng([5, rows]).choice(BLOCK, BLOCK // 100, replace=False)
                block = updated(block, where, rows)
            pa_csv.write_csv(
                block, file, pa_csv.WriteOptions(include_header=rows == 0, quoting_style=options.quoting_style)
            )
            rows += BLOCK
    return rows


def story(
    name: str, folder: Path, commands: dict[str, list[str]], source: Path, changed: Path
) -> tuple[dict[str, Used], dict[str, int]]:
    told, grown, data = {}, {}, folder / "data" / "big.csv"
    data.parent.mkdir()
    shutil.copyfile(source, data)

    def step(title: str, command: str) -> None:
        before = size(folder / f".{name.lower()}")
        told[title] = call(commands[command], folder)
        grown[title] = size(folder / f".{name.lower()}") - before
        used = f"{told[title].cpu:6.2f} CPU s {told[title].peak:6,.0f} MB"
        show(f"  {name:6} {title:30} {used}, {grown[title] / 1e6:,.1f} MB kept")

    settle()
    step("add", "add")
    settle()
    step("status, nothing changed", "status")
    shutil.copyfile(changed, data)
    settle()
    step("add, 1 % of the rows changed", "add")
    data.unlink()
    step("checkout of that version", "checkout")
    call(["cmp", str(data), str(changed)])
    remove(folder)
    return told, grown


def csv_lines(folder: Path, gigabytes: float) -> list[Line]:
    """Measure a large CSV and a version of it with 1 % of its rows updated, all over."""
    source, changed = folder / "one.csv", folder / "two.csv"
    rows = write_csv(source, gigabytes * 1e9, change=False)
    write_csv(changed, gigabytes * 1e9, change=True)
    whole = changed.stat().st_size
    what = f"a CSV of {whole / 1e9:.1f} GB, {rows:,} rows"
    told, grown = {}, {}
    for name, made in keepers(folder).items():
        told[name], grown[name] = story(name, *made, source, changed)
    source.unlink()
    changed.unlink()
    full = gigabytes == FULL_GIGABYTES
    lines = [
        beside(f"{what}: {title}", {name: found[title] for name, found in told.items()},
               bound=12.0 if full and title == "add" else None)
        for title in told["noria"]
    ]  # fmt: skip
    cost = {name: 100 * each["add, 1 % of the rows changed"] / whole for name, each in grown.items()}
    bound = MOST if full else None
    return [*lines, Line(f"{what}: kept for 1 % updated", cost["noria"], "%", bound, cost.get("DVC"), "DVC")]


def kinds(old: pa.Table) -> dict[str, pa.Table]:
    rng, rows = np.random.default_rng(1), old.num_rows
    few = rows // 100
    some = np.sort(rng.choice(rows, few, replace=False))
    fresh = table(few, 3, rows)
    order = np.argsort(np.concatenate([np.arange(rows), some + 0.5]), kind="stable")
    left = np.delete(np.arange(rows), some)
    block = np.concatenate([np.arange(rows // 3), rows + np.arange(few), np.arange(rows // 3, rows)])
    both = pa.concat_tables([old, fresh])
    return {
        "update, scattered, 2 columns": updated(old, some),
        "update, one block, 2 columns": updated(old, np.arange(rows // 2, rows // 2 + few)),
        "insert, scattered": both.take(pa.array(order)),
        "insert, one block": both.take(pa.array(block)),
        "delete, scattered": old.take(pa.array(left)),
        "append": both,
        "a column more": old.append_column("new", pa.array(rng.integers(0, 9, rows))),
    }


def as_csv(rows: pa.Table) -> bytes:
    file = io.BytesIO()
    pa_csv.write_csv(rows, file)
    return file.getvalue()


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def kinds_lines(folder: Path, rows: int) -> list[Line]:
    """Measure what 1 % of the rows costs: as a CSV, and as a table with its key."""
    old = table(rows).combine_chunks()
    text = as_csv(old)
    lines: list[Line] = []
    for name, new in kinds(old).items():
        new, part = new.combine_chunks(), folder / "kind"
        part.mkdir()
        blobs = Blobs(part / "csv")
        base, changed = blobs.put(text), as_csv(new)
        digest = blobs.put(changed, base=base)
        assert blobs.get(digest) == changed
        share = 100 * blobs.files(digest)[0].stat().st_size / len(changed)
        what, bound = f"{rows:,} rows, {name}", MOST if rows == FULL_ROWS and name in SCATTERED else None
        lines += [Line(f"{what}: kept of a CSV", share, "%", bound), *_committed(part, what, old, new)]
        show(f"  {what}: " + ", ".join(f"{line.noria:.2f} {line.unit}" for line in lines[-3:]))
        remove(part)
    return lines


def _committed(folder: Path, what: str, old: pa.Table, new: pa.Table) -> list[Line]:
    blobs, database = Blobs(folder / "rows"), Database(f"sqlite:///{folder}/rows.db")
    upgrade(database, MIGRATIONS)
    datasets = Datasets(database, blobs)
    began = cpu()
    datasets.commit("t", old, source="", key=["id"])
    first, began = cpu() - began, cpu()
    version = datasets.commit("t", new, source="", key=["id"])
    took = cpu() - began
    assert datasets.read(version).equals(new)
    database.close()
    share = 100 * blobs.files(version.digest)[0].stat().st_size / len(to_bytes(new))
    return [
        Line(f"{what}: kept of a table", share, "%"),
        Line(f"{what}: commit", took, peer=first, by="noria's first version"),
    ]


def diff_lines(rows: int) -> list[Line]:
    """Measure a diff by key, the rows in another order."""
    old = table(rows).combine_chunks()
    rng = np.random.default_rng(2)
    new = updated(old, rng.choice(old.num_rows, rows // 100, replace=False))
    new = new.take(pa.array(rng.permutation(old.num_rows)[: -rows // 1500])).combine_chunks()
    diff(old.slice(0, 10), new.slice(0, 10), ["id"])
    began = cpu()
    found = diff(old, new, ["id"])
    took = cpu() - began
    show(f"  keyed diff {took:.2f} CPU s: {found.changed:,} changed, {found.removed:,} removed")
    return [Line(f"{rows:,} rows x 20: diff by key", took, bound=1.5 if rows == FULL_ROWS else None)]
