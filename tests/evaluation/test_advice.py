"""What the record of a selection advises, and the arithmetic behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from noria.evaluation.advice import SIMPLE, Advice, advice
from noria.evaluation.fold_difference import fold_difference
from noria.evaluation.optimism import selection_optimism
from noria.training.families import catalogue


def row(name: str, scores: list[float], family: str | None = None, **rest: object) -> dict[str, Any]:
    done = {"mean": float(np.mean(scores)), "sd": float(np.std(scores, ddof=1)), "status": "complete", "note": ""}
    return {"name": name, "family": family or name, "params": {}, "scores": scores, "seconds": 1.0, **done, **rest}


def selection(*rows: dict[str, Any], baseline: float = 0.5) -> dict[str, Any]:
    dummy = row("dummy", [baseline] * 5)
    return {"winner": rows[0], "baseline": dummy, "table": [*rows, dummy], "seconds": 9.0}


def topics(found: tuple[Advice, ...]) -> list[str]:
    return [one.topic for one in found]


def test_the_test_of_folds_is_nadeau_and_bengios() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(0.2, 0.02, 10), rng.normal(0.22, 0.02, 10)
    found = fold_difference(first.tolist(), second.tolist(), test_share=1 / 9)
    apart = second - first
    t = apart.mean() / np.sqrt((1 / 10 + 1 / 9) * apart.var(ddof=1))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 9))
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.mean == pytest.approx(found.mean - found.low)


def test_the_test_of_folds_seldom_finds_what_is_not_there() -> None:
    """Two learners of equal worth, each the mean of the rows it learned from, in ten folds that share most rows."""
    certain = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = rng.normal(0, 1, (60, 2))
        folds = np.arange(60) % 10
        errors = []
        for fold in range(10):
            learned, judged = rows[folds != fold].mean(axis=0), rng.normal(0, 1, 6)
            errors.append([np.mean((judged - one) ** 2) for one in learned])
        first, second = np.array(errors).T
        certain += fold_difference(first.tolist(), second.tolist()).is_certain
    assert certain / 200 <= 0.08


@pytest.mark.parametrize(
    ("candidates", "units", "spread"), [(10, 5, 0.0), (30, 5, 0.02), (20, 10, 0.01), (20, 200, 0.0)]
)
def test_optimism_is_what_simulation_says_it_is(candidates: int, units: int, spread: float) -> None:
    true, estimated = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        worth = rng.normal(0.3, spread, candidates)
        errors = worth[:, None] + rng.normal(0, 0.05, (candidates, units)) + rng.normal(0, 0.05, units)
        found = selection_optimism(errors, seed=seed, resamples=200)
        assert found is not None
        true.append(worth[errors.mean(axis=1).argmin()] - errors.mean(axis=1).min())
        estimated.append(found.flattery)
    assert np.mean(estimated) == pytest.approx(np.mean(true), rel=0.25, abs=0.004)


def test_optimism_needs_something_to_choose_among() -> None:
    assert selection_optimism([[0.1, 0.2, 0.3]]) is None
    assert selection_optimism([[0.1, 0.2], [0.2, 0.3]]) is None


def test_a_clear_winner_needs_no_advice() -> None:
    good = row("logistic", [0.200, 0.205, 0.195, 0.202, 0.198])
    other = row("boosting", [0.240, 0.246, 0.235, 0.243, 0.238])
    test = {"value": 0.80, "low": 0.77, "high": 0.83}
    assert advice(selection(good, other), "roc_auc", test=test, train_rows=5000) == ()


def test_a_winner_no_better_than_the_baseline_is_told_first() -> None:
    weak = row("ridge", [0.50, 0.51, 0.52, 0.50, 0.51])
    found = advice(selection(weak), "roc_auc", train_rows=100)
    assert topics(found)[0] == "baseline"
    assert found[0].urgent
    assert "tell nothing that helps" in found[0].text


def test_a_lead_over_the_baseline_that_may_be_chance_is_told() -> None:
    weak = row("ridge", [0.40, 0.58, 0.45, 0.55, 0.46])
    assert "not certain" in next(one for one in advice(selection(weak), "roc_auc") if one.topic == "baseline").text


@pytest.mark.parametrize(("value", "told"), [(0.70, "disappoint"), (0.79, None), (0.93, "do better")])
def test_locked_rows_are_held_against_what_was_promised(value: float, told: str | None) -> None:
    good = row("logistic", [0.200, 0.205, 0.195, 0.202, 0.198])
    test = {"value": value, "low": value - 0.03, "high": value + 0.03}
    found = [one for one in advice(selection(good), "roc_auc", test=test) if one.topic == "gap"]
    assert (told is None and not found) or (told is not None and told in found[0].text)


def test_an_error_that_is_higher_than_promised_disappoints() -> None:
    good = row("ridge", [10.0, 10.1, 9.9, 10.0, 10.0])
    test = {"value": 14.0, "low": 13.0, "high": 15.0}
    found = advice(selection(good, baseline=50), "rmse", test=test)
    assert "disappoint" in found[0].text


def test_luck_among_many_equals_is_told_with_what_it_is_worth() -> None:
    rng = np.random.default_rng(4)
    rows = [row(f"svm-{n}", rng.normal(0.48, 0.03, 5).tolist(), "svm") for n in range(30)]
    rows.sort(key=lambda one: one["mean"])
    told = next(one for one in advice(selection(*rows), "roc_auc") if one.topic == "optimism")
    assert told.urgent
    assert told.evidence["corrected"] == pytest.approx(0.48, abs=0.02)
    assert told.evidence["reported"] == rows[0]["mean"]


@pytest.mark.parametrize(
    ("ours", "theirs", "way"),
    [(0.3, 10.0, "Regularising more paid: C from 10 to 0.3"), (10.0, 0.3, "Regularising less paid: C from 0.3 to 10")],
)
def test_the_way_regularisation_helped_is_told(ours: float, theirs: float, way: str) -> None:
    best = row("svm-2", [0.20, 0.21, 0.19, 0.20, 0.20], "svm", params={"C": ours})
    other = row("svm", [0.25, 0.26, 0.24, 0.25, 0.24], "svm", params={"C": theirs})
    assert way in next(one for one in advice(selection(best, other), "roc_auc") if one.topic == "regularisation").text


def test_regularisation_is_not_credited_with_what_else_changed() -> None:
    best = row("svm-2", [0.20, 0.21, 0.19, 0.20, 0.20], "svm", params={"C": 0.3, "gamma": 2})
    other = row("svm", [0.25, 0.26, 0.24, 0.25, 0.24], "svm", params={"C": 10.0, "gamma": 1})
    assert "regularisation" not in topics(advice(selection(best, other), "roc_auc"))


def test_a_readable_model_as_good_as_the_winner_is_named() -> None:
    best = row("boosting", [0.200, 0.210, 0.190, 0.205, 0.20])
    simple = row("logistic", [0.205, 0.205, 0.195, 0.200, 0.203])
    told = next(one for one in advice(selection(best, simple), "roc_auc") if one.topic == "choice")
    assert 'candidates = ["logistic"]' in told.text


def test_what_had_no_time_and_what_failed_are_named() -> None:
    good = row("logistic", [0.200, 0.205, 0.195, 0.202, 0.198])
    late = row(
        "svm", [0.2, 0.2], status="skipped", mean=None, note="one fold would take about 90 s: raise [model] budget"
    )
    broken = row("mine", [0.2, 0.2], status="failed", mean=None, note="ValueError: no")
    found = {one.topic: one.text for one in advice(selection(good, late, broken), "roc_auc")}
    assert "no time for svm" in found["budget"]
    assert "mine: ValueError: no" in found["failures"]


def test_a_score_too_good_to_be_true_is_doubted_with_what_the_checks_found() -> None:
    best = row("logistic", [0.001, 0.002, 0.0, 0.001, 0.001])
    leak = {"check": "leakage", "message": "paid_late gives the target away: AUC 1.0"}
    told = next(one for one in advice(selection(best), "roc_auc", findings=[leak]) if one.topic == "data")
    assert "paid_late gives the target away" in told.text


def test_families_that_can_be_read_are_those_training_marks_so() -> None:
    tasks = ("regression", "classification")
    assert {family.name for task in tasks for family in catalogue(task) if family.is_glass} == SIMPLE  # type: ignore[arg-type]


def test_the_recorded_share_of_the_folds_decides_what_is_certain() -> None:
    best, simple = row("boosting", [0.20, 0.21, 0.19, 0.20, 0.20]), row("logistic", [0.23, 0.24, 0.24, 0.22, 0.21])
    told = selection(best, simple, baseline=0.222)
    assert not {"baseline", "choice"} & set(topics(advice(told, "roc_auc")))  # records of old say nothing of time
    forward = {**told, "test_share": 2.0}
    assert {"baseline", "choice"} <= set(topics(advice(forward, "roc_auc")))
