"""Checks over real tables: what must hold, what looks wrong, what gives the answer away."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from noria.checks import suite
from noria.checks.findings import Finding, Report
from noria.checks.settings import CheckSettings
from noria.datasets.schema import infer
from noria.datasets.settings import DataSettings
from noria.errors import CheckFailed, WrongSetting

ROWS = 60
CLEAN: dict[str, list[object]] = {
    "id": [f"c{number}" for number in range(ROWS)],
    "age": [20 + number * 7 % 40 for number in range(ROWS)],
    "limits": [100 + number % 13 for number in range(ROWS)],
    "grade": ["A", "B", "C"] * (ROWS // 3),
    "y": ["good", "bad", "good", "good"] * (ROWS // 4),
}


def run(cells: dict[str, list[object]], checks: dict[str, object], **data: object) -> Report:
    table = pa.table({name: pa.array(values) for name, values in cells.items()})
    said = {"source": "a.csv", "target": "y", "key": ["id"], **data}
    settings = DataSettings.model_validate(said)
    schema = infer(table, settings)
    return suite.run(
        table, schema, CheckSettings.model_validate(checks), key=settings.key, target=settings.target,
        positive=settings.positive, time=settings.time, now=datetime(2026, 5, 1, tzinfo=UTC),
    )  # fmt: skip


def changed(**cells: dict[int, object]) -> dict[str, list[object]]:
    made = {name: list(values) for name, values in CLEAN.items()}
    for name, places in cells.items():
        for row, value in places.items():
            made[name][row] = value
    return made


def one(report: Report, check: str) -> Finding:
    found = [finding for finding in report.findings if finding.check == check]
    assert len(found) == 1, report.findings
    return found[0]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    report = run(CLEAN, {"rows": {"min": 10, "max": 99}, "missing": {"max": 0.0}, "unique": ["id", ["id", "age"]],
                         "rules": ["age between 18 and 100", "limits > age"]}, positive="bad")  # fmt: skip
    assert (report.findings, report.passed, report.kept.num_rows) == ((), True, ROWS)
    assert report.summary() == "60 rows, nothing found"


@pytest.mark.parametrize(
    ("cells", "checks", "columns", "check", "failed", "says"),
    [
        ({}, {"rows": {"min": 61}}, {}, "rows", 60, "60 rows, and there must be at least 61"),
        ({}, {"rows": {"max": 59}}, {}, "rows", 60, "at most 59"),
        ({"age": dict.fromkeys(range(30))}, {"missing": {"max": 0.3}}, {}, "missing", 30, "missing in 50.0%"),
        ({"age": dict.fromkeys(range(3))}, {"missing": {"columns": {"age": 0.01}}}, {}, "missing", 3, "at most 1.0%"),
        ({"id": {1: "c0", 2: "c0"}}, {"unique": ["id"]}, {}, "unique", 2, "id is repeated in 2 of 60"),
        ({"grade": {1: "A"}, "age": {1: 20}}, {"unique": [["grade", "age"]]}, {}, "unique", 1, "grade and age are"),
        ({"age": {3: 7}}, {"rules": ["age >= 18"]}, {}, "rule", 1, "1 of 60 rows break age >= 18, as age = 7"),
        ({"age": {3: 7}}, {}, {"age": {"min": 18}}, "range", 1, "age must be at least 18, as 7"),
        ({"age": {3: 700}}, {}, {"age": {"max": 100}}, "range", 1, "at most 100"),
        ({"grade": {3: "X"}}, {}, {"grade": {"values": ["A", "B", "C"]}}, "values", 1, "one of A, B, C, as X"),
        ({"grade": {3: "x1"}}, {}, {"grade": {"match": "^[A-Z]$"}}, "match", 1, r"must match \^\[A-Z\]"),
        ({"grade": {3: None}}, {}, {"grade": {"nullable": False}}, "missing", 1, "must not be missing"),
        ({"grade": {i: "3" for i in range(ROWS)} | {4: "x"}}, {}, {"grade": {"type": "int"}}, "type", 1,
         "grade must be int, as x"),
    ],
)  # fmt: skip
def test_a_broken_check_is_told(
    cells: dict[str, dict[int, object]], checks: dict[str, object], columns: dict[str, object], check: str,
    failed: int, says: str,
) -> None:  # fmt: skip
    report = run(changed(**cells), checks, columns=columns)
    found = one(report, check)
    assert (found.severity, found.failed_rows) == ("error", failed)
    assert re.search(says, found.message), found.message
    assert found.mend
    assert not report.passed
    with pytest.raises(CheckFailed, match="1 check failed on credit@1") as caught:
        report.raise_if_failed("credit@1")
    assert found.message in caught.value.why
    warned = run(changed(**cells), {**checks, "severity": "warn"}, columns=columns)
    assert warned.passed
    assert one(warned, check).severity == "warn"


def test_quarantine_sets_rows_aside() -> None:
    cells = changed(age={3: 7, 5: None}, grade={9: "X"}, id={20: "c19"})
    report = run(cells, {"severity": "quarantine", "unique": ["id"], "rules": ["age >= 18"]},
                 columns={"grade": {"values": ["A", "B", "C"]}})  # fmt: skip
    assert report.passed
    assert report.quarantined is not None
    assert report.quarantined["id"].to_pylist() == ["c3", "c9", "c19"]
    assert report.kept.num_rows == ROWS - 3
    assert report.kept["age"].null_count == 1
    assert "3 rows set aside" in report.summary()
    assert report.to_json()["quarantined_rows"] == 3


def test_a_rule_may_have_its_own_severity() -> None:
    rules = [
        {"rule": "age >= 18", "severity": "warn", "name": "adults"},
        {"rule": "limits > 0", "severity": "quarantine"},
    ]
    report = run(changed(age={3: 7}, limits={4: -1}), {"rules": rules})
    assert report.passed
    assert {finding.severity for finding in report.findings} == {"warn", "quarantine"}
    assert "adults (age >= 18)" in report.findings[1].message


def test_everything_set_aside_is_an_error() -> None:
    report = run(CLEAN, {"rules": [{"rule": "age < 0", "severity": "quarantine"}]})
    assert not report.passed
    assert "every row would be set aside" in report.findings[0].message


def test_a_missing_value_says_nothing_unless_asked() -> None:
    cells = changed(age={3: None})
    assert run(cells, {"rules": ["age >= 18"]}).passed
    assert not run(cells, {"rules": ["age is not null and age >= 18"]}).passed


def test_cells_that_do_not_fit_the_type_become_missing_when_only_warned() -> None:
    report = run(changed(age={3: 20}), {"severity": "warn"}, columns={"grade": {"type": "int"}})
    assert report.passed
    assert report.kept["grade"].type == pa.int64()
    assert report.kept["grade"].null_count == ROWS
    assert one(report, "type").failed_rows == ROWS


def test_freshness() -> None:
    fresh: list[object] = [datetime(2026, 4, 29) - timedelta(days=number) for number in range(ROWS)]
    cells = CLEAN | {"at": fresh}
    assert run(cells, {"max_age": "3d"}, time="at").passed
    found = one(run(cells, {"max_age": "1d"}, time="at"), "freshness")
    assert "newest row is of 2026-04-29 00:00:00, 2 days old" in found.message
    with pytest.raises(WrongSetting, match="max_age needs"):
        run(cells, {"max_age": "1d"})


@pytest.mark.parametrize(
    ("cells", "severity", "check", "says"),
    [
        ({"y": dict.fromkeys(range(ROWS), "good")}, "error", "target", "only one class, 'good'"),
        ({"y": dict.fromkeys(range(ROWS), 1.5)}, "error", "target", "is 1.5 in every row"),
        ({"y": dict.fromkeys(range(ROWS))}, "error", "target", "missing in every row"),
        ({"y": dict.fromkeys(range(5))}, "warn", "target", "missing in 5 of 60 rows: they are left out"),
        ({"y": {i: f"class {i}" for i in range(ROWS)}}, "error", "target", "60 different values in 60 rows"),
        ({"y": {3: "ugly"}}, "warn", "target", "classes with few rows: 'ugly' (1)"),
        ({"grade": dict.fromkeys(range(ROWS))}, "warn", "empty-column", "no values at all"),
        ({"grade": dict.fromkeys(range(ROWS), "A")}, "warn", "constant", "same value in every row"),
        ({"id": {1: "c0"}}, "warn", "duplicates", "the key id is repeated in 1 of 60 rows"),
        ({"id": {1: None}}, "warn", "missing", "the key id is missing in 1 rows"),
        ({"limits": {i: f"n{i * 7}" for i in range(ROWS)}}, "warn", "identifier", "never repeated"),
        ({"limits": {i: "?" if i < 4 else str(i % 9) for i in range(ROWS)}}, "warn", "mixed",
         'numbers, except in 4 rows ("?")'),
        ({"limits": {i: float("inf") if i < 4 else i % 9 / 2 for i in range(ROWS)}}, "warn", "infinite",
         "infinite in 4"),
        ({"grade": {3: "a", 4: "B "}}, "warn", "spelling", "'A' / 'a'; 'B' / 'B '"),
        ({"grade": {i: "x" if y == "bad" else "z" for i, y in enumerate(CLEAN["y"])}}, "warn", "leakage",
         "one class only"),
    ],
)  # fmt: skip
def test_what_looks_wrong_is_found_unasked(
    cells: dict[str, dict[int, object]], severity: str, check: str, says: str
) -> None:
    found = one(run(changed(**cells), {}), check)
    assert found.severity == severity
    assert says in found.message


@pytest.mark.parametrize("rows", [1, 2, 10])
def test_few_rows(rows: int) -> None:
    report = run({name: cells[:rows] for name, cells in CLEAN.items()}, {})
    found = next(finding for finding in report.findings if finding.check == "rows")
    assert found.severity == ("error" if rows == 1 else "warn")


def test_repeated_rows_are_counted_without_a_key() -> None:
    cells = {name: [*values, *values[:5]] for name, values in CLEAN.items()}
    found = one(run(cells, {}, key=[]), "duplicates")
    assert found.failed_rows == 5
    assert found.mend == "[clean] drop_duplicates = true"


def test_rows_without_a_target_are_left_out() -> None:
    report = run(changed(y=dict.fromkeys(range(5))), {})
    assert (report.kept.num_rows, report.dropped) == (ROWS - 5, 5)
    assert "5 without a target left out" in report.summary()


def test_the_positive_class_must_be_there() -> None:
    assert "positive is 'evil'" in one(run(CLEAN, {}, positive="evil"), "target").message


def test_a_text_target_is_no_regression() -> None:
    table = pa.table(CLEAN)
    report = suite.run(table, infer(table), CheckSettings(), target="y", task="regression")
    assert "a regression learns numbers" in one(report, "target").message
    assert suite.run(table, infer(table), CheckSettings(), target=None, task="clustering").passed


def test_leaks_of_numbers() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=500)
    table = pa.table({"y": y, "copy": y, "line": 3 * y + 1, "near": y + rng.normal(scale=0.5, size=500)})
    report = suite.run(table, infer(table), CheckSettings(), target="y")
    assert {finding.column for finding in report.findings if finding.check == "leakage"} == {"copy", "line"}
    classes = np.where(y > 0, "up", "down")
    holes = [None if up else 1.0 + number for number, up in enumerate(y > 0)]
    table = pa.table({"y": classes, "x": y, "hole": holes, "noise": rng.normal(size=500)})
    report = suite.run(table, infer(table), CheckSettings(), target="y")
    assert {finding.column for finding in report.findings if finding.check == "leakage"} == {"x", "hole"}


@pytest.mark.parametrize(
    ("checks", "says"),
    [
        ({"unique": ["idd"]}, "unique names the column 'idd'"),
        ({"missing": {"columns": {"agee": 0.1}}}, "missing names the column 'agee'"),
        ({"rules": ["grade > 5"]}, "grade > 5 cannot be asked of this data"),
    ],
)
def test_checks_that_cannot_be_asked(checks: dict[str, object], says: str) -> None:
    with pytest.raises(WrongSetting, match=says) as caught:
        run(CLEAN, checks)
    assert caught.value.mend


@pytest.mark.parametrize(
    "given",
    [{"row": {}}, {"rows": {"min": 5, "max": 1}}, {"rows": {"min": "5"}}, {"missing": {"max": 30}}, {"max_age": "soon"},
     {"severity": "fatal"}, {"rules": [{"severity": "warn"}]}],
)  # fmt: skip
def test_settings_that_cannot_be(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CheckSettings.model_validate(given)


def test_the_mend_of_a_column_with_a_blank_in_its_name_is_toml() -> None:
    cells: dict[str, list[object]] = {**CLEAN, 'all "missing"': [None] * ROWS}
    found = next(each for each in run(cells, {"missing": {"max": 0.1}}).findings if each.check == "missing")
    said = tomllib.loads(found.mend.split("[data.checks] ")[1])
    assert said == {"missing": {"max": 0.1, "columns": {'all "missing"': 1.0}}}
