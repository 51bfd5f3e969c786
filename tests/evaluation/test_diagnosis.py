"""What is said of a winner that was looked at: in sentences, advice, drawings and the report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from noria.evaluation.account import account
from noria.evaluation.advice import Advice, advice
from noria.evaluation.catalogue import DEFINITIONS
from noria.evaluation.diagnosis import diagnosed, told
from noria.evaluation.diagnosis_drawings import diagnosis_drawings
from noria.evaluation.report_diagnosis import overfitting, overfitting_figures

HARD = np.array([0.01, -0.01, 0.0, 0.02, -0.02])


def curve(valid: list[float], train: list[float], by: str = "rows") -> dict[str, Any]:
    sizes = [
        {"share": 2.0 ** (at - 3), "rows": [50 * 2**at] * 5, "train": (t + HARD).tolist(), "valid": (v + HARD).tolist()}
        for at, (v, t) in enumerate(zip(valid, train, strict=True))
    ]
    return {"by": by, "judged": [100] * 5, "sizes": sizes}


def penalty_path(errors: list[float], at: float | None, **rest: Any) -> dict[str, Any]:
    values = [0.01, 0.3, 10.0]
    valid = [
        (error + HARD + np.array([0.001, 0, -0.001, 0.0005, 0]) * place).tolist() for place, error in enumerate(errors)
    ]
    base = valid[-1]
    told = {
        "candidate": "logistic",
        "family": "logistic",
        "penalty": "L2",
        "parameter": "C",
        "values": values,
        "at": at,
    }
    return {**told, "train": valid, "valid": valid, "used": [3.0, 7.0, 9.0], "base": base, **rest}


def selection(*paths: dict[str, Any], learned: dict[str, Any] | None = None, notes: list[str] | None = None) -> Any:
    row = {"name": "logistic", "family": "logistic", "status": "complete", "params": {"C": 10.0}}
    winner = {**row, "scores": (0.2 + HARD).tolist(), "mean": 0.2, "sd": 0.02}
    found = {"curve": learned, "paths": list(paths), "notes": notes or [], "seconds": 1.0}
    dummy = {"name": "dummy", "family": "dummy", "status": "complete", "scores": [0.5] * 5, "mean": 0.5, "params": {}}
    return {"winner": winner, "baseline": dummy, "table": [winner, dummy], "diagnosis": found}


def said(made: Any, topic: str, metric: str = "roc_auc") -> Advice | None:
    return next((one for one in advice(made, metric) if one.topic == topic), None)


RISING = [0.34, 0.27, 0.235, 0.2175]  # 0.2 + 7 / rows
LEVEL = [0.2001, 0.2, 0.2, 0.2]


def test_more_data_is_advised_with_what_it_would_bring() -> None:
    found = said(selection(learned=curve(RISING, [0.1, 0.12, 0.15, 0.18])), "learning")
    assert found is not None
    assert "More data would help: twice as many rows would bring ROC AUC from 0.782 to about 0.791" in found.text
    assert found.evidence["gain"] == pytest.approx(7 / 800, rel=1e-6)


@pytest.mark.parametrize(("by", "words"), [("groups", "twice as many groups"), ("time", "a history twice as long")])
def test_more_of_what_there_is_too_little_of(by: str, words: str) -> None:
    found = said(selection(learned=curve(RISING, [0.1, 0.12, 0.15, 0.18], by)), "learning")
    assert found is not None
    assert words in found.text


def test_rows_that_would_not_help_are_told_with_what_may() -> None:
    close = said(selection(learned=curve(LEVEL, LEVEL)), "learning")
    wide = said(selection(learned=curve(LEVEL, [0.01, 0.01, 0.01, 0.01])), "learning")
    assert close is not None
    assert wide is not None
    assert "would hardly help" in close.text
    assert "a richer model, or better features" in close.text
    assert "regularise more, or a simpler family" in wide.text


def test_folds_that_cannot_tell_give_no_advice() -> None:
    made = curve([0.22, 0.23, 0.20, 0.21], LEVEL)
    for size, noise in zip(made["sizes"], np.random.default_rng(0).normal(0, 0.04, (4, 5)), strict=True):
        size["valid"] = (np.array(size["valid"]) + noise).tolist()
    assert said(selection(learned=made), "learning") is None
    assert "cannot tell whether more data would help" in " ".join(
        told(diagnosed(selection(learned=made)), DEFINITIONS["roc_auc"])
    )


def test_the_change_of_penalty_is_quoted_with_its_gain() -> None:
    found = said(selection(penalty_path([0.26, 0.20, 0.25], 10.0)), "regularisation")
    assert found is not None
    assert "Regularise more: logistic with C from 10 to 0.3 gains 0.050 of ROC AUC (95 % interval 0.0" in found.text
    assert found.evidence["from"] == 10.0
    assert found.evidence["to"] == 0.3


def test_another_penalty_is_named_as_such() -> None:
    found = said(selection(penalty_path([0.26, 0.20, 0.25], None, penalty="L1")), "regularisation")
    assert found is not None
    assert "Another penalty: logistic with L1, C 0.3, gains" in found.text


def test_a_gain_that_may_be_chance_is_no_advice() -> None:
    made = selection(penalty_path([0.251, 0.2495, 0.25], 10.0))
    for fold, noise in enumerate([0.02, -0.03, 0.02, 0.01, -0.01]):
        made["diagnosis"]["paths"][0]["valid"][1][fold] += noise
    assert said(made, "regularisation") is None
    assert "not beyond chance" in " ".join(told(diagnosed(made), DEFINITIONS["roc_auc"]))


def test_a_gap_is_spoken_of_where_it_costs() -> None:
    learned = curve(LEVEL, [0.01, 0.01, 0.01, 0.01])
    assert said(selection(learned=learned), "overfitting") is None  # forests have one, and are none the worse
    found = said(selection(penalty_path([0.26, 0.15, 0.25], 10.0), learned=learned), "overfitting")
    assert found is not None
    assert "ROC AUC 0.990 on them, 0.800 on others, a gap of 0.190 ± 0.000" in found.text


def test_trials_point_where_a_family_has_no_path() -> None:
    made = selection()
    rows = [
        {"name": f"boosting-{n}", "family": "boosting", "params": {"leaves": n}, "scores": [0.2 + n / 500]}
        for n in range(4, 16)
    ]
    winner = {**made["winner"], "name": "boosting-4", "family": "boosting", "params": {"leaves": 4}}
    found = said({**made, "winner": winner, "table": rows}, "regularisation")
    assert found is not None
    assert "Regularise more: of 12 candidates of boosting those with fewer leaves erred less" in found.text


def test_no_error_is_promised_below_none() -> None:
    learned = curve([0.5, 0.25, 0.12, 0.06], [0.0, 0.0, 0.0, 0.0])
    lines = " ".join(told(diagnosed(selection(learned=learned)), DEFINITIONS["roc_auc"]))
    assert "to 1.000)" in lines
    assert "1.0 " not in lines.replace("1.000", "")


def test_everything_is_told_in_the_account_and_in_the_report() -> None:
    made = selection(
        penalty_path([0.26, 0.20, 0.25], 10.0),
        learned=curve(RISING, LEVEL),
        notes=["the L1 path was left out: no time"],
    )
    found = account({"selection": made, "metric": "roc_auc"})
    lines = next(each.lines for each in found.chapters if each.title == "Overfitting")
    assert "by fold 0.0" in lines[0]
    assert "50, 100, 200 and 400 rows" in lines[1]
    assert "best at 0.3" in lines[2]
    assert lines[-1] == "The L1 path was left out: no time."
    diagnosis: Any = found.to_json()["diagnosis"]
    assert diagnosis["learning"]["doubling"]["tendency"] == "rising"
    assert diagnosis["penalties"][0]["certain"]
    drawn = diagnosis_drawings(diagnosed(made), DEFINITIONS["roc_auc"])
    assert list(drawn) == ["learning", "logistic L2"]
    assert "twice as many, if it goes on" in drawn["learning"].svg
    section, tables = overfitting(made, "roc_auc"), overfitting_figures(made, "roc_auc")
    assert section is not None
    assert tables is not None
    assert len(tables.blocks) == 6


def test_a_record_from_before_it_was_looked_at_is_read_as_ever() -> None:
    made = selection()
    del made["diagnosis"]
    assert overfitting(made, "roc_auc") is None
    assert diagnosed(made).learning is None
    assert account({"selection": made, "metric": "roc_auc"}).winner == "logistic"


def test_an_error_that_is_small_where_good_is_drawn_and_told_as_it_is() -> None:
    learned = curve([60.0, 57.0, 55.5, 54.75], [40.0, 45.0, 48.0, 50.0])
    lines = told(diagnosed(selection(learned=learned)), DEFINITIONS["rmse"])
    assert "RMSE 50" in lines[0]
    assert "reached 60, 57, 55.5 and 54.75" in lines[1]
    assert "54.38 (95 % interval" in lines[1]
