"""The bootstrap against scipy's and against DeLong, and the properties of its counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from noria.evaluation import metrics
from noria.evaluation.calibration import bins_of
from noria.evaluation.delong import delong
from noria.evaluation.evaluate import evaluate
from noria.evaluation.judged import Judged, Prediction, judged
from noria.evaluation.metrics import value
from noria.evaluation.resampling import distribution, draw, interval, ones


def rows_of(truth: np.ndarray, score: np.ndarray) -> Judged:
    proba = np.column_stack([1 - score, score])
    return judged("classification", truth, Prediction(score > 0.5, proba, (False, True)))


@given(st.integers(1, 60), st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_counts_keep_the_size_of_the_sample_and_of_each_stratum(n: int, resamples: int, seed: int) -> None:
    strata = np.random.default_rng(seed).integers(0, 3, n)
    counts = np.hstack([chunk.counts for chunk in draw(n, resamples, seed=seed, strata=strata)])
    assert counts.shape == (n, resamples)
    for stratum in np.unique(strata):
        assert (counts[strata == stratum].sum(axis=0) == (strata == stratum).sum()).all()


def test_groups_are_drawn_whole() -> None:
    groups = np.array(["a", "b", "b", "c", "c", "c"])
    counts = next(draw(6, 20, seed=1, groups=groups)).counts
    assert (counts[1] == counts[2]).all()
    assert (counts[3] == counts[5]).all()


def test_the_same_seed_gives_the_same_counts_again() -> None:
    whole = np.hstack([chunk.counts for chunk in draw(50, 40, seed=9)])
    again = np.hstack([chunk.counts for chunk in draw(50, 40, seed=9)])
    assert (whole == again).all()


def test_weighting_is_the_same_as_drawing_rows() -> None:
    rng = np.random.default_rng(5)
    truth = rng.random(80) < 0.4
    score = np.round(np.clip(0.3 * truth + rng.random(80) * 0.7, 0, 1), 1)
    rows = rows_of(truth, score)
    weights = next(draw(80, 5, seed=2, strata=rows.truth))
    for metric in metrics.applicable(rows):
        if metric.name == "ece":  # its bins stay those of the whole sample
            continue
        got = metric.prepare(rows)(weights)
        for column in range(5):
            repeated = np.repeat(np.arange(80), weights.counts[:, column].astype(int))
            assert got[column] == pytest.approx(metric.function(rows.take(repeated))), metric.name


def test_regression_weighting_is_the_same_as_drawing_rows() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(10, 2, 61)
    rows = judged("regression", y, Prediction(y + rng.normal(size=61)))
    weights = next(draw(61, 6, seed=2))
    for metric in metrics.applicable(rows):
        got = metric.prepare(rows)(weights)
        for column in range(6):
            repeated = np.repeat(np.arange(61), weights.counts[:, column].astype(int))
            assert got[column] == pytest.approx(metric.function(rows.take(repeated))), metric.name


def test_the_same_seed_gives_scipys_interval_to_the_last_digit() -> None:
    rng = np.random.default_rng(11)
    y = rng.gamma(2, 3, 300)
    p = y + rng.normal(size=300)
    rows = judged("regression", y, Prediction(p))
    ours = interval(distribution({"m": metrics.get("mae").prepare(rows)}, draw(300, 9000, seed=1))["m"])
    theirs = stats.bootstrap(
        (np.abs(y - p),), np.mean, n_resamples=9000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs), rel=1e-12)


@pytest.mark.parametrize(
    ("n", "slope", "shift"), [(200, 1.0, 0.0), (800, 1.0, 0.0), (200, 1.3, 0.0), (800, 1.0, 0.3), (800, 1.0, 0.8)]
)
def test_the_interval_of_the_calibration_error_holds_the_truth(n: int, slope: float, shift: float) -> None:
    """Nominal 95 %. Moved back by the bias that resamples show, it held the 0 of a calibrated model never."""
    rng = np.random.default_rng(3)

    def sample(n: int) -> Judged:
        logit = rng.normal(-0.5, 1.2, n)
        return rows_of(rng.random(n) < special.expit(logit), special.expit(slope * logit + shift))

    logit = rng.normal(-0.5, 1.2, 1_000_000)
    said = special.expit(slope * logit + shift)
    true = np.abs(np.bincount(bins_of(said, 15), said - special.expit(logit))).sum() / len(said)
    held = 0
    for seed in range(100):
        rows = sample(n)
        statistic = metrics.get("ece").prepare(rows)
        drawn = distribution({"": statistic.scaled(n)}, draw(n, 200, seed=seed))[""]
        low, high = interval(drawn, around=float(statistic(ones(n))[0]))
        value = float(statistic(ones(n))[0])
        assert low <= value <= high
        held += low <= true <= high
    assert held >= 85


@pytest.mark.parametrize("apart", [0.0, 0.5, 1.2])
def test_the_interval_of_the_ks_distance_holds_the_truth(apart: float) -> None:
    rng = np.random.default_rng(3)
    held = 0
    for seed in range(100):
        truth = rng.random(400) < 0.3
        rows = rows_of(truth, stats.norm.cdf(rng.normal(size=400) + apart * truth))
        statistic = metrics.get("ks").prepare(rows)
        drawn = distribution({"": statistic.scaled(400)}, draw(400, 200, seed=seed))[""]
        low, high = interval(drawn, around=float(statistic(ones(400))[0]))
        held += low <= 2 * stats.norm.cdf(apart / 2) - 1 <= high
    assert held >= 85


def test_the_ks_of_several_classes_is_the_mean_of_each_and_has_an_interval() -> None:
    rng = np.random.default_rng(3)
    proba = rng.dirichlet([1, 1, 1], 600)
    labels = np.array(["a", "b", "c"], dtype=object)
    found = evaluate(
        "classification", labels[rng.integers(0, 3, 600)], Prediction(labels[proba.argmax(1)], proba, tuple(labels))
    )
    ks = found.metrics["ks"]
    assert ks.value > 0.03
    assert (ks.low, ks.high < 0.12) == (0.0, True)


def test_the_area_varies_as_delong_says() -> None:
    rng = np.random.default_rng(4)
    truth = rng.random(600) < 0.3
    score = 1 / (1 + np.exp(-(truth + rng.normal(size=600))))
    rows = rows_of(truth, score)
    drawn = distribution({"a": metrics.get("roc_auc").prepare(rows)}, draw(600, 3000, seed=1, strata=rows.truth))["a"]
    reference = delong(truth, score)
    assert float(drawn.std()) == pytest.approx(float(np.sqrt(reference.covariance[0, 0])), rel=0.06)
    assert interval(drawn) == pytest.approx(reference.interval(), abs=0.004)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """200 samples of 120 rows; the true area of two normals one apart is Phi(1/sqrt 2)."""
    true = float(stats.norm.cdf(1 / np.sqrt(2)))
    rng = np.random.default_rng(8)
    truth = np.arange(120) % 2 == 0
    covered = 0
    for seed in range(200):
        score = stats.norm.cdf(truth + rng.normal(size=120))
        rows = rows_of(truth, score)
        statistic = {"a": metrics.get("roc_auc").prepare(rows)}
        low, high = interval(distribution(statistic, draw(120, 300, seed=seed, strata=rows.truth))["a"])
        covered += low <= true <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_an_interval_needs_half_of_its_resamples() -> None:
    assert interval(np.array([np.nan, np.nan, 1.0])) == (None, None)
    assert interval(np.array([1.0])) == (None, None)


def test_delong_agrees_with_a_published_formula_and_tells_models_apart() -> None:
    rng = np.random.default_rng(6)
    truth = rng.random(400) < 0.5
    good, poor = truth + rng.normal(size=400), 0.2 * truth + rng.normal(size=400)
    found = delong(truth, good, poor)
    # Mann-Whitney's U is the area times the number of pairs.
    u = stats.mannwhitneyu(good[truth], good[~truth]).statistic
    assert found.auc[0] == pytest.approx(u / (truth.sum() * (~truth).sum()))
    z, p = found.test()
    assert z > 0
    assert p < 0.001
    assert delong(truth, good, good).test() == (0.0, 1.0)


def test_intervals_hold_the_truth_where_classes_err_differently() -> None:
    """Nominal 95 %; with the classes' numbers held fixed it was 81."""
    rng = np.random.default_rng(8)

    def sample(n: int) -> tuple[np.ndarray, Prediction]:
        chance = rng.beta(2, 3, n)
        said = chance**1.6
        truth = np.where(rng.random(n) < chance, "bad", "good").astype(object)
        called = np.where(said > 0.5, "bad", "good").astype(object)
        return truth, Prediction(called, np.column_stack([said, 1 - said]), ("bad", "good"))

    held = dict.fromkeys(("brier", "log_loss", "accuracy"), 0)
    true = {name: value(name, *sample(200_000)) for name in held}
    for _ in range(100):
        found = evaluate("classification", *sample(500), resamples=200).metrics
        for name in held:
            estimate = found[name]
            assert estimate.low is not None
            assert estimate.high is not None
            held[name] += estimate.low <= true[name] <= estimate.high
    assert min(held.values()) >= 88
