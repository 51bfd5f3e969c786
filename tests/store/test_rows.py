"""Tables kept by the rows that changed: whatever the match says, the same rows and the same file come out."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import CorruptedBlob
from noria.store.blobs import Blobs
from noria.store.delta_writing import Rows
from noria.store.rows import decode, digest_rows, encode, read_rows, write_rows

OPTIONS = {"compression": "zstd", "row_group_size": 7}
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "n": (pa.int64(), st.integers(-3, 3)),
    "small": (pa.int8(), st.integers(-3, 3)),
    "x": (pa.float64(), st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf])),
    "b": (pa.bool_(), st.booleans()),
    "s": (pa.string(), st.sampled_from(["", "a", "ä€", "long " * 9])),
    "l": (pa.large_string(), st.sampled_from(["", "z"])),
    "raw": (pa.binary(), st.binary(max_size=3)),
    "t": (pa.timestamp("us"), st.integers(0, 5).map(lambda day: datetime(2026, 1, 1) + timedelta(days=day))),
    "d": (pa.decimal128(9, 2), st.sampled_from([Decimal("1.00"), Decimal("-2.50")])),
    "none": (pa.null(), st.none()),
}


@st.composite
def tables(draw: st.DrawFn, names: st.SearchStrategy[list[str]] | None = None) -> pa.Table:
    chosen = draw(names or st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5, unique=True))
    rows = draw(st.integers(0, 25))
    columns = {}
    for name in chosen:
        kind, cells = KINDS[name]
        missing = st.none() if draw(st.booleans()) else cells
        values = draw(st.lists(cells | missing, min_size=rows, max_size=rows))
        columns[name] = pa.array(values, kind)
    return pa.table(columns)


def same(a: pa.Table, b: pa.Table) -> bool:
    return a.schema.equals(b.schema) and write_rows(a, OPTIONS) == write_rows(b, OPTIONS)


@settings(deadline=None, max_examples=100)
@given(old=tables(), new=tables(), data=st.data())
def test_whatever_the_match_says(old: pa.Table, new: pa.Table, data: st.DataObject) -> None:
    low, high = -1, old.num_rows - 1
    match = np.array(
        data.draw(st.lists(st.integers(low, high), min_size=new.num_rows, max_size=new.num_rows)), np.int64
    )
    made = encode(new, old, match, OPTIONS)
    if made is None:
        assert not {(f.name, f.type) for f in old.schema} & {(f.name, f.type) for f in new.schema}
        return
    again, options = decode(made[0], old)
    assert same(again, new)
    assert (digest_rows(again), options) == (made[1], OPTIONS)


@settings(deadline=None)
@given(a=tables(), b=tables())
def test_only_equal_rows_have_one_digest(a: pa.Table, b: pa.Table) -> None:
    pieces = pa.concat_tables([a.slice(0, 3), a.slice(3)]) if a.num_rows > 3 else a
    assert digest_rows(pieces) == digest_rows(a)
    assert (digest_rows(a) == digest_rows(b)) == same(a, b)


BIG = {**OPTIONS, "row_group_size": 20_000}


def table(rows: int, seed: int = 0, start: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    return pa.table(
        {
            "id": np.arange(start, start + rows),
            "amount": draw.normal(size=rows),
            "other": draw.normal(size=rows),
            "grade": pa.array(np.array(["A", "B", "C"])[draw.integers(0, 3, rows)]),
        }
    )


def keep(blobs: Blobs, new: pa.Table, old: pa.Table, base: str, match: np.ndarray) -> str:
    data = write_rows(new, BIG)
    return blobs.put(data, base=Rows(base, old, match, BIG))  # type: ignore[arg-type]


@pytest.fixture
def grown(blobs: Blobs) -> tuple[Blobs, str, pa.Table]:
    old = table(60_000)
    base = blobs.put(write_rows(old, BIG))
    new = pa.concat_tables([old, table(100, 1, 60_000)])
    match = np.concatenate([np.arange(60_000), np.full(100, -1)])
    return blobs, keep(blobs, new, old, base, match), new


def test_a_table_is_kept_by_what_its_rows_add(grown: tuple[Blobs, str, pa.Table]) -> None:
    blobs, digest, new = grown
    delta, base = blobs.files(digest)  # type: ignore[arg-type]
    assert delta.stat().st_size < 0.02 * base.stat().st_size
    assert blobs.get(digest) == write_rows(new, BIG) == blobs.path(digest).read_bytes()  # type: ignore[arg-type]
    assert blobs.table(digest).equals(new)  # type: ignore[arg-type]
    assert blobs.is_whole(digest)  # type: ignore[arg-type]


def test_other_bytes_of_a_newer_writer_are_the_same_rows(
    grown: tuple[Blobs, str, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, digest, new = grown
    real = write_rows
    monkeypatch.setattr(
        "noria.store.rows.write_rows", lambda table, options: real(table, {**options, "compression": "none"})
    )
    assert blobs.get(digest) != real(new, BIG)  # type: ignore[arg-type]
    assert blobs.is_whole(digest)  # type: ignore[arg-type]
    assert read_rows(blobs.path(digest).read_bytes()).equals(new)  # type: ignore[arg-type]


def test_a_flipped_bit_is_told(grown: tuple[Blobs, str, pa.Table]) -> None:
    blobs, digest, new = grown
    path = blobs.files(digest)[0]  # type: ignore[arg-type]
    path.chmod(0o644)
    sound, draw = path.read_bytes(), random.Random(0)
    for _ in range(40):
        damaged = bytearray(sound)
        damaged[draw.randrange(len(sound))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(damaged))
        try:
            assert blobs.table(digest).equals(new)  # type: ignore[arg-type]
        except CorruptedBlob:
            assert not blobs.is_whole(digest)  # type: ignore[arg-type]


@pytest.mark.parametrize("same", [True, False])
def test_rows_that_were_just_written_are_proved_without_their_file(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    old, new = table(60_000), pa.concat_tables([table(60_000), table(100, 1, 60_000)]).combine_chunks()
    base, data = blobs.put(write_rows(old, BIG)), write_rows(new, BIG)
    rebuilt = new if same else new.set_column(1, "amount", pa.array(np.zeros(new.num_rows)))
    monkeypatch.setattr("noria.store.rows.decode", lambda *_: (rebuilt, BIG))
    monkeypatch.setattr("noria.store.rows.write_rows", None)
    match = np.concatenate([np.arange(60_000), np.full(100, -1)])
    digest = blobs.put(data, base=Rows(base, old, match, BIG, new))
    monkeypatch.undo()
    assert len(blobs.files(digest)) == (2 if same else 1)
    assert blobs.get(digest) == data


def test_a_file_that_does_not_keep_the_types_is_kept_whole(blobs: Blobs) -> None:
    seconds = pa.array(np.arange(60_000), pa.timestamp("s"))
    old = table(60_000).append_column("t", seconds)
    base, more = blobs.put(write_rows(old, BIG)), pa.concat_tables([old, old.slice(0, 1)]).combine_chunks()
    data, before = write_rows(more, BIG), blobs.table(base)
    assert before["t"].type != seconds.type
    digest = blobs.put(data, base=Rows(base, before, np.arange(60_001) % 60_000, BIG, more))
    assert len(blobs.files(digest)) == 1
    assert blobs.get(digest) == data


def test_a_file_that_was_written_otherwise_is_kept_whole(blobs: Blobs) -> None:
    old = table(60_000)
    base = blobs.put(write_rows(old, BIG))
    data = write_rows(pa.concat_tables([old, old.slice(0, 1)]), {"compression": "snappy"})
    digest = blobs.put(data, base=Rows(base, old, np.arange(60_001) % 60_000, BIG))
    assert len(blobs.files(digest)) == 1
    assert blobs.get(digest) == data


@pytest.mark.parametrize("newer", [False, True])
def test_erasing_the_table_before_keeps_the_rows_after(
    grown: tuple[Blobs, str, pa.Table], monkeypatch: pytest.MonkeyPatch, newer: bool
) -> None:
    blobs, digest, new = grown
    base = blobs.files(digest)[1].name  # type: ignore[arg-type]
    if newer:
        real, later = write_rows, {**BIG, "compression": "none"}
        monkeypatch.setattr("noria.store.rows.write_rows", lambda table, _: real(table, later))
    blobs.erase(base)  # type: ignore[arg-type]
    assert not blobs.has(base)  # type: ignore[arg-type]
    assert blobs.table(digest).equals(new)  # type: ignore[arg-type]
    assert blobs.is_whole(digest)  # type: ignore[arg-type]
    assert not any(base in path.name for path in blobs.root.rglob("*"))
