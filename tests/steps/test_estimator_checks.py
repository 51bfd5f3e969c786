"""Estimators of the user's own, good and bad, tried out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from noria.cli.main import main
from noria.steps.estimator_checks import check_estimator

GOOD = '''
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Nearest(ClassifierMixin, BaseEstimator):
    """The class of the nearest mean."""

    def __init__(self, power=2.0):
        self.power = power

    def fit(self, X, y):
        X, y = np.asarray(X, dtype=float), np.asarray(y)
        self.classes_ = np.unique(y)
        self.means_ = np.array([X[y == one].mean(axis=0) for one in self.classes_])
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X):
        far = (np.abs(np.asarray(X, dtype=float)[:, None, :] - self.means_) ** self.power).sum(axis=2)
        near = np.exp(far.min(axis=1, keepdims=True) - far)
        return near / near.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Plain:
    """Nothing but fit and predict."""

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))

    def predict(self, X):
        return np.full(len(X), self.mean_)


class Dice(Nearest):
    def fit(self, X, y):
        super().fit(X, y)
        self.means_ = self.means_ + np.random.default_rng().normal(0, 1e-3, self.means_.shape)
        return self


class Vandal(Nearest):
    def fit(self, X, y):
        X[:] = X - X.mean(axis=0)
        return super().fit(X, y)


class Gossip(Nearest):
    def predict_proba(self, X):
        return super().predict_proba(np.asarray(X) - np.asarray(X).mean(axis=0))


class Hoarder(Nearest):
    def fit(self, X, y):
        self.rule_ = lambda row: row
        return super().fit(X, y)


class Deaf(Nearest):
    def fit(self, X, y):
        for _ in range(40):
            try:
                time.sleep(0.01)
            except:
                pass
        return super().fit(X, y)


class Fixed(Nearest):
    def fit(self, X, y):
        super().fit(X, y)
        del self.classes_
        return self

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


class Broken(Nearest):
    def fit(self, X, y):
        raise ValueError("I never learn")
'''


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_estimators.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_estimators", raising=False)


def failed(name: str) -> dict[str, str]:
    found = check_estimator({"class": f"my_estimators:{name}"}, task="classification", deadline_seconds=0.1)
    return {one.name: one.why for one in found if one.outcome == "failed"}


def test_a_good_one_passes_all_of_it() -> None:
    found = check_estimator({"class": "my_estimators:Nearest", "params": {"power": 2.0}}, deadline_seconds=0.1)
    assert [one for one in found if one.outcome == "failed"] == []
    assert sum(one.name.startswith("scikit-learn") for one in found) >= 10
    assert next(one for one in found if one.name == "takes weights").outcome == "warning"


def test_nothing_but_fit_and_predict_is_enough() -> None:
    found = check_estimator({"class": "my_estimators:Plain"}, task="regression", deadline_seconds=0.1)
    outcomes = {one.name: one.outcome for one in found}
    assert "failed" not in outcomes.values()
    assert outcomes["scikit-learn's own checks"] == "left out"
    assert outcomes["is cloned as it was made"] == "left out"


@pytest.mark.parametrize(
    ("name", "check", "why"),
    [
        ("Dice", "gives the same model twice", "two fits of the same rows answer differently"),
        ("Vandal", "leaves the rows it learns from alone", "changed the rows"),
        ("Gossip", "answers a row alone as among others", "answers of the same row differ"),
        ("Hoarder", "is kept in a model file and answers the same from it", ""),
        ("Deaf", "can be stopped in the middle", "caught the interruption and went on"),
        ("Fixed", "learns where a fold lacks a class", ""),
    ],
)
def test_a_bad_one_is_told_what_is_wrong(name: str, check: str, why: str) -> None:
    found = failed(name)
    assert check in found
    assert why in found[check]


def test_one_that_does_not_learn_is_told_nothing_more() -> None:
    assert failed("Broken") == {"learns from prepared rows and answers": "ValueError: I never learn"}


@pytest.mark.parametrize(
    ("path", "task", "encoding"),
    [
        ("sklearn.linear_model:Ridge", "regression", "linear"),
        ("sklearn.tree:DecisionTreeClassifier", "classification", "tree"),
        ("sklearn.cluster:KMeans", "clustering", "linear"),
    ],
)
def test_the_task_is_told_from_the_class(path: str, task: str, encoding: str) -> None:
    found = check_estimator({"class": path, "encoding": encoding}, deadline_seconds=0.1)
    assert found[0].outcome == "passed"
    assert found[0].why.endswith(f"; {task}")


def test_the_command_leaves_with_one_where_something_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check-estimator", "my_estimators:Broken"])
    assert left.value.code == 1
    assert "ValueError: I never learn" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["check-estimator", "my_estimators:Nobody"])
    assert left.value.code == 2
    with pytest.raises(SystemExit) as left:
        main(["check-estimator", "my_estimators:Nearest", "--params", "{"])
    assert left.value.code == 2


def test_the_command_finds_a_module_of_the_folder(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "noria", "check-estimator", "my_estimators:Nearest", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["class"], found["failed"]) == ("my_estimators:Nearest", 0)
