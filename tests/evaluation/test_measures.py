"""Gates on what is no metric: fairness, calibration, what was measured, and the agreement of people."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from noria.errors import WrongSetting
from noria.evaluation.calibration import Calibration, calibration
from noria.evaluation.evaluate import Evaluation, evaluate
from noria.evaluation.gates import Rule, Verdict, judge
from noria.evaluation.judged import Prediction
from noria.evaluation.measured import Measured
from noria.evaluation.measures import MEASURES, known
from noria.evaluation.resampling import Estimate


@pytest.fixture(scope="module")
def found() -> Evaluation:
    rng = np.random.default_rng(5)
    n = 800
    sex = rng.choice(["f", "m"], n)
    hit = rng.random(n) < 0.4
    score = 1 / (1 + np.exp(-(2 * hit + rng.normal(size=n) - 1 - 0.9 * (sex == "f"))))
    said = Prediction(np.where(score > 0.5, 1, 0), np.column_stack([1 - score, score]), (0, 1))
    return evaluate(
        "classification", hit.astype(int), said, positive=1, resamples=100,
        protected=pd.DataFrame({"sex": sex, "shoe": rng.choice(["a", "b"], n)}),
    )  # fmt: skip


def verdict(found: Evaluation, rule: Rule, **measured: Measured) -> Verdict:
    (one,) = judge([rule], found, measured=measured)
    return one


def test_the_ratio_of_a_column_is_judged_with_its_evidence(found: Evaluation) -> None:
    said = verdict(found, Rule("parity_ratio", min=0.8, by="sex"))
    assert not said.passed
    assert said.value == found.fairness[0].parity_ratio.value
    assert said.message.startswith("parity_ratio by sex >= 0.8 failed: 0.")
    assert "95 % interval" in said.message
    assert said.evidence["column"] == "sex"
    json.dumps(said.to_json(), allow_nan=False)
    assert verdict(found, Rule("parity_ratio", min=0.8, by="shoe")).passed


@pytest.mark.parametrize("metric", ["parity_ratio", "equalised_odds_gap"])
def test_without_a_column_the_one_that_fares_worst_is_judged(metric: str, found: Evaluation) -> None:
    bound = {"min": 0.8} if metric == "parity_ratio" else {"max": 0.1}
    said = verdict(found, Rule(metric, **bound))
    assert said.evidence["column"] == "sex"
    assert not said.passed


def test_what_was_not_judged_does_not_pass(found: Evaluation) -> None:
    none = verdict(replace(found, fairness=()), Rule("parity_ratio", min=0.8, by="sex"))
    assert not none.passed
    assert "cannot be judged: sex was not judged" in none.message
    assert not verdict(found, Rule("latency_ms", max=1.0)).passed


@pytest.mark.parametrize("metric", ["parity_ratio", "equalised_odds_gap"])
def test_a_column_that_could_not_be_judged_holds_the_gate(metric: str, found: Evaluation) -> None:
    # The column that fares worst is asked for, and of one of them nothing is known.
    unknown = replace(found.fairness[1], column="tribe", parity_ratio=Estimate(None), equalised_odds_gap=Estimate(None))
    both = replace(found, fairness=(found.fairness[1], unknown))
    bound = {"min": 0.1} if metric == "parity_ratio" else {"max": 0.9}
    said = verdict(both, Rule(metric, **bound))
    assert not said.passed
    assert "cannot be judged: tribe: fewer than two groups" in said.message
    assert said.evidence["not_judged"] == ["tribe"]
    assert verdict(both, Rule(metric, by="shoe", **bound)).passed


def test_the_slope_is_that_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=300)
    hit = rng.random(300) < 1 / (1 + np.exp(-0.6 * x))
    score = 1 / (1 + np.exp(-x))
    made = calibration(score, hit)
    assert made.slope is not None
    assert made.slope_low is not None
    assert made.slope_high is not None
    # params and conf_int of statsmodels 0.15.0, Logit(hit, add_constant(x)).fit(), on these rows
    reference = (0.030372, 0.5200919, 0.25457499, 0.78560881)
    assert reference == pytest.approx((made.intercept, made.slope, made.slope_low, made.slope_high), abs=1e-6)
    assert Calibration.from_json(json.loads(json.dumps(made.to_json()))) == made
    old = {name: value for name, value in made.to_json().items() if not name.startswith("slope_")}
    assert Calibration.from_json(old).slope_low is None


def _depending(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sixty people of eight rows each, whose rows come out alike: score, outcome and person."""
    person = np.repeat(np.arange(60), 8)
    x = rng.normal(size=60)[person] + 0.3 * rng.normal(size=480)
    own = rng.random(60)[person]
    drawn = np.where(rng.random(480) < 0.7, own, rng.random(480))  # each row is uniform, seven of ten are shared
    return 1 / (1 + np.exp(-x)), drawn < 1 / (1 + np.exp(-x)), person


