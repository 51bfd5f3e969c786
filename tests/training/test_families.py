from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noria.errors import MissingExtra, WrongSetting
from noria.training import families as module
from noria.training.families import available, catalogue, resolve
from noria.training.family import Family, Fitting
from noria.training.names import FAMILIES
from noria.training.space import sample


def test_the_names_read_by_settings_are_those_of_the_catalogue() -> None:
    assert {task: tuple(family.name for family in catalogue(task)) for task in FAMILIES} == dict(FAMILIES)


@pytest.mark.parametrize("task", ["regression", "classification", "clustering"])
def test_auto_is_what_is_installed_and_the_baseline(task: str) -> None:
    found = resolve("auto", task)
    assert found[0].name == "dummy"
    assert all(available(family) for family in found)
    assert {"boosting", "random_forest"} <= {family.name for family in found} or task == "clustering"


def test_a_missing_extra_is_named_when_asked_for_and_passed_over_in_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Family("absent", "", lambda params, fitting: None, extra="keras", modules=("a_module_nobody_has",))
    monkeypatch.setitem(module._CATALOGUE, "regression", (absent, *catalogue("regression")))
    assert "absent" not in [family.name for family in resolve("auto", "regression")]
    with pytest.raises(MissingExtra) as caught:
        resolve(["absent"], "regression")
    assert 'pip install "noria[keras]"' in caught.value.mend


@pytest.mark.parametrize(
    ("candidates", "says"),
    [
        (["logistik"], "did you mean 'logistic'"),
        (["kmeans"], "a family for clustering"),
        ([], ""),
        ([{"class": "nonsense"}], ""),
        ([{"class": "no_such_module_here:X"}], "No module"),
        ([{"class": "sklearn.naive_bayes:GausianNB"}], "did you mean 'GaussianNB'"),
        ([{"class": "sklearn.naive_bayes:np"}], "lacks fit"),
        ([{"class": "sklearn.naive_bayes:GaussianNB", "spice": {}}], "did you mean 'space'"),
        ([{"class": "sklearn.naive_bayes:GaussianNB", "space": {"smoothing": [1]}}], ""),
        (
            [{"class": "sklearn.naive_bayes:GaussianNB", "space": {"var_smoothing": {"low": 2, "high": 1}}}],
            "low < high",
        ),
        ([{"class": "sklearn.naive_bayes:GaussianNB", "encoding": "square"}], ""),
    ],
)
def test_a_wrong_candidate_is_refused(candidates: list[object], says: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        resolve(candidates, "classification")
    assert says in caught.value.why


def test_every_space_gives_what_its_family_builds() -> None:
    rng = np.random.default_rng(0)
    for task in FAMILIES:
        for family in catalogue(task):
            if not available(family) or family.name == "keras_mlp":
                continue
            fitting = Fitting(task, 1, n_classes=2)
            for params in (*family.portfolio, *(sample(family.space, rng) for _ in range(5))):
                assert family.build(params, fitting) is not None


OWN = """
import numpy as np

class Nearest:
    def __init__(self, k=1, random_state=None):
        self.k, self.random_state = k, random_state

    def fit(self, X, y):
        self.X, self.y = X, y
        return self

    def predict(self, X):
        order = np.argsort(((X[:, None] - self.X[None]) ** 2).sum(axis=2), axis=1)[:, : self.k]
        return np.array([np.bincount(self.y[row]).argmax() for row in order])
"""


def test_an_estimator_of_ones_own_races_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cancer: tuple[pd.DataFrame, np.ndarray], chosen: object
) -> None:
    (tmp_path / "my_estimators.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_estimators", raising=False)
    X, y = cancer
    own = {"class": "my_estimators:Nearest", "space": {"k": [3, 5, 7]}}
    made = chosen(X, y, "classification", [own], trials=3)
    assert made.winner.family == "Nearest"
    assert made.beats_baseline
    assert set(np.unique(made.model.predict_proba(X))) == {0.0, 1.0}
