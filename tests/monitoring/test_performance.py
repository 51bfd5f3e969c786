"""Verdicts on realised performance, and that falls are not proven where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from noria.evaluation.judged import Prediction, judged
from noria.monitoring.estimate import estimate
from noria.monitoring.performance import Performance, judge
from noria.monitoring.reference import Expected, Reference


def scored(rng: np.random.Generator, n: int, skill: float) -> tuple[np.ndarray, Prediction]:
    truth = np.where(rng.random(n) < 0.3, "bad", "good").astype(object)
    chance = stats.norm.cdf(rng.normal(0, 1, n) + skill * (truth == "bad") - 1)
    said = np.where(chance > 0.5, "bad", "good").astype(object)
    return truth, Prediction(said, np.column_stack([chance, 1 - chance]), ("bad", "good"))


AUC = float(stats.norm.cdf(1.5 / np.sqrt(2)))
KNOWN = Reference(
    {},
    None,
    "roc_auc",
    {"roc_auc": Expected(AUC, AUC - 0.03, AUC + 0.03, 900)},
    "classification",
    "bad",
    ("bad", "good"),
)


def verdict(truth: np.ndarray, prediction: Prediction, known: Reference = KNOWN, **kwargs: object) -> Performance:
    kwargs = {"answered": len(truth), "due": False, **kwargs}
    return judge(known, truth=truth, prediction=prediction, **kwargs)


def test_a_fall_is_proven_and_an_ordinary_window_is_not() -> None:
    rng = np.random.default_rng(1)
    fallen = [verdict(*scored(rng, 500, 0.7)).verdict for _ in range(20)]
    assert fallen.count("worse") >= 18


def test_proven_worse_is_rarely_wrong() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(300):
        # The held-out rows are a sample as well, as uncertain as their interval says.
        value = AUC + rng.normal(0, 0.03 / 1.96)
        known = Reference(
            {},
            None,
            "roc_auc",
            {"roc_auc": Expected(value, value - 0.03, value + 0.03, 900)},
            positive="bad",
            classes=("bad", "good"),
        )
        wrong += verdict(*scored(rng, 500, 1.5), known).verdict == "worse"
    assert wrong <= stats.binom.ppf(0.999, 300, 0.05)


def test_early_labels_are_not_judged() -> None:
    truth, said = scored(np.random.default_rng(3), 300, 0.2)
    early = verdict(truth, said, answered=1000)
    assert early.verdict == "immature"
    assert early.value is not None
    assert verdict(truth, said, answered=1000, due=True).verdict == "worse"
    assert verdict(truth, said, answered=330).verdict == "worse"


def test_too_few_of_a_class_are_insufficient() -> None:
    rng = np.random.default_rng(4)
    truth, said = scored(rng, 60, 1.5)
    assert verdict(truth, said).verdict == "insufficient"
    assert verdict(np.array(["good"] * 200, dtype=object), scored(rng, 200, 1)[1]).verdict == "insufficient"


def test_a_metric_the_log_cannot_give_falls_back() -> None:
    truth, said = scored(np.random.default_rng(5), 400, 1.5)
    metrics = {"roc_auc": Expected(0.8, 0.7, 0.9, 300), "accuracy": Expected(0.8, 0.75, 0.85, 300)}
    known = Reference({}, None, "roc_auc", metrics, positive="bad", classes=("bad", "good"))
    assert verdict(truth, Prediction(said.values), known).metric == "accuracy"
    assert verdict(truth, said, Reference({}, None, "roc_auc", {})).verdict == "unknown"


def test_a_metric_that_grows_with_fewer_rows_proves_nothing() -> None:
    rng = np.random.default_rng(3)
    figures = {"ece": Expected(0.02, 0.01, 0.03, 5000), "roc_auc": KNOWN.metrics["roc_auc"]}
    known = Reference({}, None, "ece", figures, "classification", "bad", ("bad", "good"))
    found = [verdict(*scored(rng, 300, 1.5), known) for _ in range(20)]
    assert {each.metric for each in found} == {"roc_auc"}
    assert [each.verdict for each in found].count("worse") <= 3


def test_errors_of_regression_point_the_other_way() -> None:
    rng = np.random.default_rng(6)
    truth = rng.normal(0, 1, 400)
    known = Reference({}, None, "rmse", {"rmse": Expected(1.0, 0.95, 1.05, 900)}, "regression")
    worse = verdict(truth, Prediction(truth + rng.normal(0, 1.4, 400)), known)
    assert worse.verdict == "worse"
    assert worse.difference < 0
    assert verdict(truth, Prediction(truth + rng.normal(0, 0.9, 400)), known).verdict == "fine"


def test_the_interval_of_accuracy_is_wilsons() -> None:
    truth = np.array(["a"] * 50, dtype=object)
    said = np.array(["a"] * 41 + ["b"] * 9, dtype=object)
    found = estimate("accuracy", judged("classification", truth, Prediction(said)))
    wanted = stats.binomtest(41, 50).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


@pytest.mark.parametrize("metric", ["roc_auc", "brier", "f1"])
def test_intervals_hold_the_true_value(metric: str) -> None:
    rng = np.random.default_rng(7)
    big = estimate(metric, judged("classification", *scored(rng, 20_000, 1.5), positive="bad"), seed=1)
    inside = 0
    for number in range(40):
        found = estimate(metric, judged("classification", *scored(rng, 300, 1.5), positive="bad"), seed=number)
        inside += found.low <= big.value <= found.high
    assert inside >= stats.binom.ppf(0.0001, 40, 0.94)


def devices(rng: np.random.Generator, wobble: float) -> tuple[np.ndarray, Prediction, np.ndarray]:
    """Twenty devices with 25 answers each, 0.8 of them right on average, each device by its own chance."""
    groups = np.repeat(np.arange(20), 25)
    chance = np.clip(0.8 + rng.uniform(-wobble, wobble, 20), 0, 1)[groups]
    truth = rng.choice(["bad", "good"], 500).astype(object)
    other = np.where(truth == "bad", "good", "bad").astype(object)
    return truth, Prediction(np.where(rng.random(500) < chance, truth, other)), groups


def test_an_interval_allows_for_rows_that_depend_on_each_other() -> None:
    rng = np.random.default_rng(3)
    held = {"alone": 0, "grouped": 0}
    for _ in range(200):
        truth, said, groups = devices(rng, 0.2)
        rows = judged("classification", truth, said, classes=("bad", "good"))
        for name, given in (("alone", None), ("grouped", groups)):
            found = estimate("accuracy", rows, groups=given)
            assert found is not None
            held[name] += found.low <= 0.8 <= found.high
    assert held["alone"] < 0.9 * 200
    assert held["grouped"] >= stats.binom.ppf(0.001, 200, 0.95) - 4  # a bootstrap of 20 groups is a little narrow


def test_a_window_of_one_group_proves_nothing() -> None:
    truth, said, _ = devices(np.random.default_rng(4), 0.0)
    known = Reference({}, None, "accuracy", {"accuracy": Expected(0.99, 0.98, 1.0, 900)}, classes=("bad", "good"))
    assert judge(known, truth=truth, prediction=said, answered=500, due=True).verdict == "worse"
    alone = judge(known, truth=truth, prediction=said, answered=500, due=True, groups=np.zeros(500, dtype=int))
    assert alone.verdict == "insufficient"
