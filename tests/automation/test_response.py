"""Every answer an alert can get."""

from __future__ import annotations

from datetime import timedelta

import pytest

from noria.automation.response import Contest, Facts, respond

ENOUGH = {"new_rows": 500, "data": "d2"}


def action(facts: Facts, on_drift: str = "retrain", on_regression: str = "rollback") -> str:
    plan = respond(facts, on_drift=on_drift, on_regression=on_regression, retrain_rows=200, cooldown="6h")
    return plan.action


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (Facts("input", **ENOUGH), "tell"),
        (Facts("drift", **ENOUGH), "retrain"),
        (Facts("drift", new_rows=199, data="d2"), "hold"),
        (Facts("drift", input_broken=True, **ENOUGH), "hold"),
        (Facts("drift", failed_on="d2", **ENOUGH), "hold"),
        (Facts("drift", failed_on="d1", **ENOUGH), "retrain"),
        (Facts("drift", since_retraining=timedelta(hours=5), **ENOUGH), "hold"),
        (Facts("drift", since_retraining=timedelta(hours=7), **ENOUGH), "retrain"),
        (Facts("performance", contest=Contest(1, "better"), **ENOUGH), "rollback"),
        (Facts("performance", contest=Contest(1, "worse"), **ENOUGH), "retrain"),
        (Facts("performance", contest=Contest(1, "inconclusive"), **ENOUGH), "retrain"),
        (Facts("performance", **ENOUGH), "retrain"),
        (Facts("performance", contest=Contest(1, "better"), input_broken=True), "rollback"),
    ],
)
def test_answers(facts: Facts, wanted: str) -> None:
    assert action(facts) == wanted


def test_a_hold_names_the_cooldown_as_it_is_written() -> None:
    facts = Facts("drift", since_retraining=timedelta(hours=5), **ENOUGH)
    plan = respond(facts, on_drift="retrain", on_regression="alert", retrain_rows=200, cooldown="6h")
    assert plan.reason == "the last retraining was less than 6h ago"


def test_without_retraining_a_fall_is_held_unless_the_old_version_is_better() -> None:
    assert action(Facts("performance", contest=Contest(1, "worse")), on_drift="alert") == "hold"
    assert action(Facts("performance"), on_drift="alert") == "hold"
    assert action(Facts("performance", contest=Contest(1, "better")), on_drift="alert") == "rollback"


def test_alert_means_tell() -> None:
    assert action(Facts("drift", **ENOUGH), on_drift="alert") == "tell"
    assert action(Facts("performance", **ENOUGH), on_regression="alert") == "tell"
    assert action(Facts("performance", **ENOUGH), on_regression="retrain") == "retrain"
