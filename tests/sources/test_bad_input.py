"""What people really have: each fault of a table has a clear answer, and none costs stored data."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pulling import noria

from noria.errors import NoriaError, SourceNotFound, WrongData
from noria.sources.inference import settle
from noria.sources.source import read, token
from noria.sources.stream import stream
from noria.workspace import Workspace


def told(source: str, root: Path, **more: object) -> tuple[pa.Table, str]:
    notes: list[str] = []
    table = read(source, root=root, note=notes.append, **more)  # type: ignore[arg-type]
    return table, "\n".join(notes)


def test_mixed_types_stay_text_and_the_odd_cells_are_named(tmp_path: Path) -> None:
    cells = [str(i) for i in range(1, 100)]
    cells[41], cells[70] = "many", "n.a."
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(cells) + "\n")
    table, notes = told("a.csv", tmp_path)
    assert table.schema.field("x").type == pa.string()
    assert notes == "column x is text: 97 of 99 cells are numbers, 2 are not: 'many' (row 42), 'n.a.' (row 71)"
    table, notes = told("a.csv", tmp_path, na_values=("many", "n.a."))
    assert table.schema.field("x").type == pa.int64()
    assert notes == ""


def test_dates_in_two_forms_stay_text_and_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("when\n2026-05-01\n2026-05-02\n03.05.2026\n")
    table, notes = told("a.csv", tmp_path)
    assert table["when"].to_pylist() == ["2026-05-01", "2026-05-02", "03.05.2026"]
    assert notes == (
        "column when is text: 2 of 3 cells are times like 2026-05-01, 1 are times like 31.12.2026"
    )  # fmt: skip


def test_dates_that_fit_both_orders_stay_text_and_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("when\n01/02/2026\n03/04/2026\n")
    assert "fit day/month and month/day alike" in told("a.csv", tmp_path)[1]
    (tmp_path / "a.csv").write_text("when\n01/02/2026\n13/04/2026\n")
    table, notes = told("a.csv", tmp_path)
    assert table["when"].to_pylist() == [datetime(2026, 2, 1), datetime(2026, 4, 13)]
    assert notes == ""


def test_decimals_with_commas(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('x;y\n1,5;"1.234,50"\n2;7\n')
    assert read("a.csv", root=tmp_path).to_pydict() == {"x": [1.5, 2.0], "y": [1234.5, 7.0]}
    (tmp_path / "a.csv").write_text('x\n"1,5"\n"2,25"\n3.75\n')
    table, notes = told("a.csv", tmp_path)
    assert table.schema.field("x").type == pa.string()
    assert notes == "column x is text: 2 numbers have a decimal comma and 1 a point"


def test_codes_are_no_doubt(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("zip,name\n01067,Zoë\n80331,Ann\n")
    assert told("a.csv", tmp_path)[1] == ""


@pytest.mark.parametrize("encoding", ["latin-1", "cp1251", "shift_jis", "utf-16-le"])
def test_a_wrong_encoding_is_told(tmp_path: Path, encoding: str) -> None:
    text = {"latin-1": "Größe", "cp1251": "Возраст", "shift_jis": "年齢", "utf-16-le": "Größe"}[encoding]
    (tmp_path / "a.csv").write_bytes(f"{text},b\n1,2\n".encode(encoding))
    with pytest.raises(WrongData) as caught:
        read("a.csv#encoding=utf-8", root=tmp_path)
    assert caught.value.code in {"N-SOURCE-024", "N-SOURCE-027"}
    assert read(f"a.csv#encoding={encoding}", root=tmp_path).column_names == [text, "b"]


def test_ragged_rows_are_told_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3,4,5\n")
    with pytest.raises(WrongData, match="line 3: 3 cells, and the header has 2") as caught:
        read("a.csv", root=tmp_path)
    assert "3,4,5" in caught.value.why


def test_duplicate_headers_are_told_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,a\n1,2,3\n")
    with pytest.raises(WrongData, match="more than once") as caught:
        read("a.csv", root=tmp_path)
    assert "'a': columns 1, 3" in caught.value.why


@pytest.mark.parametrize("rows", [3, 400_000])
def test_a_nul_in_text_is_told(tmp_path: Path, rows: int) -> None:
    """Early in the file it looks binary; far down only the column shows it."""
    (tmp_path / "a.csv").write_bytes(b"a,b\n" + b"1,x\n" * rows + b"2,y\x00z\n")
    with pytest.raises(WrongData) as caught:
        read("a.csv", root=tmp_path)
    assert ("is not text" in caught.value.what) == (rows == 3)
    if rows > 3:
        assert caught.value.what == f"column 'b' holds a NUL character in row {rows + 1:,}"


def test_a_nul_in_json_and_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"a": "x"}, {"a": "y\x00z"}]))
    pq.write_table(pa.table({"a": ["x", "y\x00z"]}), tmp_path / "a.parquet")
    for name in ("a.json", "a.parquet"):
        with pytest.raises(WrongData, match="NUL character in row 2"):
            read(name, root=tmp_path)


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, mark: str) -> None:
    (tmp_path / "a.csv").write_bytes('"id",b\n1,2\n'.encode(mark))
    (tmp_path / "b.csv").write_bytes("﻿id,b\n3,4\n".encode())
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf" + b'[{"id": 5, "b": 6}]')
    assert [read(name, root=tmp_path)["id"].to_pylist() for name in ("a.csv", "b.csv", "c.json")] == [[1], [3], [5]]


def test_ten_thousand_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(10_000)]
    row = ",".join(map(str, range(10_000)))
    (tmp_path / "a.csv").write_text("\n".join([",".join(names), row, row, row]))
    table = read("a.csv", root=tmp_path)
    assert table.num_columns == 10_000
    assert table.schema.field("c9999").type == pa.int64()


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b"a,b\n"), ("a.json", b"[]"), ("a.jsonl", b"\n"), ("a.csv.gz", gzip.compress(b"a\n", mtime=0))],
)
def test_zero_rows_are_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongData) as caught:
        read(name, root=tmp_path)
    assert caught.value.code in {"N-SOURCE-020", "N-SOURCE-022"}
    assert caught.value.mend


def test_zero_rows_of_parquet_are_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    with pytest.raises(WrongData, match="has a header but no rows"):
        read("a.parquet", root=tmp_path)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """Followed, two of them would be walked 2^40 times, and each file read as often."""
    inner = tmp_path / "data" / "inner"
    inner.mkdir(parents=True)
    (inner / "a.csv").write_text("x\n1\n")
    (inner / "up").symlink_to(tmp_path / "data")
    (inner / "again").symlink_to(inner)
    (inner / "b.csv").symlink_to(inner / "a.csv")
    (inner / "loop.csv").symlink_to(inner / "loop.csv")
    for pattern in ("data/**/*.csv", "data/*/*.csv", "data/*/*/*.csv"):
        assert read(pattern, root=tmp_path)["x"].to_pylist() == [1], pattern
    with pytest.raises(SourceNotFound):
        read("data/inner/loop.csv", root=tmp_path)


def test_names_with_line_breaks_and_worse(tmp_path: Path) -> None:
    (tmp_path / "a\nb.csv").write_text("x\n1\n")
    (tmp_path / "c\x1b[31m.csv").write_text("x\n2\n")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff.csv"))
    odd.write_text("x\n3\n")
    assert token("*.csv", root=tmp_path)
    with pytest.raises(WrongData, match=r"^d\\udcff.csv has a name that is no UTF-8"):
        read("*.csv", root=tmp_path)
    odd.unlink()
    assert read("*.csv", root=tmp_path)["x"].to_pylist() == [1, 2]
    assert token("*.csv", root=tmp_path) == token("*.csv", root=tmp_path)
    (tmp_path / "c\x1b[31m.csv").write_text("y\n2\n")
    for ask in (lambda: read("*.csv", root=tmp_path), lambda: list(stream("*.csv", root=tmp_path).tables)):
        with pytest.raises(WrongData) as caught:
            ask()
        assert r"c\x1b[31m.csv has other columns than a\nb.csv" in caught.value.what
        assert "\n" not in caught.value.what
    (tmp_path / "a\nb.csv").unlink()
    (tmp_path / "c\x1b[31m.csv").unlink()
    (tmp_path / "e\nf.csv").write_bytes(b"")
    with pytest.raises(NoriaError, match="is empty") as empty:
        read("*.csv", root=tmp_path)
    assert "\n" not in empty.value.what


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        read("x" * 5000 + ".csv", root=tmp_path)


PROJECT = """
[project]
name = "p"
[data]
source = "{source}"
target = "y"
[model]
candidates = ["logistic"]
trials = 1
"""


def _rows(path: Path, cell: str = "7") -> None:
    lines = [f"{i % 17},{i % 5},{int(i % 17 > 8)}" for i in range(200)]
    path.write_text("a,b,y\n" + "\n".join(lines[:-1]) + f"\n{cell},1,0\n")


@pytest.mark.slow
def test_a_column_that_changed_its_type_is_told(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(PROJECT.format(source="a.csv"))
    _rows(tmp_path / "a.csv")
    first = noria(tmp_path, "run")
    assert first.returncode == 0, first.stderr
    assert " was " not in first.stderr
    _rows(tmp_path / "a.csv", "many")
    checked = noria(tmp_path, "check")
    assert "warn: column a was int and is category since p@1" in checked.stdout
    assert "199 of 200 cells are numbers, 1 is not: 'many' (row 200)" in checked.stdout
    again = noria(tmp_path, "run")
    assert "warn: column a was int and is category; see noria data diff 1 2" in again.stderr


@pytest.mark.slow
def test_a_source_that_dies_half_way_makes_no_version(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (a INTEGER, b INTEGER, y INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i % 17, i % 5, int(i % 17 > 8)) for i in range(200)])
    source = "sql:sqlite:///a.db?query=SELECT abs(a) AS a, b, y FROM t"
    (tmp_path / "noria.toml").write_text(PROJECT.format(source=source))
    assert noria(tmp_path, "run").returncode == 0
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("INSERT INTO t VALUES (-9223372036854775808, 1, 1)")  # abs() of it overflows
    done = noria(tmp_path, "run")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "N-SOURCE-055" in done.stderr
    workspace = Workspace(tmp_path)
    assert [version.number for version in workspace.datasets.versions("p")] == [1]
    workspace.close()


def test_dictionaries_of_string_views(tmp_path: Path) -> None:
    """As polars gives its categories."""
    views = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.uint32()), pa.array(["x", "y"], pa.string_view()))
    assert settle(pa.table({"a": views}), na_values=(), from_text=False)["a"].to_pylist() == ["x", "y", None]
