"""Rows put in order, each change counted."""

from __future__ import annotations

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
