"""Rows that came back from production."""

from __future__ import annotations

import pyarrow as pa

from noria.datasets.collection import union
from noria.datasets.marks import COLLECTED, RECENT

SOURCE = pa.table({"id": [1, 2, 2, None], "age": [30, None, 40, 50], "grade": ["A", "B", "C", "D"]})


def test_columns_are_aligned_by_name_and_type() -> None:
    came = pa.table({"grade": pa.array(["E"]).dictionary_encode(), "age": ["31"], "extra": [1]})
    made = union(SOURCE, came)
    assert made.schema.types == [pa.int64(), pa.int64(), pa.string(), pa.bool_()]
    assert made.to_pylist()[-1] == {"id": None, "age": 31, "grade": "E", COLLECTED: True}
    assert made[COLLECTED].to_pylist() == [False] * 4 + [True]


def test_the_collected_row_wins_and_of_several_the_last() -> None:
    came = pa.table({"id": [2, 7, 2, None], "age": [1, 2, 3, 4], "grade": ["x", "y", "z", "w"]})
    made = union(SOURCE, came, key=["id"])
    assert made.select(["id", "grade"]).to_pylist() == [
        {"id": 1, "grade": "A"}, {"id": None, "grade": "D"}, {"id": 7, "grade": "y"}, {"id": 2, "grade": "z"},
        {"id": None, "grade": "w"},
    ]  # fmt: skip


def test_repeats_of_the_source_are_left_for_the_checks() -> None:
    made = union(SOURCE, pa.table({"id": [9], "grade": ["x"]}), key=["id"])
    assert made["id"].to_pylist() == [1, 2, 2, None, 9]


def test_fractions_from_production_are_not_cut() -> None:
    assert union(SOURCE, pa.table({"age": [31.5, float("nan")]}))["age"].to_pylist()[-2:] == [31.5, None]
    assert union(SOURCE, pa.table({"age": [31.0]}))["age"].type == pa.int64()


def test_a_second_union_keeps_one_mark() -> None:
    made = union(union(SOURCE, pa.table({"id": [9]})), pa.table({"id": [10]}))
    assert made.column_names.count(COLLECTED) == 1


def test_what_is_of_the_new_time_stays_marked() -> None:
    came = pa.table({"id": [2, 9], "age": [1, 2], "grade": ["x", "y"], RECENT: [False, True]})
    made = union(SOURCE, came, key=["id"])
    assert made.select(["id", RECENT]).to_pylist()[-2:] == [{"id": 2, RECENT: False}, {"id": 9, RECENT: True}]
    assert made[RECENT].to_pylist()[:-2] == [False] * (made.num_rows - 2)
