"""Fairness: rates by group against their definitions, known ratios, and no cry at chance."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import confusion_matrix

from noria.errors import WrongSetting
from noria.evaluation.drawings import drawings
from noria.evaluation.evaluate import Evaluation, evaluate
from noria.evaluation.fairness import Fairness, fairness, told_of
from noria.evaluation.judged import Judged, Prediction, judged
from noria.evaluation.report import html, markdown


def decided(hit: np.ndarray, called: np.ndarray, score: np.ndarray | None = None) -> Judged:
    score = np.where(called, 0.9, 0.1) if score is None else score
    said = Prediction(np.where(called, "yes", "no"), np.column_stack([1 - score, score]), ("no", "yes"))
    return judged("classification", np.where(hit, "yes", "no"), said, positive="yes")


def one(rows: Judged, column: pd.Series, **given: object) -> Fairness:
    found = fairness(rows, pd.DataFrame({"sex": column}), resamples=200, **given)  # type: ignore[arg-type]
    assert len(found) == 1
    return found[0]


def test_the_example_of_the_uniform_guidelines() -> None:
    # Adoption of Questions and Answers to the Uniform Guidelines (1979), 44 FR 11996, question 12: of 80 applicants 48
    # are hired (60 %), of 40 others 12 (30 %); 30 of 60 is 50 %, adverse impact by the rule of four fifths.
    called = np.concatenate([np.arange(80) < 48, np.arange(40) < 12])
    hit = np.random.default_rng(0).random(120) < 0.5
    found = one(decided(hit, called), pd.Series(["white"] * 80 + ["black"] * 40))
    assert found.parity_ratio.value == pytest.approx(0.5)
    assert [group.selection_rate.value for group in found.groups] == [pytest.approx(0.6), pytest.approx(0.3)]
    assert found.parity_ratio.high is not None
    assert found.parity_ratio.high < 1
    assert told_of(found).startswith("selection rates differ beyond four fifths")


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_rates_are_those_of_the_confusion_in_each_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(150, 300))
    hit, called, sex = rng.random(n) < 0.4, rng.random(n) < 0.3, rng.choice(["f", "m", "x"], n, p=[0.5, 0.4, 0.1])
    score = rng.random(n)
    found = one(decided(hit, called, score), pd.Series(sex))
    for group in found.judged:
        inside = sex == group.label
        tn, fp, fn, tp = confusion_matrix(hit[inside], called[inside], labels=[False, True]).ravel()
        assert group.n == tn + fp + fn + tp
        assert group.selection_rate.value == pytest.approx((tp + fp) / group.n)
        assert group.calibration.value == pytest.approx(score[inside].mean() - hit[inside].mean())
        if tp + fn >= 10:
            assert group.tpr.value == pytest.approx(tp / (tp + fn))
        if tp + fp:
            assert group.precision.value == pytest.approx(tp / (tp + fp))
        for each in (group.selection_rate, group.calibration):
            assert each.low is not None
            assert each.high is not None
            assert each.value is not None
            assert each.low - 1e-9 <= each.value <= each.high + 1e-9
    assert sum(group.n for group in found.groups) + found.suppressed == n
    rates = [group.selection_rate.value or 0.0 for group in found.judged]
    assert found.parity_ratio.value == pytest.approx(min(rates) / max(rates))
    odds = [
        max(values) - min(values)
        for values in (
            [group.tpr.value for group in found.judged if group.tpr.value is not None],
            [group.fpr.value for group in found.judged if group.fpr.value is not None],
        )
    ]
    assert found.equalised_odds_gap.value == pytest.approx(max(odds))


def test_chance_alone_is_rarely_called_unfair() -> None:
    proven = apart = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        hit, called = rng.random(400) < 0.4, rng.random(400) < 0.4
        found = one(decided(hit, called), pd.Series(rng.choice(["a", "b", "c"], 400)))
        assert found.parity_ratio.high is not None
        assert found.equalised_odds_gap.low is not None
        proven += found.parity_ratio.high < 1
        apart += found.equalised_odds_gap.low > 0
    assert proven <= 5
    assert apart <= 5


def test_a_true_difference_is_inside_the_interval() -> None:
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        sex = rng.choice(["f", "m"], 600)
        called = rng.random(600) < np.where(sex == "f", 0.3, 0.5)
        found = one(decided(rng.random(600) < 0.5, called), pd.Series(sex))
        held += (found.parity_ratio.low or 1.0) <= 0.6 <= (found.parity_ratio.high or 0.0)
    assert held >= 52  # of 60 at 95 %: fewer has a chance of less than one in two hundred


def test_small_groups_are_told_and_not_judged() -> None:
    sex = pd.Series(["f"] * 100 + ["m"] * 90 + ["x"] * 12 + ["y"] * 3)
    rng = np.random.default_rng(1)
    found = one(decided(rng.random(205) < 0.5, rng.random(205) < 0.5), sex)
    assert [group.label for group in found.judged] == ["f", "m"]
    assert [(group.label, group.n) for group in found.small] == [("x", 12)]
    assert found.suppressed == 3
    assert found.small[0].selection_rate.value is None


def test_a_rate_of_few_positives_is_not_judged() -> None:
    sex = np.array(["f"] * 100 + ["m"] * 100)
    hit = np.concatenate([np.arange(100) < 4, np.arange(100) < 50])
    found = one(decided(hit, np.tile([True, False], 100)), pd.Series(sex))
    by_label = {group.label: group for group in found.groups}
    assert by_label["f"].tpr.value is None
    assert by_label["m"].tpr.value is not None
    assert by_label["f"].fpr.value is not None


def test_groups_that_nobody_is_called_of() -> None:
    sex = pd.Series(["f"] * 100 + ["m"] * 100)
    hit = np.tile([True, False], 100)
    never = one(decided(hit, np.zeros(200, bool)), sex)
    assert never.parity_ratio.value is None
    assert "nobody is called positive" in told_of(never)
    half = one(decided(hit, np.arange(200) < 50), sex)
    assert half.parity_ratio.value == 0.0
    assert half.parity_ratio.low == 0.0
    assert half.parity_ratio.high is not None
    assert half.parity_ratio.high < 0.2


def test_every_category_is_a_group_however_many_there_are() -> None:
    # A region of 40 rows was none of the twelve commonest: neither judged nor told.
    region = np.repeat([f"r{number:02}" for number in range(20)], np.arange(59, 39, -1))
    region = np.append(region, ["rare"] * 4)
    rng = np.random.default_rng(11)
    called = rng.random(len(region)) < np.where(region == "r19", 0.1, 0.6)
    found = one(decided(rng.random(len(region)) < 0.5, called), pd.Series(region))
    assert [group.label for group in found.judged] == [f"r{number:02}" for number in range(20)]
    assert found.suppressed == 4
    assert found.parity_ratio.value == pytest.approx(
        called[region == "r19"].mean() / max(called[region == name].mean() for name in set(region) - {"rare"})
    )


def test_what_is_missing_is_not_the_text_missing() -> None:
    said = pd.Series(["missing"] * 60 + [None] * 50 + ["told"] * 40, dtype="str")
    rng = np.random.default_rng(12)
    found = one(decided(rng.random(150) < 0.5, rng.random(150) < 0.5), said)
    assert [(group.label, group.n) for group in found.groups] == [("'missing'", 60), ("missing", 50), ("told", 40)]
    nobody = one(decided(rng.random(150) < 0.5, rng.random(150) < 0.5), pd.Series([None] * 150, dtype="str"))
    assert [(group.label, group.n) for group in nobody.groups] == [("missing", 150)]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_are_no_groups(zone: str | None) -> None:
    rng = np.random.default_rng(13)
    born = pd.Series(pd.date_range("1960-01-01", periods=100, tz=zone))
    with pytest.raises(WrongSetting, match="'sex' holds times"):
        one(decided(rng.random(100) < 0.5, rng.random(100) < 0.5), born)


def test_a_rate_that_is_none_or_all_has_the_interval_of_wilson() -> None:
    sex = pd.Series(["f"] * 100 + ["m"] * 100)
    hit = np.tile([True, False], 100)
    found = one(decided(hit, np.arange(200) >= 100), sex)
    rates = {group.label: group for group in found.groups}
    for label, inside in (("f", 0), ("m", 100)):
        wanted = stats.binomtest(inside, 100).proportion_ci(0.95, "wilson")
        given = rates[label].selection_rate
        assert (given.low, given.high) == pytest.approx(wanted, abs=1e-12)
    # Newcombe (1998), method 10, of 50 of 50 and 0 of 50.
    half = float(stats.binomtest(0, 50).proportion_ci(0.95, "wilson").high)
    gap = found.equalised_odds_gap
    assert (gap.value, gap.low, gap.high) == pytest.approx((1.0, 1 - half * np.sqrt(2), 1.0))
    ratio = found.parity_ratio
    assert (ratio.value, ratio.low) == (0.0, 0.0)
    assert ratio.high == pytest.approx(0.037, abs=0.001)


def test_so_few_rows_that_nobody_is_called_of_prove_no_equality() -> None:
    sex = pd.Series(["f"] * 100 + ["m"] * 100)
    gap = one(decided(np.tile([True, False], 100), np.zeros(200, bool)), sex).equalised_odds_gap
    assert (gap.value, gap.low) == (0.0, 0.0)
    assert gap.high == pytest.approx(stats.binomtest(0, 50).proportion_ci(0.95, "wilson").high)


def test_rare_decisions_are_told_as_surely_as_they_are() -> None:
    ratios = gaps = 0
    sex = pd.Series(["f"] * 150 + ["m"] * 150)
    for seed in range(150):
        rng = np.random.default_rng(2000 + seed)
        called = rng.random(300) < np.where(sex == "f", 0.01, 0.05)
        found = one(decided(np.tile([True, False], 150), called), sex)
        ratio, gap = found.parity_ratio, found.equalised_odds_gap
        ratios += ratio.value is None or (ratio.low or 0.0) <= 0.2 <= (ratio.high or 0.0)
        gaps += (gap.low or 0.0) <= 0.04 <= (gap.high or 0.0)
    assert ratios >= 136  # of 150 at 95 % fewer has a chance of one in a hundred
    assert gaps >= 136


def test_of_several_classes_each_is_held_against_the_others() -> None:
    rng = np.random.default_rng(14)
    truth, sex = rng.choice(["a", "b", "c"], 600), pd.DataFrame({"sex": rng.choice(["f", "m"], 600)})
    proba = rng.dirichlet(np.ones(3), 600)
    said = Prediction(np.array(["a", "b", "c"])[proba.argmax(axis=1)], proba, ("a", "b", "c"))
    found = fairness(judged("classification", truth, said), sex, resamples=100)
    assert [each.name for each in found] == ["sex, a", "sex, b", "sex, c"]
    for place, each in enumerate(found):
        alone = one(decided(truth == each.of, said.values == each.of, proba[:, place]), sex["sex"])
        for ours, theirs in zip(each.groups, alone.groups, strict=True):
            assert (ours.label, ours.n, ours.selection_rate) == (theirs.label, theirs.n, theirs.selection_rate)
            assert (ours.tpr, ours.fpr, ours.precision) == (theirs.tpr, theirs.fpr, theirs.precision)
            assert ours.calibration.value == pytest.approx(theirs.calibration.value)
        assert each.parity_ratio.value == alone.parity_ratio.value
    kept = evaluate("classification", truth, said, protected=sex, resamples=100)
    assert Evaluation.from_json(json.loads(json.dumps(kept.to_json(), allow_nan=False))).fairness == kept.fairness
    page = html({"evaluation": kept.to_json()})
    assert all(f"Fairness: sex, {label}" in page for label in "abc")
    assert "Called means predicted b;" in page


def test_whole_people_are_drawn_where_rows_depend_on_each_other() -> None:
    rng = np.random.default_rng(4)
    person = np.repeat(np.arange(60), 20)
    called = (rng.random(60) < 0.5)[person]
    sex = pd.Series(np.where(person % 2 == 0, "f", "m"))
    rows = decided(rng.random(1200) < 0.5, called)
    alone, together = one(rows, sex), one(rows, sex, groups=person)
    width = [(f.groups[0].selection_rate.high or 0) - (f.groups[0].selection_rate.low or 0) for f in (alone, together)]
    assert width[1] > 2 * width[0]


def _evaluated(personal: tuple[str, ...] = ()) -> Evaluation:
    rng = np.random.default_rng(5)
    n = 500
    sex = rng.choice(["female", "male"], n)
    age = rng.integers(18, 80, n).astype(float)
    hit = rng.random(n) < 0.4
    score = 1 / (1 + np.exp(-(2 * hit + rng.normal(size=n) - 1 - 0.8 * (sex == "female"))))
    said = Prediction(np.where(score > 0.5, "yes", "no"), np.column_stack([1 - score, score]), ("no", "yes"))
    frame = pd.DataFrame({"sex": sex, "age": age, "income": rng.normal(size=n)})
    return evaluate(
        "classification", np.where(hit, "yes", "no"), said, positive="yes", frame=frame,
        protected=frame[["sex", "age"]], personal=personal, resamples=100,
    )  # fmt: skip


def test_it_is_kept_and_shown() -> None:
    found = _evaluated()
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.fairness == found.fairness
    assert [each.column for each in found.fairness] == ["sex", "age"]
    assert len(found.fairness[1].groups) == 4
    assert {"fairness sex", "fairness age"} <= set(drawings(found))
    for page in (html({"evaluation": found.to_json()}), markdown({"evaluation": found.to_json()})):
        assert "Fairness: sex" in page
        assert "four fifths" in page
        assert "female" in page


def test_values_of_personal_columns_are_shown_nowhere() -> None:
    found = _evaluated(personal=("sex",))
    kept = json.dumps(found.to_json())
    assert "female" not in kept
    assert [group.label for group in found.fairness[0].groups] == ["group 1", "group 2"]
    page = html({"evaluation": found.to_json()})
    assert "female" not in page
    assert "its values are not shown" in page
