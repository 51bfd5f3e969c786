"""Columns put aside: the same rows, on disk instead of in memory; nothing is left behind."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import StoreUnavailable
from noria.store import aside
from noria.store.aside import Gathered, chosen, column_aside, filtered, shelve, spooled, without_copies
from noria.store.blobs import Blobs
from noria.store.memory import GRANT, put_aside
from noria.store.parquet import keep_rows, read_rows, write_rows

CELLS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(max_size=5),
    pa.timestamp("us"): st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    names = [f"c{place}" for place in range(len(kinds))]
    parts = [
        pa.table(
            [pa.array(draw(st.lists(st.none() | CELLS[kind], min_size=n, max_size=n)), kind) for kind in kinds], names
        )
        for n in sizes
    ]
    return pa.concat_tables(parts)


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv(GRANT, "1")
    monkeypatch.setattr(aside, "_ROWS", 3)
    put_aside(tmp_path / "aside")
    yield
    from noria.store import memory

    memory._aside.clear()


WITH_FIXTURES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@WITH_FIXTURES
@given(tables())
def test_what_is_put_aside_is_what_was_there(table: pa.Table) -> None:
    assert shelve(table).equals(table)
    assert all(column_aside(column).equals(column) for column in table.columns)
    assert spooled(table.schema, (batch.columns for batch in table.to_batches())).equals(table)


@WITH_FIXTURES
@given(tables(), st.data())
def test_rows_are_chosen_as_arrow_chooses_them(table: pa.Table, data: st.DataObject) -> None:
    n = table.num_rows
    mask = pa.array(data.draw(st.lists(st.sampled_from([True, False, None]), min_size=n, max_size=n)), pa.bool_())
    assert filtered(table, mask).equals(table.filter(mask))
    places = st.integers(0, n - 1) if n else st.nothing()
    rows = np.array(data.draw(st.lists(places, max_size=8) if n else st.just([])), dtype=np.int64)
    assert chosen(table, rows).equals(table.take(pa.array(rows)))
    assert chosen(table, np.sort(rows)).equals(table.take(pa.array(np.sort(rows))))


@WITH_FIXTURES
@given(st.lists(tables(), min_size=1, max_size=4))
def test_tables_that_come_one_by_one_come_back_in_their_order(parts: list[pa.Table]) -> None:
    gathered = Gathered()
    for part in parts:
        gathered.add(part)
    back = [row for table in gathered.tables() for row in table.to_pylist()]
    assert back == [row for table in parts for row in table.to_pylist()]


def test_tables_of_other_schemas_in_turn_go_to_disk_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GRANT, "8000")
    gathered = Gathered()
    for n in range(100):
        gathered.add(pa.table({f"c{n % 2}": list(range(10))}))
    assert sum(table.nbytes for run in gathered._held for table in run) <= 1000
    assert [table.column_names for table in gathered.tables()] == [[f"c{n % 2}"] for n in range(100)]


@WITH_FIXTURES
@given(tables(), st.integers(1, 4))
def test_a_file_of_rows_has_the_bytes_it_has_when_written_at_once(table: pa.Table, size: int) -> None:
    plain = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), plain, row_group_size=size, compression="zstd")
    made = pa.BufferOutputStream()
    write_rows(shelve(table), made, row_group_size=size, compression="zstd")
    assert made.getvalue().equals(plain.getvalue())


def test_the_store_keeps_the_same_file_and_gives_it_back(tmp_path: Path) -> None:
    table = pa.table({"a": list(range(10)), "b": [f"t{i}" for i in range(10)]})
    blobs = Blobs(tmp_path / "objects")
    sink = pa.BufferOutputStream()
    write_rows(table, sink, row_group_size=4)
    digest = keep_rows(table, blobs, row_group_size=4)
    assert blobs.put(sink.getvalue().to_pybytes()) == digest
    assert read_rows(blobs.path(digest)).equals(table)


def test_columns_that_lie_on_disk_are_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table = shelve(pa.table({"a": [1, 2], "b": ["x", "y"]}))
    written = []
    monkeypatch.setattr(aside, "column_aside", lambda column: written.append(column) or column)
    keep = without_copies(table)
    keep(table["a"])
    made = table.set_column(0, "a", pc.add(table["a"], 1))
    shelve(made, like=table)
    assert [column.to_pylist() for column in written] == [[2, 3]]


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    table = shelve(pa.table({"a": [1, 2]}))
    assert table["a"].to_pylist() == [1, 2]
    assert list((tmp_path / "aside").iterdir()) == []


def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    code = """
        import os, pathlib, pyarrow as pa, signal, sys
        from noria.store.aside import spooled
        from noria.store.memory import put_aside
        put_aside(pathlib.Path(sys.argv[1]))
        def rows():
            yield [pa.array([1])]
            os.kill(os.getpid(), signal.SIGKILL)
        spooled(pa.schema([("a", pa.int64())]), rows())
        """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "here")], check=False, capture_output=True
    )
    assert ended.returncode == -9
    assert list((tmp_path / "here").iterdir()) == []


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(aside.pa, "OSFile", full)
    with pytest.raises(StoreUnavailable, match=r"cannot be put aside in .*No space left") as caught:
        column_aside(pa.chunked_array([[1]]))
    assert "NORIA_MEMORY" in caught.value.mend


def test_a_folder_that_may_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    put_aside(tmp_path / "file" / "tmp")
    with pytest.raises(StoreUnavailable):
        column_aside(pa.chunked_array([[1]]))