def test_the_slope_of_dependent_rows_is_as_sure_as_their_people() -> None:
    held = plain = 0
    for seed in range(200):
        score, hit, person = _depending(np.random.default_rng(seed))
        for groups in (None, person):
            made = calibration(score, hit, groups=groups)
            assert made.slope_low is not None
            assert made.slope_high is not None
            inside = made.slope_low <= 1.0 <= made.slope_high
            held, plain = held + (inside and groups is not None), plain + (inside and groups is None)
    assert held >= 178  # of 200 at 95 % fewer has a chance of one in a thousand
    assert plain <= 160


def test_the_error_between_people_is_that_of_leaving_each_out() -> None:
    score, hit, person = _depending(np.random.default_rng(5))
    made = calibration(score, hit, groups=person)
    assert made.slope_low is not None
    assert made.slope_high is not None
    left = np.array([calibration(score[person != one], hit[person != one]).slope for one in range(60)], dtype=float)
    jackknife = np.sqrt(59 / 60 * ((left - left.mean()) ** 2).sum())
    assert (made.slope_high - made.slope_low) / 2 == pytest.approx(stats.t.ppf(0.975, 59) * jackknife, rel=0.1)
    alone = calibration(score, hit, groups=np.zeros(480))
    assert (alone.slope, alone.slope_low, alone.slope_high) == (made.slope, None, None)


def test_an_evaluation_with_people_has_the_slope_and_the_bins_of_dependent_rows() -> None:
    score, hit, person = _depending(np.random.default_rng(6))
    said = Prediction(np.where(score > 0.5, 1, 0), np.column_stack([1 - score, score]), (0, 1))
    alone, together = (
        evaluate("classification", hit.astype(int), said, positive=1, resamples=50, groups=groups).calibration
        for groups in (None, person)
    )
    assert together == calibration(score, hit, groups=person)
    assert alone is not None
    assert together is not None
    width = [np.mean([each.high - each.low for each in made.bins]) for made in (alone, together)]
    assert width[1] > 1.3 * width[0]


def test_the_slope_is_held_between_two_bounds(found: Evaluation) -> None:
    slope = found.calibration.slope if found.calibration else None
    assert slope is not None
    assert verdict(found, Rule("calibration_slope", min=slope - 0.1, max=slope + 0.1)).passed
    assert not verdict(found, Rule("calibration_slope", min=slope + 0.01, max=slope + 0.2)).passed


def test_what_was_measured_is_held_to_the_bound(found: Evaluation) -> None:
    fast = Measured(0.2, "0.2 ms", {"calls": 5})
    assert verdict(found, Rule("latency_ms", max=0.3), latency_ms=fast).passed
    slow = verdict(found, Rule("latency_ms", max=0.1), latency_ms=fast)
    assert slow.message == "latency_ms <= 0.1 failed: 0.2 ms"
    assert slow.evidence == {"calls": 5}
    first = verdict(found, Rule("data_drift", max=0.2), data_drift=Measured(None, "no champion yet", passes=True))
    assert first.passed


def test_agreement_is_no_matter_of_figures(found: Evaluation) -> None:
    said = verdict(found, Rule(require="approval"))
    assert said.passed
    assert said.gate == "approval of another person"
    assert said.evidence == {"require": "approval"}


def test_unknown_names_come_with_a_suggestion() -> None:
    assert [known(name) for name in MEASURES] == list(MEASURES)
    with pytest.raises(WrongSetting, match="did you mean 'latency_ms'"):
        known("latency")
    with pytest.raises(WrongSetting, match="did you mean 'accuracy'"):
        known("acuracy")
