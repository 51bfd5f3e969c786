"""Which row was which before: every older row once at most, and the ones that are meant."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.datasets.matching import match

CELLS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", None])), max_size=20)


def table(rows: list[tuple[int, str | None]]) -> pa.Table:
    return pa.table(
        {"id": pa.array([row[0] for row in rows], pa.int64()), "s": pa.array([row[1] for row in rows], pa.string())}
    )


@settings(deadline=None, max_examples=60)
@given(CELLS, CELLS, st.booleans())
def test_each_row_once_and_equal_rows_first(
    old: list[tuple[int, str | None]], new: list[tuple[int, str | None]], keyed: bool
) -> None:
    found = match(table(new), table(old), ["id"] if keyed else []).tolist()
    assert len(found) == len(new)
    taken = [number for number in found if number >= 0]
    assert len(set(taken)) == len(taken)
    assert all(number < len(old) for number in taken)
    name = (lambda row: row[0]) if keyed else (lambda row: row)
    if keyed:
        assert all(name(old[number]) == name(new[at]) for at, number in enumerate(found) if number >= 0)
    for value in {name(row) for row in new}:
        there = sum(name(row) == value for row in old)
        pairs = [(new[at], old[number]) for at, number in enumerate(found) if number >= 0]
        matched = sum(name(a) == name(b) == value for a, b in pairs)
        assert matched == min(there, sum(name(row) == value for row in new))


def test_a_column_that_changed_everywhere_keeps_the_rows_in_place() -> None:
    old = pa.table({"a": [1, 2, 3], "b": [1, 2, 3]})
    assert match(pa.table({"a": [1, 2, 3], "b": [4, 5, 6]}), old).tolist() == [0, 1, 2]
    assert match(pa.table({"a": [1, 2, 3], "c": ["x", "y", "z"]}), old).tolist() == [0, 1, 2]
    assert match(pa.table({"c": ["x"]}), old).tolist() == [-1]
