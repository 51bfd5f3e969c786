"""What changed, against pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.datasets.diff import diff
from noria.datasets.parquet import to_bytes
from noria.datasets.spreads import spreads

ROWS = st.dictionaries(st.integers(0, 12), st.tuples(st.sampled_from(["a", "b", None]), st.none() | st.integers(0, 2)))


def table(rows: dict[int, tuple[str | None, int | None]]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(list(rows), pa.int64()),
            "s": pa.array([row[0] for row in rows.values()], pa.string()),
            "n": pa.array([row[1] for row in rows.values()], pa.int64()),
        }
    )


@settings(deadline=None, max_examples=50)
@given(ROWS, ROWS)
def test_rows_by_key(a: dict[int, tuple[str | None, int | None]], b: dict[int, tuple[str | None, int | None]]) -> None:
    made = diff(table(a), table(b), ["id"])
    both = a.keys() & b.keys()
    assert made.added == len(b.keys() - a.keys())
    assert made.removed == len(a.keys() - b.keys())
    assert made.changed == sum(a[key] != b[key] for key in both)
    assert made.unchanged == sum(a[key] == b[key] for key in both)
    wanted = {"s": sum(a[key][0] != b[key][0] for key in both), "n": sum(a[key][1] != b[key][1] for key in both)}
    assert made.cells == {name: count for name, count in wanted.items() if count}
    assert made.is_empty == (a == b)
    assert len(made.examples) == min(10, made.changed)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_rows_without_a_key_are_a_multiset(a: list[int], b: list[int]) -> None:
    made = diff(pa.table({"n": pa.array(a, pa.int64())}), pa.table({"n": pa.array(b, pa.int64())}))
    left, right = pd.Series(a, dtype=int).value_counts(), pd.Series(b, dtype=int).value_counts()
    moved = right.sub(left, fill_value=0)
    assert (made.added, made.removed) == (moved.clip(lower=0).sum(), -moved.clip(upper=0).sum())
    assert made.unchanged + made.added == len(b)
    assert not made.keyed


def test_columns_and_types() -> None:
    old = pa.table({"id": [1, 2], "a": [1, 2], "gone": [0, 0]})
    new = pa.table({"id": [1, 2], "a": ["1", "3"], "new": [0, 0]})
    made = diff(old, new, ["id"])
    assert (made.columns_added, made.columns_removed) == (("new",), ("gone",))
    assert made.retyped == {"a": ("int", "text")}
    assert (made.changed, made.examples) == (1, ({"id": "2", "a": ["2", "3"]},))
    assert made.to_json()["retyped"] == {"a": ["int", "text"]}


def test_a_key_that_repeats_is_told() -> None:
    made = diff(pa.table({"id": [1, 1]}), pa.table({"id": [1]}), ["id"])
    assert (made.keyed, made.removed, made.unchanged) == (False, 1, 1)
    assert "not unique in the older" in made.note
    assert "not in both" in diff(pa.table({"id": [1]}), pa.table({"x": [1]}), ["id"]).note


@pytest.mark.parametrize("key", [["id"], []])
def test_a_column_that_got_a_fraction_changed_in_that_row_only(key: list[str]) -> None:
    old = pa.table({"id": [1, 2, 3], "y": [1, 2, 3]})
    new = pa.table({"id": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.5]})
    made = diff(old, new, key)
    assert made.unchanged == 2
    assert made.retyped == {"id": ("int", "float"), "y": ("int", "float")}
    assert (made.added, made.removed, made.changed) == ((0, 0, 1) if key else (1, 1, 0))


@settings(deadline=None, max_examples=50)
@given(ROWS, ROWS)
def test_some_added_and_removed_rows_are_given_whole(
    a: dict[int, tuple[str | None, int | None]], b: dict[int, tuple[str | None, int | None]]
) -> None:
    made = diff(table(a), table(b), ["id"], whole_rows=3)
    for rows, wanted in ((made.added_rows, b.keys() - a.keys()), (made.removed_rows, a.keys() - b.keys())):
        assert [int(str(row["id"])) for row in rows] == sorted(wanted)[:3]
    for row in made.added_rows:
        s, n = b[int(str(row["id"]))]
        assert (row["s"], row["n"]) == (s, None if n is None else str(n))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_without_a_key_rows_that_stand_more_often_are_given_once(a: list[int], b: list[int]) -> None:
    made = diff(pa.table({"n": pa.array(a, pa.int64())}), pa.table({"n": pa.array(b, pa.int64())}), whole_rows=9)
    more = {value for value in b if b.count(value) > a.count(value)}
    fewer = {value for value in a if a.count(value) > b.count(value)}
    assert [row["n"] for row in made.added_rows] == [str(value) for value in sorted(more)]
    assert [row["n"] for row in made.removed_rows] == [str(value) for value in sorted(fewer)]


@pytest.mark.parametrize("key", [["id"], []])
def test_files_are_compared_as_tables_are(tmp_path: Path, key: list[str]) -> None:
    old = pa.table({"id": [3, 1, 2, 10], "s": ["a", "b", None, "d"], "gone": [1.5, 2.5, None, 0.0]})
    new = pa.table({"id": [2, 30, 3, 4], "s": ["x", "b", "a", None]})
    for name, rows in (("old", old), ("new", new)):
        (tmp_path / name).write_bytes(to_bytes(rows))
    in_memory, in_files = diff(old, new, key, whole_rows=5), diff(tmp_path / "old", tmp_path / "new", key, whole_rows=5)
    assert in_memory == in_files
    assert spreads(old, new) == spreads(tmp_path / "old", tmp_path / "new")
    if key:
        assert [row["id"] for row in in_files.added_rows] == ["4", "30"], "in the order of the key, not of its text"
        assert in_files.removed_rows[0] == {"id": "1", "s": "b", "gone": "2.5"}


def test_examples_come_in_the_order_of_the_key() -> None:
    old = pa.table({"id": list(range(1, 31)), "y": [0] * 30})
    new = pa.table({"id": list(range(1, 31)), "y": [1] * 30})
    assert [example["id"] for example in diff(old, new, ["id"]).examples] == [str(n) for n in range(1, 11)]


def test_values_that_all_changed_have_moved_though_none_of_them_is_shown() -> None:
    old = pa.table({"t": [f"old {n}" for n in range(300)], "k": ["a", "b"] * 150})
    new = pa.table({"t": [f"new {n}" for n in range(300)], "k": ["a", "b"] * 150})
    text, kept = spreads(old, new)
    assert (text.name, text.distance) == ("t", 1.0)
    assert len(text.labels) == 13
    assert (kept.name, kept.distance) == ("k", 0.0)
