"""Rows put in order, each change counted."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from noria.errors import WrongData, WrongSetting
from noria.preparation.clean_settings import CleanSettings
from noria.preparation.cleaning import clean

TABLE = pa.table(
    {
        "id": [1, 1, 2, None, None],
        "job": [" fixed ", "fixed", "?", "  ", "x"],
        "debt": [5, -999, 5, 7, 7],
        "_noria_collected": [False, True, False, False, False],
    }
)


def test_blanks_and_marks() -> None:
    made, done = clean(TABLE, CleanSettings(na_values=("?", "-999")))
    assert made["job"].to_pylist() == ["fixed", "fixed", None, None, "x"]
    assert made["debt"].to_pylist() == [5, None, 5, 7, 7]
    assert [(step.rule, step.count, step.of) for step in done] == [("trim", 2, "cells"), ("na_values", 2, "cells")]
    assert done[0].to_json() == {"rule": "trim", "count": 2, "of": "cells"}


def test_a_mark_among_numbers_beyond_what_a_double_tells_apart() -> None:
    made, _ = clean(pa.table({"n": [2**60 + 1, -999, 7]}), CleanSettings(na_values=("-999",)))
    assert made["n"].to_pylist() == [2**60 + 1, None, 7]


def test_no_trim() -> None:
    assert clean(TABLE, CleanSettings(trim=False))[0]["job"].to_pylist() == TABLE["job"].to_pylist()


def test_types_are_cast_and_losses_counted() -> None:
    made, done = clean(pa.table({"n": ["1", "x", None]}), CleanSettings(cast={"n": "int"}))
    assert made["n"].to_pylist() == [1, None, None]
    assert done[-1].count == 1


def test_repeated_rows() -> None:
    table = pa.table({"a": [1, 1, None, None, 2], "b": ["x", "x", None, None, "y"]})
    made, done = clean(table, CleanSettings(drop_duplicates=True))
    assert made.to_pylist() == [{"a": 1, "b": "x"}, {"a": None, "b": None}, {"a": 2, "b": "y"}]
    assert (done[-1].rule, done[-1].count, done[-1].of) == ("drop_duplicates", 2, "rows")


@pytest.mark.parametrize(("which", "jobs"), [("key:first", ["a", "c", "d", "e"]), ("key:last", ["b", "c", "d", "e"])])
def test_repeated_keys(which: str, jobs: list[str]) -> None:
    table = pa.table({"id": [1, 1, 2, None, None], "job": ["a", "b", "c", "d", "e"]})
    made, _ = clean(table, CleanSettings.model_validate({"drop_duplicates": which}), key=["id"])
    assert made["job"].to_pylist() == jobs
    with pytest.raises(WrongSetting, match=r"needs \[data\] key"):
        clean(table, CleanSettings.model_validate({"drop_duplicates": which}))


def test_renaming_here_or_before() -> None:
    settings = CleanSettings(rename={"job": "work"})
    made, _ = clean(TABLE, settings)
    assert made.column_names[1] == "work"
    assert clean(made, settings)[0].column_names == made.column_names
    with pytest.raises(WrongSetting, match="rename names the column 'jobb'"):
        clean(TABLE, CleanSettings(rename={"jobb": "work"}))
    with pytest.raises(WrongSetting, match="already"):
        clean(TABLE, CleanSettings(rename={"job": "debt"}))


def test_what_cannot_be() -> None:
    with pytest.raises(WrongSetting, match="cast names the column 'detb'") as caught:
        clean(TABLE, CleanSettings(cast={"detb": "int"}))
    assert caught.value.mend == "did you mean 'debt'?"
    with pytest.raises(WrongData, match="no rows"):
        clean(TABLE.slice(0, 0), CleanSettings())
    for wrong in ({"drop_duplicates": "key"}, {"rename": {"a": "x", "b": "x"}}, {"rename": {"a": "_noria_a"}},
                  {"cast": {"a": "integer"}}, {"trimm": True}):  # fmt: skip
        with pytest.raises(ValidationError):
            CleanSettings.model_validate(wrong)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.sampled_from([" a", "a", "", "?"])), min_size=1)
)
def test_cleaning_twice_changes_nothing_more(rows: list[tuple[int | None, str | None]]) -> None:
    table = pa.table(
        {"a": pa.array([row[0] for row in rows], pa.int64()), "b": pa.array([row[1] for row in rows], pa.string())}
    )
    wanted = CleanSettings(drop_duplicates=True, na_values=("?",))
    once, _ = clean(table, wanted)
    twice, done = clean(once, wanted)
    assert twice.equals(once)
    assert done == ()
    assert len({tuple(row.values()) for row in once.to_pylist()}) == once.num_rows


@pytest.mark.parametrize(
    ("do", "ages", "count", "of"),
    [
        ("null", [None, 18, 50, 110, None, None], 2, "cells"),
        ("clip", [18, 18, 50, 110, 110, None], 2, "cells"),
        ("drop", [18, 50, 110, None], 2, "rows"),
    ],
)
def test_values_that_cannot_be(do: str, ages: list[int | None], count: int, of: str) -> None:
    table = pa.table({"age": [17, 18, 50, 110, 111, None]})
    settings = CleanSettings.model_validate({"bounds": {"age": {"min": 17.5, "max": 110, "do": do}}})
    made, done = clean(table, settings)
    assert made["age"].to_pylist() == ages
    assert [(step.count, step.of) for step in done] == [(count, of)]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.none() | st.floats(allow_nan=False), min_size=1), st.floats(-9, 9), st.sampled_from(["null", "clip"])
)
def test_nothing_lies_outside_afterwards(values: list[float | None], low: float, do: str) -> None:
    table = pa.table({"x": pa.array(values, pa.float64())})
    made, _ = clean(table, CleanSettings.model_validate({"bounds": {"x": {"min": low, "do": do}}}))
    assert made.num_rows == len(values)
    for before, after in zip(values, made["x"].to_pylist(), strict=True):
        assert after == (before if before is None or before >= low else (None if do == "null" else low))


def test_bounds_of_times_and_of_what_has_none() -> None:
    days = pa.array([datetime(2020, 1, 1), datetime(2026, 1, 1)], pa.timestamp("us"))
    table = pa.table({"at": days, "t": ["a", "b"]})
    last = {"max": datetime(2025, 1, 1), "do": "drop"}
    assert clean(table, CleanSettings.model_validate({"bounds": {"at": last}}))[0].num_rows == 1
    for name, bound in (("t", 3), ("at", 3), ("at", "soon")):
        with pytest.raises(WrongSetting, match="does not fit"):
            clean(table, CleanSettings.model_validate({"bounds": {name: {"max": bound}}}))
    with pytest.raises(WrongSetting, match="does not have"):
        clean(table, CleanSettings.model_validate({"bounds": {"att": {"max": 1}}}))
    for wrong in ({}, {"min": 2, "max": 1}, {"min": "a", "max": 1}, {"min": 1, "do": "hide"}):
        with pytest.raises(ValidationError):
            CleanSettings.model_validate({"bounds": {"at": wrong}})
