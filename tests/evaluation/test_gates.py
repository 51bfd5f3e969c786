"""Gates and their types."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from noria.errors import WrongSetting
from noria.evaluation.evaluate import Evaluation, evaluate
from noria.evaluation.gates import ChampionEvidence, Rule, judge, text
from noria.evaluation.judged import Prediction
from noria.evaluation.settings import Gate

Case = tuple[np.ndarray, np.ndarray, pd.DataFrame, Evaluation]


def scored(score: np.ndarray) -> Prediction:
    return Prediction(score > 0.5, np.column_stack([1 - score, score]), (False, True))


@pytest.fixture(scope="module")
def case() -> Case:
    rng = np.random.default_rng(1)
    truth = rng.random(600) < 0.4
    grade = rng.choice(["A", "B", "C"], 600)
    signal = np.where(grade == "C", 0.0, 2.0) * truth
    good = 1 / (1 + np.exp(-(signal + rng.normal(size=600) - 0.8)))
    frame = pd.DataFrame({"grade": grade, "age": rng.integers(20, 70, 600)})
    return truth, good, frame, evaluate("classification", truth, scored(good), frame=frame, resamples=200)


def test_bounds_are_inclusive_and_the_message_holds_the_figures(case: Case) -> None:
    _, _, _, evaluation = case
    value = evaluation.value
    passed, failed = judge([Rule("roc_auc", min=value), Rule("roc_auc", min=0.99)], evaluation)
    assert passed.passed
    assert not failed.passed
    assert failed.message.startswith("roc_auc >= 0.99 failed: 0.")
    assert "95 % interval" in failed.message
    assert "600 rows" in failed.message
    assert failed.bound == 0.99
    json.dumps(failed.to_json(), allow_nan=False)


def test_a_maximum_and_a_range(case: Case) -> None:
    *_, evaluation = case
    verdicts = judge([Rule("log_loss", max=0.01), Rule("accuracy", min=0.2, max=0.99)], evaluation)
    assert [each.passed for each in verdicts] == [False, True]
    assert verdicts[1].gate == "accuracy within 0.2 and 0.99"


def test_without_a_champion_the_comparison_passes_and_says_so(case: Case) -> None:
    *_, evaluation = case
    (verdict,) = judge([Rule("roc_auc", against="champion")], evaluation)
    assert verdict.passed
    assert "there is no champion yet" in verdict.message


def test_the_champion_is_compared_on_the_same_rows(case: Case) -> None:
    truth, good, _, evaluation = case
    rng = np.random.default_rng(3)
    poor = np.clip(good + 0.4 * rng.normal(size=600), 0.01, 0.99)
    gate = Rule("roc_auc", against="champion", margin=0.01)
    (won,) = judge([gate], evaluation, ChampionEvidence("credit@1", truth, scored(good), scored(poor)))
    (lost,) = judge([gate], evaluation, ChampionEvidence("credit@1", truth, scored(poor), scored(good)))
    assert won.passed
    assert "better than credit@1" in won.message
    assert not lost.passed
    assert "worse than credit@1" in lost.message
    assert lost.evidence["champion"] == "credit@1"
    assert lost.bound == -0.01
    json.dumps(lost.to_json(), allow_nan=False)


def test_the_same_model_again_is_not_worse(case: Case) -> None:
    truth, good, _, evaluation = case
    (verdict,) = judge(
        [Rule("roc_auc", against="champion", margin=0.0)],
        evaluation,
        ChampionEvidence("credit@1", truth, scored(good), scored(good), note="trained on the same rows"),
    )
    assert verdict.passed
    assert "equivalent to credit@1" in verdict.message
    assert verdict.message.endswith("trained on the same rows")


def test_the_worst_slice_is_the_one_made_weak(case: Case) -> None:
    *_, evaluation = case
    (verdict,) = judge([Rule("roc_auc", min=0.65, slice="worst")], evaluation)
    assert not verdict.passed
    assert '"grade: C"' in verdict.message
    assert verdict.gate == "roc_auc of the worst slice >= 0.65"


def test_slices_too_small_are_judged_as_a_whole() -> None:
    truth = np.arange(20) % 2 == 0
    score = np.where(truth, 0.8, 0.2)
    evaluation = evaluate("classification", truth, scored(score), frame=pd.DataFrame({"a": range(20)}), resamples=50)
    (verdict,) = judge([Rule("roc_auc", min=0.6, slice="worst")], evaluation)
    assert verdict.passed
    assert "no slice has rows enough" in verdict.message


def test_a_metric_that_is_not_defined_fails_and_says_why() -> None:
    evaluation = evaluate("classification", np.ones(30, bool), scored(np.linspace(0.1, 0.9, 30)), resamples=50)
    plain, slice_ = judge([Rule("roc_auc", min=0.5), Rule("roc_auc", min=0.5, slice="worst")], evaluation)
    assert not plain.passed
    assert "every test row has the class True" in plain.message
    assert not slice_.passed


def test_a_metric_of_another_task_is_refused(case: Case) -> None:
    *_, evaluation = case
    with pytest.raises(WrongSetting, match="rmse"):
        judge([Rule("rmse", max=1.0)], evaluation)


def test_settings_are_judged_like_rules(case: Case) -> None:
    *_, evaluation = case
    gate = Gate.model_validate({"metric": "roc_auc", "min": 0.5})
    assert judge([gate], evaluation)[0].gate == text(gate) == "roc_auc >= 0.5"


@pytest.fixture(scope="module")
def several() -> Evaluation:
    truth = np.array(["oak"] * 40 + ["elm"] * 40 + ["ash"] * 20)
    said = np.array(["oak"] * 38 + ["elm"] * 42 + ["ash"] * 12 + ["oak"] * 8)
    classes = ("ash", "elm", "oak", "yew")
    return evaluate("classification", truth, Prediction(said), metric="accuracy", classes=classes, resamples=20)


def test_one_class_is_judged_against_all_others(several: Evaluation) -> None:
    rules = [Rule("recall", min=0.5, of_class="ash"), Rule("precision", min=0.9, of_class="oak"),
             Rule("f1", max=0.5, of_class="elm")]  # fmt: skip
    verdicts = judge(rules, several)
    assert [each.passed for each in verdicts] == [True, False, False]
    assert verdicts[0].gate == "recall of ash >= 0.5"
    assert verdicts[0].message == (
        "recall of ash >= 0.5 passed: 0.6000 (95 % interval 0.3866 to 0.7812, 20 rows of it, 12 called so)"
    )
    assert verdicts[1].value == pytest.approx(38 / 46)
    assert verdicts[0].evidence["value"] == 0.6
    json.dumps([each.to_json() for each in verdicts], allow_nan=False)


def test_a_class_without_test_rows_holds_the_version(several: Evaluation) -> None:
    (verdict,) = judge([Rule("recall", min=0.0, of_class="yew")], several)
    assert not verdict.passed
    assert "cannot be judged: no test row is of class yew" in verdict.message
    (verdict,) = judge([Rule("accuracy", min=0.0, of_class="oak")], several)
    assert not verdict.passed
    assert "cannot be judged: accuracy was not asked of each class" in verdict.message
    with pytest.raises(WrongSetting, match="did you mean 'oak'"):
        judge([Rule("recall", min=0.5, of_class="oka")], several)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"metric": "roc_auk", "min": 0.5}, "did you mean 'roc_auc'"),
        ({"metric": "roc_auc"}, "asks for nothing"),
        ({"metric": "roc_auc", "min": 0.5, "against": "champion"}, "asks for two things"),
        ({"metric": "davies_bouldin", "against": "champion"}, "has no interval"),
        ({"metric": "roc_auc", "against": "champion", "slice": "worst"}, "a slice is judged by min or max"),
        ({"metric": "roc_auc", "min": 0.5, "margin": 0.1}, "margin needs against"),
        ({"metric": "roc_auc", "min": 0.6, "max": 0.5}, "nothing lies between"),
        ({"metric": "roc_auc", "min": float("nan")}, "finite"),
        ({"metric": "roc_auc", "minimum": 0.5}, "minimum"),
        ({"metric": "roc_auc", "against": "challenger"}, "champion"),
        ({"metric": "roc_auc", "slice": "best", "min": 1}, "worst"),
        ({"metric": "accuracy", "min": 0.5, "of_class": "a"}, "of_class goes with metric = 'recall'"),
        ({"metric": "recall", "against": "champion", "of_class": "a"}, "a class is judged by min or max"),
        ({"metric": "recall", "min": 0.5, "slice": "worst", "of_class": "a"}, "a class is judged by min or max"),
        ({"require": "approval", "of_class": "a"}, "require stands alone"),
    ],
)
def test_wrong_gates_are_refused(written: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Gate.model_validate(written)


def test_the_gates_of_the_design_are_read() -> None:
    written = [
        {"metric": "roc_auc", "min": 0.75},
        {"metric": "roc_auc", "against": "champion", "margin": 0.01},
        {"metric": "roc_auc", "slice": "worst", "min": 0.65},
    ]
    assert [text(Gate.model_validate(each)) for each in written] == [
        "roc_auc >= 0.75",
        "roc_auc not worse than champion by more than 0.01",
        "roc_auc of the worst slice >= 0.65",
    ]


def test_a_project_file_is_checked_without_numpy() -> None:
    code = "import sys, noria.evaluation.settings; sys.exit('numpy' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
