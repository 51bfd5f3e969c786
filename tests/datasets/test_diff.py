"""What changed, against pandas."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.datasets.diff import diff

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
