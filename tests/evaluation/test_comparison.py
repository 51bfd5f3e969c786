"""The verdict on two models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import WrongData
from noria.evaluation.comparison import paired, verdict
from noria.evaluation.delong import delong
from noria.evaluation.judged import Prediction


def scored(score: np.ndarray) -> Prediction:
    return Prediction(score > 0.5, np.column_stack([1 - score, score]), (False, True))


def two_models(n: int = 500, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    shared = rng.normal(size=n)
    good = 1 / (1 + np.exp(-(1.5 * truth + shared)))
    poor = 1 / (1 + np.exp(-(0.5 * truth + shared + 0.3 * rng.normal(size=n))))
    return truth, good, poor


def test_a_better_model_is_called_better_and_the_other_worse() -> None:
    truth, good, poor = two_models()
    assert paired("roc_auc", truth, scored(good), scored(poor)).verdict == "better"
    worse = paired("roc_auc", truth, scored(poor), scored(good))
    assert worse.verdict == "worse"
    assert not worse.non_inferior


def test_the_same_model_is_equivalent_and_not_inferior_even_without_a_margin() -> None:
    truth, good, _ = two_models()
    found = paired("roc_auc", truth, scored(good), scored(good), margin=0.0)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.verdict == "equivalent"
    assert found.non_inferior


def test_few_rows_are_inconclusive_and_say_what_they_could_show() -> None:
    truth, good, poor = two_models(n=30, seed=4)
    found = paired("accuracy", truth, scored(good), scored(poor), margin=0.01)
    assert found.verdict == "inconclusive"
    assert found.detectable > 0.05


def test_the_paired_interval_agrees_with_delong() -> None:
    truth, good, poor = two_models(n=800)
    found = paired("roc_auc", truth, scored(good), scored(poor), resamples=3000)
    reference = delong(truth, good, poor)
    s = reference.covariance
    error = np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    assert found.detectable / 2.8 == pytest.approx(error, rel=0.06)
    assert found.difference == pytest.approx(reference.auc[0] - reference.auc[1])


@given(st.integers(0, 1000), st.sampled_from(["rmse", "mae", "r2", "median_ae"]))
@settings(max_examples=25, deadline=None)
def test_exchanging_the_models_turns_the_interval_round(seed: int, metric: str) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(5, 2, 40)
    a, b = Prediction(y + rng.normal(size=40)), Prediction(y + 2 * rng.normal(size=40))
    one = paired(metric, y, a, b, resamples=100, margin=0.1)
    other = paired(metric, y, b, a, resamples=100, margin=0.1)
    assert one.difference == pytest.approx(-other.difference)
    assert one.low == pytest.approx(-other.high)
    assert {one.verdict, other.verdict} in ({"better", "worse"}, {"equivalent"}, {"inconclusive"})


def test_the_direction_of_the_metric_is_respected() -> None:
    y = np.arange(60.0)
    near, far = Prediction(y + 0.1 * np.cos(y)), Prediction(y + 2 * np.sin(y))
    assert paired("rmse", y, near, far).verdict == "better"
    assert paired("r2", y, near, far).verdict == "better"


def test_the_default_margin_follows_the_units() -> None:
    y = np.arange(60.0)
    found = paired("rmse", y, Prediction(y + 1), Prediction(y + 5))
    assert found.margin == pytest.approx(0.1)
    truth, good, poor = two_models()
    assert paired("roc_auc", truth, scored(good), scored(poor)).margin == 0.01


def test_one_class_cannot_be_compared_by_its_area() -> None:
    _, good, poor = two_models(n=50)
    found = paired("roc_auc", np.ones(50, bool), scored(good), scored(poor))
    assert (found.difference, found.low, found.verdict) == (None, None, "inconclusive")
    assert not found.non_inferior


def test_clusterings_are_compared_row_by_row() -> None:
    rng = np.random.default_rng(0)
    space = np.vstack([rng.normal(0, 1, (50, 2)), rng.normal(6, 1, (50, 2))])
    right, wrong = Prediction(np.repeat([0, 1], 50)), Prediction(np.tile([0, 1], 50))
    assert paired("silhouette", None, right, wrong, space=space).verdict == "better"


def test_grouped_rows_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 20)
    y = rng.normal(size=600)
    shift = rng.normal(size=30)[groups]
    a, b = Prediction(y + shift), Prediction(y + 1.0)
    alone = paired("mae", y, a, b, resamples=400)
    together = paired("mae", y, a, b, resamples=400, groups=groups)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(WrongData, match="cannot be paired"):
        paired("rmse", [1.0], Prediction(np.array([1.0])), Prediction(np.array([1.0, 2.0])))


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.01, 0.02, 0.1, "better"),
        (-0.2, -0.1, 0.5, "worse"),
        (-0.01, 0.01, 0.02, "equivalent"),
        (-0.05, 0.01, 0.02, "inconclusive"),
        (0.0, 0.0, 0.0, "equivalent"),
        (None, None, 0.0, "inconclusive"),
    ],
)
def test_verdicts(low: float | None, high: float | None, margin: float, expected: str) -> None:
    assert verdict(low, high, margin) == expected
