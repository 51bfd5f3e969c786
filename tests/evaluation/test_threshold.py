"""Thresholds: the best of all cuts, ties together, and what it comes to on other rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import WrongData
from noria.evaluation.evaluate import Evaluation, evaluate
from noria.evaluation.judged import Prediction
from noria.evaluation.report import html, markdown
from noria.evaluation.threshold import Costs, Rule, Threshold, choose, decided, outcome

SOME = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 0.7, np.nextafter(0.7, 1), 0.9, 1.0])),
    min_size=2,
    max_size=40,
).filter(lambda rows: 0 < sum(hit for hit, _ in rows) < len(rows))


def _apart(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([hit for hit, _ in rows]), np.array([score for _, score in rows])


def _every_cut(score: np.ndarray) -> list[np.ndarray]:
    """Call nothing, and from each score on."""
    return [np.zeros(len(score), dtype=bool), *(score >= value for value in np.unique(score))]


@settings(deadline=None, max_examples=80)
@given(SOME, st.sampled_from([0.2, 1.0, 3.0, 7.5]))
def test_no_cut_costs_less(rows: list[tuple[bool, float]], wrong: float) -> None:
    hit, score = _apart(rows)
    chosen = choose(hit, score, Rule(Costs(wrong, 2.0)), resamples=20)

    def cost(called: np.ndarray) -> float:
        return float((wrong * (called & ~hit) + 2.0 * (~called & hit)).mean())

    assert cost(score >= chosen.value) == pytest.approx(min(map(cost, _every_cut(score))))
    assert chosen.chosen.cost is not None
    assert chosen.chosen.cost.value == pytest.approx(cost(score >= chosen.value))


@settings(deadline=None, max_examples=80)
@given(SOME, st.floats(0.01, 0.99))
def test_the_capacity_is_kept_and_used_up(rows: list[tuple[bool, float]], capacity: float) -> None:
    hit, score = _apart(rows)
    called = score >= choose(hit, score, Rule(capacity=capacity), resamples=20).value
    within = [cut.sum() for cut in _every_cut(score) if cut.mean() <= capacity]
    assert called.sum() == max(within)


@settings(deadline=None, max_examples=80)
@given(SOME, st.floats(0.01, 1.0))
def test_the_recall_is_reached_by_the_fewest_calls(rows: list[tuple[bool, float]], recall: float) -> None:
    hit, score = _apart(rows)
    called = score >= choose(hit, score, Rule(recall=recall), resamples=20).value
    enough = [cut.sum() for cut in _every_cut(score) if cut[hit].mean() >= recall]
    assert called.sum() == min(enough)


@settings(deadline=None, max_examples=40)
@given(SOME)
def test_rounding_moves_no_row_across(rows: list[tuple[bool, float]]) -> None:
    hit, score = _apart(rows)
    apart = np.diff(np.unique(score)).min(initial=1.0) > 1e-3
    value = choose(hit, score, Rule(recall=0.5), resamples=20).value
    if apart and 0 < value < 1:
        noise = np.random.default_rng(1).uniform(-1e-6, 1e-6, len(score))
        np.testing.assert_array_equal(score >= value, score + noise >= value)


def test_true_probabilities_are_cut_where_theory_says() -> None:
    # Elkan (2001): the best threshold for true probabilities is c_fp / (c_fp + c_fn).
    rng = np.random.default_rng(0)
    score = rng.random(40_000)
    hit = rng.random(40_000) < score
    found = choose(hit, score, Rule(Costs(1, 4)))
    assert found.value == pytest.approx(0.2, abs=0.04)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.2 < found.high
    assert found.half.cost is not None
    assert found.chosen.cost is not None
    assert found.half.cost.value is not None
    assert found.half.cost.low is not None
    assert found.half.cost.low > (found.chosen.cost.high or 1.0)


def test_dependent_rows_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(40), 25)
    shift = rng.normal(size=40)[owner]
    hit = rng.random(1000) < 1 / (1 + np.exp(-2 * shift))
    score = 1 / (1 + np.exp(-(shift + rng.normal(size=1000) * 0.1)))
    alone = choose(hit, score, Rule(recall=0.8))
    together = choose(hit, score, Rule(recall=0.8), groups=owner)
    assert (together.high or 0) - (together.low or 0) > 1.5 * ((alone.high or 0) - (alone.low or 0))


def test_rows_of_one_class_are_refused() -> None:
    with pytest.raises(WrongData, match="one class"):
        choose(np.array([True, True]), np.array([0.1, 0.9]), Rule(recall=0.5))


@pytest.mark.parametrize(
    ("positive", "wanted"),
    [("no", ["no", "no", "yes"]), ("yes", ["no", "yes", "yes"]), (None, ["no", "yes", "yes"])],
)
def test_labels_follow_the_threshold(positive: str | None, wanted: list[str]) -> None:
    proba = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]])
    said = Prediction(np.array(["no", "no", "yes"]), proba, ("no", "yes"))
    assert decided(said, None, positive).values.tolist() == ["no", "no", "yes"]
    assert decided(said, 0.25, positive).values.tolist() == wanted


def _judged() -> tuple[Evaluation, Evaluation, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    hit = rng.random(600) < 0.3
    score = 1 / (1 + np.exp(-(1.5 * hit + rng.normal(size=600) - 1.2)))
    y = np.where(hit, "bad", "good")
    said = Prediction(np.where(score > 0.5, "bad", "good"), np.column_stack([score, 1 - score]), ("bad", "good"))
    rule = Rule(Costs(1, 5))
    threshold = choose(hit[:300], score[:300], rule, resamples=50)
    test = Prediction(said.values[300:], said.proba[300:] if said.proba is not None else None, said.classes)
    plain = evaluate("classification", y[300:], test, positive="bad", resamples=50)
    found = evaluate(
        "classification", y[300:], test, positive="bad", threshold=threshold, rule=rule, resamples=50
    )  # fmt: skip
    return plain, found, hit[300:], score[300:]


def test_an_evaluation_judges_labels_at_the_threshold_and_scores_as_they_are() -> None:
    plain, found, hit, score = _judged()
    assert found.threshold is not None
    called = score >= found.threshold.value
    assert found.metrics["recall"].value == pytest.approx((called & hit).sum() / hit.sum())
    assert found.metrics["precision"].value == pytest.approx((called & hit).sum() / called.sum())
    assert found.confusion == (
        (int((called & hit).sum()), int((~called & hit).sum())),
        (int((called & ~hit).sum()), int((~called & ~hit).sum())),
    )
    for name in ("roc_auc", "brier", "log_loss", "ks"):
        assert found.metrics[name] == plain.metrics[name]
    test, half = found.threshold.test, found.threshold.test_half
    assert test is not None
    assert half is not None
    assert test.n == 300
    assert test.recall.value == found.metrics["recall"].value
    assert half.recall.value == plain.metrics["recall"].value
    assert test.cost is not None
    assert test.cost.value == pytest.approx(((called & ~hit) + 5.0 * (~called & hit)).mean())


def test_it_is_kept_as_json_and_old_evaluations_are_read() -> None:
    plain, found, *_ = _judged()
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.threshold == found.threshold
    old = plain.to_json()
    del old["threshold"]
    assert Evaluation.from_json(old).threshold is None


def test_the_report_says_what_decides() -> None:
    _, found, *_ = _judged()
    assert isinstance(found.threshold, Threshold)
    for page in (html({"evaluation": found.to_json()}), markdown({"evaluation": found.to_json()})):
        assert f"from a probability of {found.threshold.value:.3f} on" in page
        assert "least cost, 1 a false positive and 5 a false negative" in page
        assert "Test rows, at 0.5" in page


def test_an_outcome_without_calls_has_no_precision() -> None:
    found = outcome(np.array([True, False]), np.array([0.1, 0.2]), 0.9, Rule(recall=0.5), resamples=20)
    assert found.called.value == 0
    assert found.precision.value is None
