"""Values looked up in other tables, columns held against another version, severities, and rows set aside."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from noria.checks import suite
from noria.checks.drift import compare
from noria.checks.findings import Report
from noria.checks.quarantine import WHY
from noria.checks.settings import CheckSettings, DriftSettings
from noria.datasets.schema import infer
from noria.datasets.settings import DataSettings
from noria.errors import WrongSetting

CUSTOMERS = pa.table({"id": [1, 2, 3, None], "code": ["1", "2", "x", None]})
FLOATS = st.none() | st.floats(-5, 5)
IDS: list[int | None] = [1, 2, 9, None] * 25


def checked(columns: dict[str, object], checks: dict[str, object], **given: object) -> Report:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return suite.run(table, infer(table), CheckSettings.model_validate(checks), **given)  # type: ignore[arg-type]


def broken(report: Report) -> dict[str, tuple[str, int]]:
    return {str(one.column): (one.severity, one.failed_rows) for one in report.findings if one.check == "reference"}


@pytest.mark.parametrize("to", ["customers.id", "customers.code"])
def test_a_value_must_be_found_in_the_other_table(to: str) -> None:
    report = checked({"customer": IDS, "n": list(range(100))}, {"references": {"customer": to}},
                     tables={"customers": CUSTOMERS})  # fmt: skip
    assert broken(report) == {"customer": ("error", 25)}
    assert "25 of 100 rows break customer must be found in customers" in report.findings[0].message
    assert "as 9" in report.findings[0].message


def test_text_meets_whole_numbers_that_became_fractions() -> None:
    report = checked({"customer": ["1", "2", "7", None] * 10}, {"references": {"customer": "customers.id"}},
                     tables={"customers": pa.table({"id": [1.0, 2.0, None]})})  # fmt: skip
    assert broken(report) == {"customer": ("error", 10)}


def test_a_table_may_refer_to_itself_and_say_its_severity() -> None:
    said = {"references": {"parent": {"to": "id", "severity": "quarantine"}}}
    report = checked({"id": list(range(60)), "parent": [0, 1, 99] * 20}, said)
    assert report.passed
    assert report.quarantined is not None
    assert report.quarantined.num_rows == 20
    assert set(report.quarantined[WHY].to_pylist()) == {"parent must be found in id"}


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.none() | st.integers(0, 6), min_size=1, max_size=40),
    st.lists(st.none() | st.integers(0, 6), max_size=8),
)
def test_references_against_sets(values: list[int | None], known: list[int | None]) -> None:
    report = checked({"a": pa.array(values, pa.int64())}, {"references": {"a": "t.k"}},  # type: ignore[dict-item]
                     tables={"t": pa.table({"k": pa.array(known, pa.int64())})})  # fmt: skip
    expected = sum(value is not None and value not in known for value in values)
    assert broken(report) == ({"a": ("error", expected)} if expected else {})


ACCOUNT = {"account": {"columns": ["a", "b"], "to": ["t.k", "t.l"]}}
PAIRS = st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.sampled_from(["0", "1", "x'y"])), max_size=20)


@settings(deadline=None, max_examples=60)
@given(PAIRS, PAIRS)
def test_columns_that_belong_together_are_found_together(
    values: list[tuple[int | None, str | None]], known: list[tuple[int | None, str | None]]
) -> None:
    rows = pa.table(
        {"a": pa.array([a for a, _ in values], pa.int64()), "b": pa.array([b for _, b in values], pa.string()),
         "n": list(range(len(values)))}
    )  # fmt: skip
    # As elsewhere: whole numbers that became fractions, and numbers that are text.
    texts = [None if k is None else str(k) for k, _ in known]
    for there in (pa.array([k for k, _ in known], pa.float64()), pa.array(texts, pa.string())):
        other = pa.table({"k": there, "l": pa.array([one for _, one in known], pa.string())})
        report = suite.run(
            rows, infer(rows), CheckSettings.model_validate({"references": ACCOUNT}), tables={"t": other}
        )
        expected = sum(None not in pair and pair not in known for pair in values)
        assert broken(report) == ({"a": ("error", expected)} if expected else {})


def test_a_pair_without_a_counterpart_is_shown_and_set_aside() -> None:
    rows = {"branch": ["n", "n", "s", None] * 15, "number": [1, 2, 1, 1] * 15}
    said = {"columns": ["branch", "number"], "to": ["accounts.branch", "accounts.number"], "severity": "quarantine"}
    accounts = pa.table({"branch": ["n", "s", "s"], "number": [1, 1, 2]})
    report = checked(rows, {"references": {"account": said}}, tables={"accounts": accounts})
    (found,) = [one for one in report.findings if one.check == "reference"]
    assert found.message.startswith("15 of 60 rows break branch and number must be found in accounts (branch, number)")
    assert found.message.endswith("as branch = n, number = 2")  # 2 is an account, and n a branch, but not together
    assert report.quarantined is not None
    assert set(report.quarantined[WHY].to_pylist()) == {"branch and number must be found in accounts (branch, number)"}
    own = {"columns": ["over", "region"], "to": ["id", "region"]}
    report = checked(
        {"id": list(range(60)), "region": ["a", "b"] * 30, "over": [0, 0] * 30}, {"references": {"x": own}}
    )
    assert broken(report) == {"over": ("error", 30)}


def test_no_value_of_a_personal_column_is_shown_beside_another() -> None:
    rows = pa.table({"mail": ["secret@x.org"] * 60, "n": list(range(60))})
    schema = infer(rows, DataSettings.model_validate({"source": "a", "columns": {"mail": {"pii": True}}}))
    said = {"references": {"x": {"columns": ["n", "mail"], "to": ["t.n", "t.mail"]}}}
    tables = {"t": pa.table({"n": [1], "mail": ["other@x.org"]})}
    report = suite.run(rows, schema, CheckSettings.model_validate(said), tables=tables)
    (found,) = [one for one in report.findings if one.check == "reference"]
    assert "60 of 60 rows" in found.message
    assert "secret" not in found.message


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"columns": ["a", "b"], "to": ["t.k"]}, r"as many: 2 \(a, b\) and 1 \(t.k\)"),
        ({"to": ["t.k", "t.l"]}, r"as many: 1 \(the column it stands under\) and 2"),
        ({"columns": ["a", "b"], "to": ["t.k", "u.l"]}, "one table, not of several: t, u"),
        ({"columns": ["a", "b"], "to": ["t.k", "l"]}, "one table, not of several: t, the same table"),
        ({"columns": ["a", "a"], "to": ["t.k", "t.l"]}, "'a' is named twice"),
        ({"columns": ["a", "b"], "to": ["t.k", "t.k"]}, "'t.k' is named twice"),
        ({"columns": [], "to": []}, "at least 1 item"),
        ({"columns": ["a", "b"], "to": ["t.k", "t."]}, 'write "table.column"'),
    ],
)
def test_a_pair_that_is_none_is_told(said: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CheckSettings.model_validate({"references": {"x": said}})


@pytest.mark.parametrize(
    ("references", "says"),
    [({"custmer": "customers.id"}, "custmer"), ({"customer": "customer.id"}, "table 'customer'"),
     ({"customer": "customers.key"}, "no such column"), ({"customer": "nothing"}, "no column of the data"),
     ({"x": {"columns": ["customer", "cde"], "to": ["customers.id", "customers.code"]}}, "the column 'cde'"),
     ({"x": {"columns": ["customer", "customer_"], "to": ["customers.id", "customers.cod"]}}, "customer_"),
     ({"x": {"columns": ["customer"], "to": ["customers.cod"]}}, "no such column")],
)  # fmt: skip
def test_a_reference_that_leads_nowhere(references: dict[str, object], says: str) -> None:
    with pytest.raises(WrongSetting, match=says):
        checked({"customer": IDS}, {"references": references}, tables={"customers": CUSTOMERS})


def test_severity_by_kind_and_by_column() -> None:
    table = pa.table({"id": [*range(58), 3, 3], "age": [17, *[30] * 59], "grade": ["X", *["A"] * 59]})
    data = DataSettings.model_validate(
        {"source": "a.csv", "columns": {"age": {"min": 18, "severity": "warn"}, "grade": {"values": ["A"]}}}
    )
    said = {"unique": ["id"], "severity": "quarantine", "severities": {"values": "error"}, "rows": {"min": 99}}
    report = suite.run(table, infer(table, data), CheckSettings.model_validate(said))
    found = {one.check: one.severity for one in report.findings}
    assert (found["range"], found["values"], found["unique"], found["rows"]) == ("warn", "error", "quarantine", "error")
    assert report.quarantined is not None
    assert report.quarantined["id"].to_pylist() == [3, 3]


@pytest.mark.parametrize("kind", ["rows", "drift", "max_age"])
def test_what_is_about_the_whole_sets_no_row_aside(kind: str) -> None:
    with pytest.raises(ValidationError, match="no row can be set aside"):
        CheckSettings.model_validate({"severities": {kind: "quarantine"}})


def test_rows_set_aside_say_all_that_is_wrong_with_them() -> None:
    rules = ["a < 5", {"rule": "b <> 'x'", "name": "no x"}]
    report = checked(
        {"a": [1, 9, 9, 2] * 20, "b": ["x", "x", "y", "y"] * 20}, {"rules": rules, "severity": "quarantine"}
    )
    assert report.quarantined is not None
    assert report.quarantined[WHY].to_pylist()[:3] == ["no x (b <> 'x')", "a < 5; no x (b <> 'x')", "a < 5"]
    assert report.kept["a"].to_pylist() == [2] * 20


def test_a_key_that_is_not_there() -> None:
    with pytest.raises(WrongSetting, match="the key names the column"):
        checked({"customer": IDS}, {}, key=["cust"])


def test_a_file_is_checked_without_being_loaded(tmp_path: Path) -> None:
    table = pa.table({"id": [*range(998), 7, 7], "age": [17, *[30] * 999], "mail": ["secret@x.org"] * 1000})
    pq.write_table(table, tmp_path / "it's.parquet")
    data = DataSettings.model_validate(
        {"source": "a", "columns": {"age": {"min": 18}, "mail": {"match": "^a", "pii": True}}}
    )
    schema, said = infer(table, data), CheckSettings(unique=("id",), rules=("age < 99",))
    from_file = suite.held(tmp_path / "it's.parquet", schema, said)
    assert from_file == suite.held(table, schema, said)
    assert {one.check for one in from_file} >= {"unique", "range", "match"}
    assert not any("secret" in one.message for one in from_file)  # personal cells are in no message


# ── drift ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def moved(now: pa.Table, before: pa.Table, **drift: object) -> dict[str, str]:
    said = CheckSettings.model_validate({"drift": {"against": "@1", **drift}})
    report = suite.run(now, infer(now), said, key=("id",), other=suite.Other("loans@1", before))
    return {str(one.column): one.message for one in report.findings if one.check == "drift"}


def drawn(seed: int, n: int = 2000, shift: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1)
    return pa.table(
        {"id": np.arange(n), "x": rng.normal(shift, 1, n), "n": rng.poisson(3, n), "g": rng.choice(list("abcd"), n),
         "at": [start + timedelta(hours=int(hour)) for hour in rng.integers(0, 5000, n)],
         "s": pa.array(rng.exponential(1, n), mask=rng.random(n) < 0.1 + shift / 2)}
    )  # fmt: skip


def test_what_has_moved_is_told_with_its_evidence() -> None:
    found = moved(drawn(1, shift=0.8), drawn(2))
    assert set(found) == {"x", "s"}
    assert "x has moved since loans@1: PSI" in found["x"]
    assert "missing 9" in found["s"]
    assert "% → 5" in found["s"]


def test_nothing_has_moved_where_nothing_has() -> None:
    # The index alone would cry at few rows: its mean over 9 bins and 60 rows a side is 0.3.
    alarms = [bool(moved(drawn(2 * seed, 60), drawn(2 * seed + 1, 60))) for seed in range(60)]
    assert sum(alarms) <= 3
    assert not moved(drawn(1, 20_000), drawn(2, 20_000))


def test_the_test_is_the_chi_square_test() -> None:
    now, before = [["a"] * 30 + ["b"] * 50 + ["c"] * 40], [["a"] * 50 + ["b"] * 45 + ["c"] * 41]
    made = compare(pa.chunked_array(now), pa.chunked_array(before))
    expected = stats.chi2_contingency([[30, 50, 40], [50, 45, 41]], correction=False).pvalue
    assert made.p == pytest.approx(expected, rel=1e-9)
    p, q = np.array([50, 45, 41]) / 136, np.array([30, 50, 40]) / 120
    assert made.psi == pytest.approx(float(((q - p) * np.log(q / p)).sum()), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.none() | st.floats(-5, 5), min_size=1, max_size=80),
    st.lists(st.none() | st.floats(-5, 5), min_size=1, max_size=80),
)
def test_any_two_columns_can_be_compared(now: list[float | None], before: list[float | None]) -> None:
    made = compare(pa.chunked_array([pa.array(now, pa.float64())]), pa.chunked_array([pa.array(before, pa.float64())]))
    assert made.psi >= 0
    assert 0 <= made.p <= 1
    same = compare(pa.chunked_array([pa.array(now, pa.float64())]), pa.chunked_array([pa.array(now, pa.float64())]))
    assert (same.psi, same.p) == (pytest.approx(0.0), pytest.approx(1.0))


def test_a_column_that_is_new() -> None:
    now = pa.table({"id": list(range(60)), "a": [1] * 60, "b": [1] * 60})
    found = moved(now, pa.table({"id": list(range(60)), "a": [1] * 60}), columns=["a", "b"])
    assert found.keys() == {"b"}
    assert "not in loans@1" in found["b"]
    with pytest.raises(WrongSetting, match="drift names the column 'c'"):
        moved(now, now, columns=["c"])
    with pytest.raises(WrongSetting, match="drift names the column 'c'"):  # also before there is anything to compare
        checked({"a": [1] * 60}, {"drift": {"against": "@previous", "columns": ["c"]}})


@pytest.mark.parametrize("said", ["previous", "@0", "other", "@"])
def test_what_names_no_version_is_told_in_words(said: str) -> None:
    with pytest.raises(ValueError, match='write "@previous", "@3" or "other@3"'):
        DriftSettings.model_validate({"against": said})
