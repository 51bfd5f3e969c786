"""Every metric against scikit-learn or numpy, and what happens at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from noria.errors import WrongData, WrongSetting
from noria.evaluation import metrics
from noria.evaluation.calibration import calibration
from noria.evaluation.catalogue import DEFINITIONS, find, names
from noria.evaluation.judged import Prediction, judged, predicted

CLASSES = ("bad", "good")


def binary(truth: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, Prediction]:
    score = np.asarray(score, dtype=float)
    called = np.where(score > 0.5, "bad", "good")
    proba = np.column_stack([score, 1 - score])
    return np.where(truth, "bad", "good"), Prediction(called, proba, CLASSES)


@st.composite
def scored(draw: st.DrawFn, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(least, 40))
    truth = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    # few distinct scores, so that ties are common
    score = draw(st.lists(st.integers(0, 6).map(lambda k: 0.05 + k * 0.15), min_size=n, max_size=n))
    truth[0], truth[1] = True, False
    return np.array(truth), np.array(score)


@given(scored())
@settings(max_examples=150, deadline=None)
def test_binary_metrics_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = case
    y, prediction = binary(truth, score)
    called = score > 0.5
    reference = {
        "roc_auc": sk.roc_auc_score(truth, score),
        "gini": 2 * sk.roc_auc_score(truth, score) - 1,
        "average_precision": sk.average_precision_score(truth, score),
        "log_loss": sk.log_loss(truth, score),
        "brier": sk.brier_score_loss(truth, score),
        "accuracy": sk.accuracy_score(truth, called),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, called),
        "precision": sk.precision_score(truth, called, zero_division=0),
        "recall": sk.recall_score(truth, called),
        "f1": sk.f1_score(truth, called, zero_division=0),
        "macro_f1": sk.f1_score(truth, called, average="macro", zero_division=0),
        "mcc": sk.matthews_corrcoef(truth, called),
        "specificity": sk.recall_score(truth, called, pos_label=False),
        "f2": sk.fbeta_score(truth, called, beta=2, zero_division=0),
        "f05": sk.fbeta_score(truth, called, beta=0.5, zero_division=0),
        "kappa": sk.cohen_kappa_score(truth, called),
    }
    fpr, tpr, _ = sk.roc_curve(truth, score)
    reference["ks"] = np.abs(tpr - fpr).max()
    for name, expected in reference.items():
        got = metrics.value(name, y, prediction, positive="bad")
        assert got == pytest.approx(expected, abs=1e-9), name


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_multiclass_metrics_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = ("a", "b", "c")
    codes = np.append([0, 1, 2], rng.integers(0, 3, 30))
    proba = rng.dirichlet(np.ones(3), size=len(codes))
    called = proba.argmax(axis=1)
    y = np.array(classes)[codes]
    prediction = Prediction(np.array(classes)[called], proba, classes)
    hot = np.eye(3)[codes]
    reference = {
        "roc_auc": sk.roc_auc_score(codes, proba, multi_class="ovr"),
        "average_precision": sk.average_precision_score(hot, proba, average="macro"),
        "log_loss": sk.log_loss(codes, proba),
        "brier": ((proba - hot) ** 2).sum(axis=1).mean(),
        "accuracy": sk.accuracy_score(codes, called),
        "balanced_accuracy": sk.balanced_accuracy_score(codes, called),
        "precision": sk.precision_score(codes, called, average="macro", zero_division=0),
        "recall": sk.recall_score(codes, called, average="macro"),
        "f1": sk.f1_score(codes, called, average="macro"),
        "macro_f1": sk.f1_score(codes, called, average="macro"),
        "mcc": sk.matthews_corrcoef(codes, called),
        "f2": sk.fbeta_score(codes, called, beta=2, average="macro"),
        "f05": sk.fbeta_score(codes, called, beta=0.5, average="macro"),
        "kappa": sk.cohen_kappa_score(codes, called),
        "specificity": np.mean([sk.recall_score(codes != k, called != k) for k in range(3)]),
    }
    for name, expected in reference.items():
        assert metrics.value(name, y, prediction) == pytest.approx(expected, abs=1e-9), name


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=3, max_size=40))
@settings(max_examples=100, deadline=None)
def test_regression_metrics_agree_with_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    y, p = np.array(pairs).T
    prediction = Prediction(p)
    assert metrics.value("rmse", y, prediction) == pytest.approx(sk.root_mean_squared_error(y, p))
    assert metrics.value("mae", y, prediction) == pytest.approx(sk.mean_absolute_error(y, p))
    assert metrics.value("median_ae", y, prediction) == pytest.approx(sk.median_absolute_error(y, p))
    if np.ptp(y) > 1:
        assert metrics.value("r2", y, prediction) == pytest.approx(sk.r2_score(y, p))


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_pinball_losses_agree_with_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    y, p = np.array(pairs).T
    for name, share in (("pinball_10", 0.1), ("pinball_90", 0.9)):
        wanted = sk.mean_pinball_loss(y, p, alpha=share)
        assert metrics.value(name, y, Prediction(p)) == pytest.approx(wanted, abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 100, allow_subnormal=False), st.floats(0.01, 100)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_deviances_agree_with_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    y, p = np.array(pairs).T
    for name, power in (("poisson_deviance", 1), ("tweedie_deviance", 1.5)):
        wanted = sk.mean_tweedie_deviance(y, p, power=power)
        assert metrics.value(name, y, Prediction(p)) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_deviances_are_for_what_is_not_below_zero() -> None:
    rows = judged("regression", np.array([-1.0, 2.0]), Prediction(np.array([1.0, 2.0])))
    assert "poisson_deviance" not in [metric.name for metric in metrics.applicable(rows)]
    assert metrics.value("poisson_deviance", [-1.0, 2.0], Prediction(np.array([1.0, 2.0]))) is None
    assert metrics.value("tweedie_deviance", [1.0, 2.0], Prediction(np.array([0.0, 2.0]))) is None


@given(scored(least=10))
@settings(max_examples=100, deadline=None)
def test_lift_is_what_a_random_order_of_ties_gives_on_average(case: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = case
    tenth = 0.1 * len(truth)
    found = room = 0.0
    for value in sorted(set(score), reverse=True):
        tied = truth[score == value]
        taken = min(len(tied), tenth - room)
        found += tied.mean() * taken
        room += taken
    got = metrics.value("lift_10", *binary(truth, score), positive="bad")
    assert got == pytest.approx(found / tenth / truth.mean())


def test_kappa_is_agreement_beyond_chance() -> None:
    # Two who judge 50 grant proposals: both yes 20, both no 15; they agree in .7, by chance in .5: kappa is .4.
    y = np.repeat(["bad", "bad", "good", "good"], [20, 5, 10, 15])
    said = np.repeat(["bad", "good", "bad", "good"], [20, 5, 10, 15])
    assert metrics.value("kappa", y, Prediction(said)) == pytest.approx(0.4)
    assert metrics.value("kappa", y[:20], Prediction(said[:20])) is None


def test_the_brier_score_is_the_sum_of_its_parts_where_bins_are_of_one_score() -> None:
    rng = np.random.default_rng(2)
    score = rng.choice([0.1, 0.3, 0.6, 0.9], 800)
    hit = rng.random(800) < score**1.5
    made = calibration(score, hit, bins=50)
    assert None not in (made.reliability, made.resolution, made.uncertainty)
    total = (made.reliability or 0) - (made.resolution or 0) + (made.uncertainty or 0)
    assert total == pytest.approx(sk.brier_score_loss(hit, score))


def test_mape_is_guarded_near_zero() -> None:
    y = np.append(np.full(99, 2.0), 0.0)
    p = np.append(np.full(99, 3.0), 5.0)
    assert metrics.value("mape", y, Prediction(p)) == pytest.approx(0.5)
    assert metrics.value("mape", np.zeros(10), Prediction(np.ones(10))) is None


def test_clustering_metrics_agree_with_scikit_learn_and_leave_noise_out() -> None:
    rng = np.random.default_rng(3)
    space = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal(5, 1, (40, 2)), rng.uniform(-9, 9, (8, 2))])
    labels = np.repeat([0, 1, -1], [40, 40, 8])
    inside = labels >= 0
    got = {name: metrics.value(name, None, Prediction(labels), space=space) for name in names("clustering")}
    assert got["silhouette"] == pytest.approx(sk.silhouette_score(space[inside], labels[inside]))
    assert got["davies_bouldin"] == pytest.approx(sk.davies_bouldin_score(space[inside], labels[inside]))
    assert got["calinski_harabasz"] == pytest.approx(sk.calinski_harabasz_score(space[inside], labels[inside]))
    assert got["noise_share"] == pytest.approx(8 / 88)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [-1, -1, -1, -1]])
def test_clustering_without_two_clusters_has_no_silhouette(labels: list[int]) -> None:
    assert metrics.value("silhouette", None, Prediction(np.array(labels)), space=np.eye(4)) is None


def test_one_class_leaves_comparing_metrics_undefined() -> None:
    y, prediction = binary(np.ones(20, bool), np.linspace(0.1, 0.9, 20))
    undefined = {"roc_auc", "gini", "average_precision", "ks", "balanced_accuracy", "mcc"}
    got = {name: metrics.value(name, y, prediction, positive="bad") for name in names("classification")}
    assert {name for name, value in got.items() if value is None} <= undefined
    assert got["roc_auc"] is None
    assert got["accuracy"] == pytest.approx(0.5)


def test_constant_scores_have_an_area_of_a_half() -> None:
    y, prediction = binary(np.arange(20) % 2 == 0, np.full(20, 0.3))
    assert metrics.value("roc_auc", y, prediction) == 0.5
    assert metrics.value("ks", y, prediction) == 0.0
    assert metrics.value("ece", y, prediction, positive="bad") == pytest.approx(0.2)


def test_ece_of_perfectly_calibrated_shares_is_zero() -> None:
    score = np.repeat([0.25, 0.75], 40)
    truth = np.tile([True, False, False, False], 10).tolist() + np.tile([True, True, True, False], 10).tolist()
    y, prediction = binary(np.array(truth), score)
    assert metrics.value("ece", y, prediction, positive="bad") == pytest.approx(0.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_unusable_predictions_are_refused_with_their_number(bad: float) -> None:
    with pytest.raises(WrongData, match="1 of 3 prediction values are missing or infinite"):
        metrics.value("rmse", [1.0, 2.0, 3.0], Prediction(np.array([1.0, bad, 3.0])))
    proba = np.array([[bad, 0.5], [0.5, 0.5]])
    with pytest.raises(WrongData, match="1 of 2 prediction values"):
        metrics.value("roc_auc", ["bad", "good"], Prediction(np.array(["bad", "good"]), proba, CLASSES))


def test_a_missing_target_no_rows_and_wrong_lengths_are_refused() -> None:
    with pytest.raises(WrongData, match="target values are missing"):
        metrics.value("accuracy", np.array(["a", None], dtype=object), Prediction(np.array(["a", "a"])))
    with pytest.raises(WrongData, match="no rows"):
        metrics.value("rmse", [], Prediction(np.array([])))
    with pytest.raises(WrongData, match="2 predictions came with 1 true values"):
        metrics.value("rmse", [1.0], Prediction(np.array([1.0, 2.0])))
    with pytest.raises(WrongData, match="not numeric"):
        metrics.value("rmse", ["a"], Prediction(np.array([1.0])))


def test_probabilities_that_are_none_are_refused() -> None:
    with pytest.raises(WrongData, match="probabilities are none"):
        metrics.value("roc_auc", ["bad", "good"], Prediction(np.array(["bad", "good"]), np.ones((2, 2)), CLASSES))
    with pytest.raises(WrongData, match="shape"):
        metrics.value("roc_auc", ["bad", "good"], Prediction(np.array(["bad", "good"]), np.ones((2, 3)), CLASSES))


def test_a_class_the_model_never_saw_gets_no_probability_and_a_note() -> None:
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    rows = judged(
        "classification",
        np.array(["bad", "good", "odd"]),
        Prediction(np.array(["bad", "good", "bad"]), proba, CLASSES),
    )
    assert rows.classes == ("bad", "good", "odd")
    assert rows.positive is None
    assert rows.proba[:, 2].tolist() == [0, 0, 0]
    assert "'odd' (1 test rows)" in rows.notes[0]


@pytest.mark.parametrize(("positive", "position"), [(1, 1), ("1", 1), (0, 0), (None, 1)])
def test_the_positive_class_is_found_by_its_text_too(positive: object, position: int) -> None:
    rows = judged("classification", np.array([0.0, 1.0]), Prediction(np.array([0, 1])), positive=positive)
    assert rows.classes == (0, 1)
    assert rows.positive == position


def test_a_positive_class_that_is_none_is_refused() -> None:
    with pytest.raises(WrongSetting, match="did you mean 'good'"):
        judged("classification", ["bad", "good"], Prediction(np.array(["bad", "bad"])), positive="goood")


def test_names_are_looked_up_with_a_hint() -> None:
    with pytest.raises(WrongSetting, match="did you mean 'roc_auc'"):
        find("auc")
    with pytest.raises(WrongSetting, match="is for regression, the task here is classification"):
        metrics.get("rmse", "classification")
    assert set(metrics.METRICS) == set(DEFINITIONS)
    assert all(each.source and each.definition.endswith((".", ")")) for each in DEFINITIONS.values())


def test_the_error_for_the_search_is_lower_for_better() -> None:
    truth, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    matrix = np.column_stack([1 - score, score])
    error = metrics.error_for("roc_auc", positive="bad")
    assert error(truth, matrix) == pytest.approx(0.25)
    assert error(truth, score) == pytest.approx(0.25)
    assert error(np.where(truth, "good", "bad"), matrix) == pytest.approx(0.25)
    assert error(truth, Prediction(truth, matrix, (0, 1))) == pytest.approx(0.25)
    assert metrics.error_for("accuracy")(truth, matrix) == pytest.approx(0.25)
    assert metrics.error_for("accuracy")(truth, truth) == 0
    assert metrics.error_for("log_loss")(truth, matrix) == pytest.approx(sk.log_loss(truth, score))
    assert metrics.error_for("rmse")(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0
    assert metrics.error_for("r2")(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0
    assert metrics.error_for("roc_auc")(np.array([1, 1]), matrix[:2]) == math.inf


def test_a_model_is_asked_for_probabilities_in_classification_only() -> None:
    class Model:
        classes = CLASSES

        def predict(self, frame: list[int]) -> np.ndarray:
            return np.array(["bad"] * len(frame))

        def predict_proba(self, frame: list[int]) -> np.ndarray:
            return np.tile([0.9, 0.1], (len(frame), 1))

    assert predicted(Model(), [1, 2], "classification").proba.shape == (2, 2)
    assert predicted(Model(), [1, 2], "clustering").proba is None
