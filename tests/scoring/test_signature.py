"""What a model accepts: precise refusals, nothing silently altered."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import WrongData, WrongSetting
from noria.scoring.column import Fault, SignatureColumn
from noria.scoring.learning import learn
from noria.scoring.policies import ColumnPolicy, Policies
from noria.scoring.signature import InputRefused, Signature
from noria.security.strict_json import decode

TABLE = pa.table(
    {
        "age": [18, 40, 75],
        "income": [1000.0, None, 3000.0],
        "owner": [True, False, True],
        "grade": ["A", "B", None],
        "code": [1, 2, 3],
        "note": ["x", "y", "z"],
        "opened": pa.array([datetime(2026, 1, 1), datetime(2026, 1, 2), None], pa.timestamp("us")),
        "id": [7, 8, 9],
    }
)
COLUMNS = [("age", "int"), ("income", "float"), ("owner", "bool"), ("grade", "category"), ("code", "category"),
           ("note", "text"), ("opened", "timestamp")]  # fmt: skip
GOOD = {
    "age": 30,
    "income": 2000,
    "owner": True,
    "grade": "A",
    "code": 2,
    "note": "any",
    "opened": "2026-01-01T01:00:00+01:00",
}


@pytest.fixture(scope="module")
def signature() -> Signature:
    return learn(TABLE, COLUMNS, carried=[("id", "int")], target="status", positive="bad")


def refused(signature: Signature, *records: object) -> list[tuple[int, str | None, str]]:
    with pytest.raises(InputRefused) as error:
        signature.check(records)
    return [(problem.row, problem.column, problem.code) for problem in error.value.problems]


def test_learning_sees_ranges_categories_and_gaps(signature: Signature) -> None:
    age, income, owner, grade, code, note, _ = signature.columns
    assert (age.min, age.max, age.missing) == (18, 75, "refuse")
    assert (income.min, income.max, income.missing) == (1000, 3000, "impute")
    assert owner.min is None
    assert (grade.categories, grade.missing, grade.integers) == (("A", "B"), "impute", False)
    assert (code.categories, code.integers) == (("1", "2", "3"), True)
    assert note.categories is None
    assert [column.name for column in signature.carried] == ["id"]


def test_a_good_row_arrives_typed(signature: Signature) -> None:
    checked = signature.check([{**GOOD, "id": 5}, {**GOOD, "income": None, "age": 31.0}])
    assert checked.columns == {
        "age": [30, 31],
        "income": [2000.0, None],
        "owner": [True, True],
        "grade": ["A", "A"],
        "code": ["2", "2"],
        "note": ["any", "any"],
        "opened": [datetime(2026, 1, 1), datetime(2026, 1, 1)],
    }
    assert type(checked.columns["age"][1]) is int
    assert type(checked.columns["income"][0]) is float
    assert checked.carried == {"id": [5, None]}
    assert checked.flags == [(), ()]


def test_an_empty_record_lacks_every_column(signature: Signature) -> None:
    assert refused(signature, {}) == [(0, name, "missing_column") for name, _ in COLUMNS]


def test_every_fault_is_named_with_row_and_column(signature: Signature) -> None:
    bad = {"age": "30", "income": True, "owner": 1, "grade": "C", "code": "2 ", "note": 1, "opened": "yesterday"}
    assert refused(signature, GOOD, bad) == [
        (1, "age", "wrong_type"),
        (1, "income", "wrong_type"),
        (1, "owner", "wrong_type"),
        (1, "grade", "unseen"),
        (1, "code", "unseen"),
        (1, "note", "wrong_type"),
        (1, "opened", "wrong_type"),
    ]
    assert refused(signature, {**GOOD, "age": None}) == [(0, "age", "missing_value")]
    assert refused(signature, {name: value for name, value in GOOD.items() if name != "income"}) == [
        (0, "income", "missing_column")
    ]
    assert refused(signature, {**GOOD, "incom": 1}) == [(0, "incom", "extra_column")]
    assert refused(signature, 7, None, []) == [(row, None, "not_an_object") for row in range(3)]


def test_refusals_say_what_would_be_right(signature: Signature) -> None:
    with pytest.raises(InputRefused) as error:
        signature.check([{**GOOD, "grade": "a", "incom": 3}])
    messages = [str(problem) for problem in error.value.problems]
    assert "did you mean 'income'?" in messages[0]
    assert "'A', 'B'" in messages[1]
    assert error.value.exit_status == 2


@pytest.mark.parametrize(
    ("policy", "value", "expected"),
    [
        ({"range": "flag"}, 80, (80, "range:c")),
        ({"range": "refuse"}, 80, "out_of_range"),
        ({"range": "clip"}, 80, (75, "range:c")),
        ({"range": "clip"}, 1, (18, "range:c")),
        ({"missing": "flag"}, None, (None, "missing:c")),
        ({"missing": "impute"}, None, (None, None)),
        ({"missing": "refuse"}, None, "missing_value"),
    ],
)
def test_policies_of_numbers(policy: dict[str, str], value: object, expected: object) -> None:
    found = SignatureColumn("c", "int", min=18, max=75, **policy).check(value)  # type: ignore[arg-type]
    assert (found.code if isinstance(found, Fault) else found) == expected


@pytest.mark.parametrize(
    ("policy", "expected"), [("refuse", "unseen"), ("ignore", ("Z", None)), ("flag", ("Z", "unseen:c"))]
)
def test_policies_of_categories(policy: str, expected: object) -> None:
    found = SignatureColumn("c", "category", unseen=policy, categories=("A",)).check("Z")  # type: ignore[arg-type]
    assert (found.code if isinstance(found, Fault) else found) == expected


def test_extra_columns_can_be_ignored() -> None:
    signature = learn(TABLE, [("age", "int")], extra="ignore")
    assert signature.check([{"age": 20, "anything": {"deep": 1}}]).columns == {"age": [20]}


VALUES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from([*GOOD, "id", "other"]), VALUES))
def test_whatever_comes_is_accepted_unaltered_or_refused(record: dict[str, object]) -> None:
    signature = learn(TABLE, COLUMNS, carried=[("id", "int")], missing="impute", unseen="flag")
    try:
        checked = signature.check([record])
    except InputRefused:
        return
    for name, column in checked.columns.items():
        given_value, got = record[name], column[0]
        if name == "opened":
            continue
        if name == "code" and type(given_value) is int:
            assert got == str(given_value)
        else:
            assert got == given_value
        assert not isinstance(got, float) or math.isfinite(got)
        assert isinstance(got, bool) == isinstance(given_value, bool)


def test_json_round_trip_keeps_everything(signature: Signature) -> None:
    again = Signature.from_json(decode(json.dumps(signature.to_json()).encode()))  # type: ignore[arg-type]
    assert again == signature
    with pytest.raises(WrongData, match="version 3"):
        Signature.from_json({**signature.to_json(), "version": 3})


def test_a_threshold_makes_a_signature_that_an_older_noria_refuses(signature: Signature) -> None:
    decided = replace(signature, threshold=0.25)
    assert "threshold" not in signature.to_json()
    assert signature.to_json()["version"] == 1
    assert decided.to_json()["version"] == 2
    assert Signature.from_json(decided.to_json()) == decided


def test_the_example_fits(signature: Signature) -> None:
    assert signature.check([signature.example()]).rows == 1


def test_tables_are_checked_by_the_same_rules(signature: Signature) -> None:
    more = TABLE.append_column("target", pa.array(["a", "b", "c"]))
    checked = signature.check_table(more)
    assert list(checked.columns["code"]) == ["1", "2", "3"]
    np.testing.assert_array_equal(checked.columns["income"], [1000.0, np.nan, 3000.0])
    assert list(checked.carried["id"]) == [7, 8, 9]
    with pytest.raises(InputRefused, match="income"):
        signature.check_table(
            TABLE.rename_columns(["incom" if name == "income" else name for name in TABLE.column_names])
        )
    with pytest.raises(InputRefused, match="row 1, column 'age'"):
        signature.check_table(TABLE.set_column(0, "age", pa.array([18, None, 75])))
    with pytest.raises(InputRefused, match="row 2, column 'grade'"):
        signature.check_table(TABLE.set_column(3, "grade", pa.array(["A", "B", "Q"])))
    nan = TABLE.set_column(1, "income", pa.array([float("nan"), 1000.0, 1000.0]))
    assert np.isnan(signature.check_table(nan).columns["income"][0])  # type: ignore[arg-type]  # a number


def test_training_rows_themselves_always_fit() -> None:
    signature = learn(TABLE, COLUMNS)
    assert signature.check_table(TABLE).rows == 3
    assert all(not flags for flags in signature.check_table(TABLE).flags)


def test_one_column_may_differ() -> None:
    table = pa.table({"age": [18, 75, 40], "income": [1.0, 2.0, None], "grade": ["A", "B", "A"]})
    learned = learn(table, [("age", "int"), ("income", "float"), ("grade", "category")])
    own = {"age": ColumnPolicy(range="refuse", max=110), "grade": ColumnPolicy(unseen="flag", missing="flag")}
    signature = learned.under(Policies(range="clip", columns=own))
    checked = signature.check([{"age": 100, "income": 9.0, "grade": "Z"}])
    assert checked.columns == {"age": [100], "income": [2.0], "grade": ["Z"]}
    assert checked.flags[0] == ("range:income", "unseen:grade")
    with pytest.raises(InputRefused, match="outside training's range 18 to 110"):
        signature.check([{"age": 111, "income": 1.0, "grade": "A"}])
    assert signature.check([{"age": 20, "income": None, "grade": None}]).flags[0] == ("missing:grade",)


def test_a_policy_for_no_column_is_told() -> None:
    learned = learn(pa.table({"age": [18]}), [("age", "int")])
    with pytest.raises(WrongSetting, match="names 'agge'") as told:
        learned.under(Policies(columns={"agge": ColumnPolicy(range="clip")}))
    assert "age" in told.value.why
