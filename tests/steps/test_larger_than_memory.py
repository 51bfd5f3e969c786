"""With little memory every step gives what it gives with much, and holds a column instead of the table."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from noria.datasets.query import select
from noria.datasets.splits import rows_digest
from noria.errors import WrongData
from noria.preparation.clean_settings import CleanSettings
from noria.preparation.cleaning import clean
from noria.sources.source import read
from noria.store.memory import GRANT

RNG = np.random.default_rng(5)
N = 3000
TABLE = pa.table(
    {
        "id": pa.array(RNG.permutation(N)),
        "age": pa.array(RNG.integers(18, 90, N), mask=RNG.random(N) < 0.1),
        "income": pa.array(RNG.normal(30, 9, N).round(2)),
        "grade": pa.array(RNG.choice([" A", "B", "?", "Größe"], N)),
        "at": pa.array(np.datetime64("2026-01-01", "us") + RNG.integers(0, 9_999_999, N) * np.timedelta64(1, "s")),
        "bad": pa.array(RNG.random(N) < 0.3),
    }
)
KINDS = {"csv": arrow_csv.write_csv, "parquet": pq.write_table}


def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: object) -> list[object]:
    found = []
    for memory in ("", "2kB"):
        monkeypatch.setenv(GRANT, memory)
        found.append(work())  # type: ignore[operator]
    return found


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_files_are_read_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    KINDS[kind](TABLE, str(tmp_path / f"a.{kind}"))
    KINDS[kind](TABLE.slice(0, 100), str(tmp_path / f"b.{kind}"))
    for source in (f"a.{kind}", f"*.{kind}"):
        much, little = both(monkeypatch, tmp_path, lambda source=source: read(source, root=tmp_path, na_values=["?"]))
        assert isinstance(much, pa.Table)
        assert much.equals(little)
        assert much.schema.field("age").type == pa.int64()


def test_letters_that_come_late_tell_the_encoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = ["name,n", *(f"plain {i},{i}" for i in range(30_000)), "Größe,1"]
    (tmp_path / "late.csv").write_bytes("\n".join(lines).encode("cp1252"))
    much, little = both(monkeypatch, tmp_path, lambda: read("late.csv", root=tmp_path))
    assert isinstance(much, pa.Table)
    assert much.equals(little)
    assert much["name"][-1].as_py() == "Größe"


def test_a_torn_row_is_named_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torn.csv").write_text("a,b\n" + "1,2\n" * 5000 + "1,2,3\n")

    def told() -> str:
        with pytest.raises(WrongData) as caught:
            read("torn.csv", root=tmp_path)
        return str(caught.value)

    much, little = both(monkeypatch, tmp_path, told)
    assert much == little
    assert "line 5002: 3 cells" in str(much)


def test_a_file_that_was_cut_off_is_told_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("noria.sources.delimited._SMALL_BLOCK", 1 << 14)  # the cut is met after some blocks
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(200_000)), mtime=0)
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])

    def told() -> str:
        with pytest.raises(WrongData) as caught:
            read("cut.csv.gz", root=tmp_path)
        return f"{caught.value.what} {caught.value.why} {caught.value.mend}"

    much, little = both(monkeypatch, tmp_path, told)
    assert much == little
    assert "cut off" in str(much)


@pytest.mark.parametrize("duplicates", [False, True, "key:first", "key:last"])
def test_cleaning_gives_the_same_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, duplicates: str | bool) -> None:
    order = pa.array(RNG.integers(0, N, 2 * N))
    table = pa.concat_tables([TABLE.take(order), TABLE.take(order).set_column(5, "bad", pa.nulls(2 * N, pa.bool_()))])
    table = table.set_column(0, "id", pa.array(table["id"].to_pylist()[:-3] + [None] * 3, pa.int64()))
    settings = CleanSettings.model_validate(
        {
            "na_values": ["?", "18"],
            "drop_duplicates": duplicates,
            "cast": {"income": "text", "bad": "int"},
            "bounds": {"age": {"min": 20, "max": 80, "do": "drop"}, "at": {"min": "2026-02-01", "do": "clip"}},
        }
    )
    much, little = both(monkeypatch, tmp_path, lambda: clean(table, settings, key=["id"]))
    assert isinstance(much, tuple)
    assert isinstance(little, tuple)
    assert much[0].equals(little[0])
    assert much[1] == little[1]


@pytest.mark.parametrize("key", [[], ["id"]])
def test_the_held_back_rows_have_one_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: list[str]) -> None:
    much, little = both(monkeypatch, tmp_path, lambda: rows_digest(TABLE, key))
    assert much == little
    monkeypatch.setenv(GRANT, "2kB")
    assert rows_digest(TABLE.take(pa.array(RNG.permutation(N))), key) == much


def test_a_query_gives_the_same_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    query = "SELECT *, income * 2 AS twice FROM loans WHERE age > 30 ORDER BY id"
    much, little = both(monkeypatch, tmp_path, lambda: select(query, {"loans": TABLE}))
    assert isinstance(much, pa.Table)
    assert much.equals(little)


def test_a_column_is_held_not_the_table(tmp_path: Path) -> None:
    rows = 600_000
    table = pa.table({f"x{i}": RNG.normal(size=rows).round(6) for i in range(12)} | {"y": RNG.integers(0, 2, rows)})
    arrow_csv.write_csv(table, str(tmp_path / "wide.csv"))
    code = """
        import pathlib, sys
        import numpy as np, pyarrow as pa
        from noria.datasets.catalog import Datasets
        from noria.preparation.clean_settings import CleanSettings
        from noria.preparation.cleaning import clean
        from noria.sources.source import read
        from noria.store.aside import chosen
        from noria.store.blobs import Blobs
        from noria.store.database import Database
        from noria.store.memory import put_aside
        from noria.store.migrations import upgrade
        root = pathlib.Path(sys.argv[1])
        put_aside(root / "tmp")
        database, blobs = Database(f"sqlite:///{root}/noria.db"), Blobs(root / "objects")
        upgrade(database, sorted((pathlib.Path(sys.argv[2])).glob("*/migrations")))
        catalog = Datasets(database, blobs)
        made = catalog.commit("wide", read("wide.csv", root=root), source="wide.csv")
        kept, _ = clean(catalog.read(made), CleanSettings(drop_duplicates=True))
        chosen(kept, np.arange(0, kept.num_rows, 2))
        print(pa.default_memory_pool().max_memory(), made.digest)
        """
    rooms = Path(__file__).parents[2] / "src" / "noria"
    peaks, digests = [], set()
    for memory in ("16GB", "64MB"):
        place = tmp_path / memory
        place.mkdir()
        (place / "wide.csv").symlink_to(tmp_path / "wide.csv")
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), str(place), str(rooms)],
            check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", GRANT: memory},
        ).stdout.split()  # fmt: skip
        peaks.append(int(said[0]))
        digests.add(said[1])
    assert len(digests) == 1
    much, little = peaks
    assert much > table.nbytes
    # What is left does not grow with the rows: blocks that are read ahead, and a column.
    assert little < much / 2, peaks


def test_objects_by_line_are_read_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("noria.sources.json_rows._LINES", 7)
    rows = TABLE.slice(0, 100).drop_columns(["at"]).to_pylist()
    mixed = [{**row, "more": place if place < 50 else f"x{place}"} for place, row in enumerate(rows)]
    mixed[3]["code"], mixed[90]["income"] = 7, 12
    (tmp_path / "a.jsonl").write_text("\n".join(["", *map(json.dumps, mixed), ""]))
    much, little = both(monkeypatch, tmp_path, lambda: read("a.jsonl", root=tmp_path))
    assert isinstance(much, pa.Table)
    assert much.to_pylist() == little.to_pylist()  # type: ignore[attr-defined]
    assert much["more"].type == pa.string()
    assert much["code"].null_count == 99


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"a": n, "b": "x"} for n in range(300)]),
        json.dumps({"data": [{"a": n, "b": "x"} for n in range(300)]}),
        json.dumps({"a": list(range(300)), "b": ["x"] * 300}) + "\n",
        json.dumps([{"a": n, "b": "x"} for n in range(300)], indent=1),
        "\ufeff" + "\n".join(json.dumps({"a": n, "b": "x"}) for n in range(300)),
    ],
    ids=["one line", "packed", "columns", "laid out", "lines with a mark"],
)
def test_json_of_every_shape_is_read_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    much, little = both(monkeypatch, tmp_path, lambda: read("a.json", root=tmp_path))
    assert isinstance(much, pa.Table)
    assert much.to_pylist() == little.to_pylist() == [{"a": n, "b": "x"} for n in range(300)]  # type: ignore[attr-defined]
