"""Conformal intervals and sets: the coverage that is promised, on data of a known making."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from noria.errors import WrongData
from noria.evaluation.conformal import Conformal, calibrate, checked, covered, far
from noria.evaluation.evaluate import Evaluation, evaluate
from noria.evaluation.judged import Prediction
from noria.evaluation.prediction_sets import bounds, members, quantiles
from noria.evaluation.regions import Regions
from noria.evaluation.report import html, markdown


@settings(deadline=None, max_examples=60)
@given(st.integers(10, 400), st.floats(0.5, 0.95), st.integers(0, 1000))
def test_the_quantile_is_the_smallest_with_enough_below(n: int, level: float, seed: int) -> None:
    scores = np.random.default_rng(seed).exponential(size=n)
    rank = math.ceil((n + 1) * level - 1e-9)
    if rank > n:
        with pytest.raises(WrongData, match="too few"):
            calibrate(scores, level)
        return
    assert calibrate(scores, level).regions.quantile == np.sort(scores)[rank - 1]


def test_intervals_of_a_normal_error_are_as_wide_as_theory_says() -> None:
    scores = far(np.random.default_rng(0).normal(scale=2.0, size=100_000), np.zeros(100_000))
    wanted = 2.0 * float(stats.norm.ppf(0.95))  # half width at 90 %
    assert calibrate(scores, 0.9).regions.quantile == pytest.approx(wanted, rel=0.01)


def test_new_rows_are_inside_as_often_as_promised() -> None:
    # With n = 199 answers at 90 % the coverage is Beta(180, 20) over calibrations, 0.9 on average (Vovk, 2012).
    shares = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        made = calibrate(far(rng.standard_t(3, 199), np.zeros(199)), 0.9)
        found = checked(made, rng.standard_t(3, 500), np.zeros(500))
        assert found.test is not None
        shares.append(found.test.share.value or 0.0)
    assert np.mean(shares) == pytest.approx(0.9, abs=0.006)
    assert np.std(shares) == pytest.approx(math.sqrt(stats.beta(180, 20).var() + 0.09 / 500), rel=0.2)


def _classes(rng: np.random.Generator, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    proba = rng.dirichlet(np.full(k, 0.6), n)
    truth = np.array([rng.choice(k, p=row) for row in proba])
    return truth, proba


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("level", [0.8, 0.9])
def test_sets_hold_the_true_class_as_often_as_promised(k: int, level: float) -> None:
    rng = np.random.default_rng(k)
    truth, proba = _classes(rng, 4000, k)
    made = calibrate(far(truth, proba, range(k)), level)
    new_truth, new_proba = _classes(rng, 6000, k)
    found = checked(made, new_truth, new_proba, range(k))
    assert found.test is not None
    assert found.test.share.value == pytest.approx(level, abs=0.025)
    assert 1 <= found.test.size < k
    inside = members(new_proba, np.full(6000, made.regions.quantile))
    # The likelier of two classes is never left out for the other.
    order = np.argsort(-new_proba, axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(inside, order, axis=1).astype(int), axis=1) <= 0).all()


def test_a_badly_calibrated_model_still_covers() -> None:
    rng = np.random.default_rng(5)
    truth, proba = _classes(rng, 3000, 4)
    sharp = proba**4 / (proba**4).sum(axis=1, keepdims=True)  # far too certain
    made = calibrate(far(truth[:1500], sharp[:1500], range(4)), 0.9)
    found = checked(made, truth[1500:], sharp[1500:], range(4))
    assert found.test is not None
    assert found.test.share.value == pytest.approx(0.9, abs=0.03)


def test_groups_have_widths_of_their_own() -> None:
    rng = np.random.default_rng(6)
    group = np.where(rng.random(4000) < 0.3, "wild", "calm").tolist()
    y = rng.normal(size=4000) * np.where(np.array(group) == "wild", 5.0, 1.0)
    plain = checked(calibrate(far(y[:2000], np.zeros(2000)), 0.9), y[2000:], np.zeros(2000))
    made = calibrate(far(y[:2000], np.zeros(2000)), 0.9, by="kind", groups=group[:2000])
    found = checked(made, y[2000:], np.zeros(2000), groups=group[2000:])
    assert set(found.groups) == {"wild", "calm"}
    for each in found.groups.values():
        assert each.share.value == pytest.approx(0.9, abs=0.03)
    assert plain.test is not None
    assert plain.test.share.value == pytest.approx(0.9, abs=0.03)  # over all, yet not where it is wild:
    wild = np.array(group[2000:]) == "wild"
    assert (np.abs(y[2000:][wild]) <= plain.regions.quantile).mean() < 0.8
    assert quantiles(made.regions, ["wild", "calm", "new", None], 4).tolist() == [
        made.regions.quantiles["wild"], made.regions.quantiles["calm"], made.regions.quantile, made.regions.quantile,
    ]  # fmt: skip


def test_a_small_group_is_taken_with_all() -> None:
    y = np.random.default_rng(7).normal(size=103)
    made = calibrate(far(y, np.zeros(103)), 0.9, by="kind", groups=["a"] * 100 + ["b"] * 3)
    assert set(made.regions.quantiles) == {"a"}


def test_dependent_rows_widen_what_is_known_of_the_coverage() -> None:
    rng = np.random.default_rng(8)
    owner = np.repeat(np.arange(30), 40)
    y = rng.normal(size=30)[owner]
    made = calibrate(far(rng.normal(size=500), np.zeros(500)), 0.9)
    alone, together = (checked(made, y, np.zeros(1200), clusters=each).test for each in (None, owner))
    assert alone is not None
    assert together is not None
    width = [(each.share.high or 0) - (each.share.low or 0) for each in (alone, together)]
    assert width[1] > 2 * width[0]


def test_an_unknown_class_is_in_no_set() -> None:
    assert far(np.array(["z"]), np.array([[0.5, 0.5]]), ("a", "b")).tolist() == [np.inf]
    made = Conformal(Regions(0.9, 0.99), 100)
    found = checked(made, np.array(["z", "a"], dtype=object), np.array([[0.5, 0.5], [0.9, 0.1]]), ("a", "b"))
    assert found.test is not None
    assert found.test.share.value == 0.5


def test_rounding_moves_no_class_out() -> None:
    proba = np.array([[0.7, 0.3]])
    edge = float(far(np.array([1]), proba, (0, 1))[0])
    assert members(proba + np.array([[1e-12, -1e-12]]), np.array([edge])).tolist() == [[True, True]]
    assert bounds(np.array([1.0]), np.array([0.5])).tolist() == [[0.5, 1.5]]


def test_it_is_kept_and_shown() -> None:
    rng = np.random.default_rng(9)
    y, said = rng.normal(size=300), Prediction(np.zeros(300))
    made = calibrate(far(rng.normal(size=300), np.zeros(300)), 0.9, by="kind", groups=["a", "b"] * 150)
    found = evaluate(
        "regression", y, said, conformal=made, conformal_groups=["a", "b"] * 150, resamples=50
    )  # fmt: skip
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.conformal == found.conformal
    for page in (html({"evaluation": found.to_json()}), markdown({"evaluation": found.to_json()})):
        assert "Intervals" in page
        assert "shall hold the truth in 90%" in page
        assert "kind: a" in page


@pytest.mark.parametrize(("level", "needed"), [(0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_so_many_answers_as_are_said_to_be_needed_are_enough(level: float, needed: int) -> None:
    with pytest.raises(WrongData, match=f"at least {needed} are needed"):
        calibrate(np.ones(needed - 1), level)
    assert calibrate(np.ones(needed), level).n == needed


@pytest.mark.parametrize("inside", [True, False])
def test_rows_that_are_all_inside_prove_no_certainty(inside: bool) -> None:
    owner = np.repeat(np.arange(15), 4)
    alone, together = (covered(np.full(60, inside), np.ones(60), clusters=each).share for each in (None, owner))
    for found, n in ((alone, 60), (together, 15)):
        wanted = stats.binomtest(n if inside else 0, n).proportion_ci(0.95, "wilson")
        assert (found.low, found.high) == pytest.approx(wanted, abs=1e-12)


def test_the_group_without_a_name_is_not_that_of_rows_without_a_group() -> None:
    regions = Regions(0.9, 2.0, "kind", {"": 5.0, "calm": 1.0})
    assert quantiles(regions, ["", None, "calm"], 3).tolist() == [5.0, 2.0, 1.0]
