"""A whole evaluation: what it holds, its round trip through JSON, its edges."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_curve

from noria.evaluation.evaluate import Evaluation, evaluate
from noria.evaluation.judged import Prediction
from noria.evaluation.slices import cut


def scored(score: np.ndarray) -> Prediction:
    return Prediction(score > 0.5, np.column_stack([1 - score, score]), (False, True))


def classification(n: int = 300, seed: int = 0) -> tuple[np.ndarray, Prediction]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    return truth, scored(1 / (1 + np.exp(-(truth * 1.5 + rng.normal(size=n) - 0.7))))


def round_trip(evaluation: Evaluation) -> Evaluation:
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    assert Evaluation.from_json(json.loads(text)) == evaluation
    return evaluation


def test_classification_has_everything_and_survives_json() -> None:
    truth, prediction = classification()
    frame = pd.DataFrame({"age": np.arange(300.0), "grade": np.tile(["A", "B"], 150)})
    found = round_trip(evaluate("classification", truth, prediction, frame=frame, resamples=100))
    assert found.metric == "roc_auc"
    assert found.metrics["roc_auc"].low < found.value < found.metrics["roc_auc"].high
    assert sum(sum(row) for row in found.confusion) == 300
    assert found.counts == (int((~truth).sum()), int(truth.sum()))
    assert len(found.roc) == 1
    assert found.roc[0].auc == pytest.approx(found.value)
    assert sum(each.n for each in found.calibration.bins) == 300
    assert sum(found.scores.positive) == truth.sum()
    assert {each.column for each in found.slices["roc_auc"]} == {"age", "grade"}


def test_three_classes_have_a_curve_each() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, 200)
    proba = rng.dirichlet(np.ones(3), 200) * 0.5 + np.eye(3)[codes] * 0.5
    prediction = Prediction(np.array(["a", "b", "c"])[proba.argmax(axis=1)], proba, ("a", "b", "c"))
    found = round_trip(evaluate("classification", np.array(["a", "b", "c"])[codes], prediction, resamples=60))
    assert [each.name for each in found.roc] == ["a", "b", "c"]
    assert found.positive is None
    assert found.calibration is None


def test_regression_and_clustering_survive_json() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(10, 3, 900)
    found = round_trip(evaluate("regression", y, Prediction(y + rng.normal(size=900)), resamples=60))
    assert len(found.residuals.predicted) == 600
    assert found.residuals.spread == pytest.approx(1.0, rel=0.1)
    space = np.vstack([rng.normal(0, 1, (60, 3)), rng.normal(5, 1, (60, 3))])
    clustered = round_trip(evaluate("clustering", None, Prediction(np.repeat([0, 1], 60)), space=space, resamples=60))
    assert clustered.clusters.sizes == {"0": 60, "1": 60}
    assert clustered.metrics["davies_bouldin"].low is None
    assert clustered.metrics["silhouette"].low < clustered.value


def test_clustering_without_coordinates_takes_them_from_the_frame() -> None:
    frame = pd.DataFrame({"x": [0.0, 0.1, np.nan, 5.0, 5.1, 5.2], "kind": ["a", "a", "a", "b", "b", None]})
    found = round_trip(evaluate("clustering", None, Prediction(np.array([0, 0, 0, 1, 1, 1])), frame=frame))
    assert found.value > 0


def test_the_same_seed_gives_the_same_evaluation() -> None:
    truth, prediction = classification()
    assert evaluate("classification", truth, prediction, resamples=50) == evaluate(
        "classification", truth, prediction, resamples=50
    )


def test_one_class_and_few_rows_are_said() -> None:
    found = round_trip(evaluate("classification", np.ones(12, bool), scored(np.linspace(0.1, 0.9, 12)), resamples=50))
    assert found.value is None
    assert any("only 12 test rows" in note for note in found.notes)
    assert any("every test row has the class True" in note for note in found.notes)
    assert any("roc_auc" in note for note in found.notes)
    assert found.roc == ()


def test_one_row_has_values_and_no_intervals() -> None:
    found = round_trip(evaluate("regression", [3.0], Prediction(np.array([1.0])), resamples=20))
    assert found.metrics["rmse"].value == 2.0
    assert found.metrics["rmse"].low is None
    assert found.metrics["r2"].value is None
    one = round_trip(evaluate("classification", [True], scored(np.array([0.7])), resamples=20))
    assert one.metrics["accuracy"].value == 1.0


def test_constant_answers_are_said() -> None:
    found = round_trip(evaluate("regression", np.arange(80.0), Prediction(np.full(80, 5.0)), resamples=20))
    assert "the model gives every test row the same answer, 5" in found.notes


def test_labels_without_probabilities_leave_the_scores_out() -> None:
    found = evaluate(
        "classification", np.array(["a", "b"] * 30), Prediction(np.array(["a"] * 60)), metric="accuracy", resamples=20
    )
    assert "roc_auc" not in found.metrics
    assert found.value == 0.5


def test_a_weak_slice_is_found_and_chance_is_allowed_for() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    truth = rng.random(n) < 0.5
    group = rng.choice(["ok", "weak"], n, p=[0.8, 0.2])
    score = 1 / (1 + np.exp(-(np.where(group == "weak", 0, 2) * (truth - 0.5) + rng.normal(size=n))))
    frame = pd.DataFrame({"group": group} | {f"noise{i}": rng.choice(list("abcdefgh"), n) for i in range(10)})
    found = evaluate("classification", truth, scored(score), frame=frame, resamples=20).slices["roc_auc"]
    assert found[0].name == "group: weak"
    # Slices cut at random differ by chance only: pulled values scatter less than raw ones.
    noise = [each for each in found if each.column.startswith("noise")]
    assert np.std([each.pulled for each in noise]) < np.std([each.estimate.value for each in noise])
    assert len(noise) == 80


def test_for_an_error_the_weakest_slice_is_the_one_with_the_most() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(size=400)
    far = np.repeat([True, False], 200)
    rows = evaluate(
        "regression", y, Prediction(y + np.where(far, 3, 1) * rng.normal(size=400)), frame=pd.DataFrame({"far": far})
    )
    assert rows.slices["rmse"][0].label == "True"


def test_slices_cut_missing_values_and_quarters() -> None:
    frame = pd.DataFrame({"x": [np.nan, *range(20)], "when": pd.date_range("2024-01-01", periods=21)})
    found = [(column, label, int(inside.sum())) for column, label, inside in cut(frame)]
    assert found[0] == ("x", "missing", 1)
    assert sum(n for _, _, n in found) == 21
    assert {column for column, _, _ in found} == {"x"}


def test_calibration_line_of_true_probabilities_is_near_the_diagonal() -> None:
    rng = np.random.default_rng(9)
    score = rng.uniform(0.05, 0.95, 5000)
    truth = rng.random(5000) < score
    found = evaluate("classification", truth, scored(score), resamples=20).calibration
    assert found.slope == pytest.approx(1.0, abs=0.1)
    assert found.intercept == pytest.approx(0.0, abs=0.1)
    assert sum(each.low <= each.predicted <= each.high for each in found.bins) >= 8


def test_separated_classes_have_no_calibration_line() -> None:
    truth = np.arange(100) % 2 == 0
    found = evaluate("classification", truth, scored(np.where(truth, 0.9, 0.1)), resamples=20)
    assert found.calibration.slope is None


def test_one_slice_that_is_surely_bad_is_not_pulled_along_with_many_good_ones() -> None:
    rng = np.random.default_rng(7)
    n = 6000
    truth = rng.random(n) < 0.5
    bad = rng.random(n) < 0.1
    score = 1 / (1 + np.exp(-(np.where(bad, -3, 2) * (truth - 0.5) + rng.normal(size=n))))
    frame = pd.DataFrame({"bad": bad.astype(float)} | {f"n{i}": rng.choice(list("abcdefgh"), n) for i in range(10)})
    found = evaluate("classification", truth, scored(score), frame=frame, resamples=20).slices["roc_auc"][0]
    assert found.name == "bad: 1"
    assert found.pulled < 0.35


def test_grouped_rows_are_drawn_together() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(25), 20)
    y = rng.normal(size=500)
    said = Prediction(y + rng.normal(size=25)[groups])
    alone = evaluate("regression", y, said, resamples=200).metrics["mae"]
    together = evaluate("regression", y, said, resamples=200, groups=groups).metrics["mae"]
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_curves_of_a_ranking_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(12)
    hit = rng.random(300) < 0.3
    score = np.round(1 / (1 + np.exp(-(1.5 * hit + rng.normal(size=300) - 1))), 2)  # with ties
    said = Prediction((score > 0.5).astype(int), np.column_stack([1 - score, score]), (0, 1))
    found = evaluate("classification", hit.astype(int), said, positive=1, resamples=50)
    curve = found.ranking
    assert curve is not None
    precision, recall, _ = precision_recall_curve(hit, score)
    for share, value in zip(curve.grid, curve.precision, strict=True):
        called = recall[:-1] >= share - 1e-9  # scikit-learn ends with a point at which nothing is called
        assert value == pytest.approx(precision[:-1][called].max(), abs=1e-4)
    assert curve.base == pytest.approx(hit.mean())
    gain = dict(zip(curve.grid, curve.gain, strict=True))
    lift = found.metrics["lift_10"].value
    assert lift is not None
    assert gain[0.1] == pytest.approx(lift * 0.1, abs=1e-4)
    assert (gain[0.0], gain[1.0]) == (0.0, 1.0)
    for low, value, high in zip(curve.gain_low, curve.gain, curve.gain_high, strict=True):
        assert low - 0.05 <= value <= high + 0.05
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.ranking == curve
    old = found.to_json()
    del old["ranking"]
    assert Evaluation.from_json(old).ranking is None


def test_how_many_rows_are_positive_is_a_matter_of_chance_in_the_bands() -> None:
    truth = np.random.default_rng(0).random(300) < 0.4
    found = evaluate("classification", truth, scored(np.full(300, 0.4)), resamples=20).ranking
    assert found is not None
    # Who can only call all rows has the share of positives as precision, and that is no more certain than any share.
    half = 1.96 * np.sqrt(found.base * (1 - found.base) / 300)
    assert found.precision[-1] == pytest.approx(found.base, abs=1e-5)
    assert found.precision_low[-1] == pytest.approx(found.base - half, abs=0.015)
    assert found.precision_high[-1] == pytest.approx(found.base + half, abs=0.015)


def test_bands_of_curves_draw_whole_people() -> None:
    truth, prediction = classification(100)
    rows, person = np.repeat(np.arange(100), 9), np.repeat(np.arange(100), 9)
    alone, together = (
        evaluate("classification", truth[rows], prediction.take(rows), resamples=20, groups=groups)
        for groups in (None, person)
    )

    def width(low: tuple[float, ...], high: tuple[float, ...]) -> float:
        return float(np.mean(np.array(high) - np.array(low)))

    for one, other in ((alone.roc[0], together.roc[0]),):
        assert width(other.low, other.high) > 2 * width(one.low, one.high)
    assert alone.ranking is not None
    assert together.ranking is not None
    for name in ("gain", "precision"):
        widths = [
            width(getattr(each, f"{name}_low"), getattr(each, f"{name}_high"))
            for each in (alone.ranking, together.ranking)
        ]
        assert widths[1] > 2 * widths[0]


@pytest.mark.parametrize("people", [1, 2])
def test_bands_of_next_to_nobody_hold_everything(people: int) -> None:
    truth = np.arange(60) % 2 == 0
    score = np.where(truth, 0.6, 0.4) + 0.3 * np.random.default_rng(1).random(60) - 0.15
    person = truth if people == 2 else np.zeros(60)  # of two, each of one class, half of the draws lose one
    found = round_trip(evaluate("classification", truth, scored(score), resamples=20, groups=person, seed=1))
    assert found.ranking is not None
    assert set(found.ranking.precision_low) <= {0.0}
    assert set(found.ranking.precision_high) == {1.0}
