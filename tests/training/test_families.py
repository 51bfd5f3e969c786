from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noria.errors import MissingExtra, WrongSetting
from noria.training import families as module
from noria.training.families import available, catalogue, resolve
from noria.training.family import Family, Fitting
from noria.training.model import answer
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


@pytest.mark.parametrize("name", [name for name in FAMILIES["classification"] if name != "keras_mlp"])
def test_where_a_fold_lacks_a_class_the_others_keep_their_places(name: str) -> None:
    family = next(family for family in catalogue("classification") if family.name == name)
    if not available(family):
        pytest.skip("its library is not installed")
    rng = np.random.default_rng(4)
    X = rng.normal(size=(90, 2))
    y = np.where(X[:, 0] > 0, 2, 0)  # of three classes
    head = family.build(dict(family.portfolio[0]), Fitting("classification", 1, n_classes=3, n_rows=90))
    head.fit(X, y)
    said = answer(head, X, "classification", ("a", "b", "c"))
    assert said.proba is not None
    assert said.proba.shape == (90, 3)
    assert said.proba[:, 1].max() < 0.05
    if name != "dummy":
        assert np.mean(said.values == np.where(y == 2, "c", "a")) > 0.9


NEEDY = """
class Needy:
    def __init__(self, depth, rate, offset=600):
        self.depth, self.rate, self.offset = depth, rate, offset

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, 0]
"""


@pytest.fixture
def needy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "needy_estimators.py").write_text(NEEDY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "needy_estimators", raising=False)
    return "needy_estimators:Needy"


def test_what_a_class_of_ones_own_must_be_given_comes_from_its_space(needy: str) -> None:
    space = {"depth": [3, 5], "rate": {"low": 1.0, "high": 4.0, "log": True}, "offset": [1, 2]}
    (_, family) = resolve([{"class": needy, "space": space}], "regression")
    assert family.portfolio == ({"depth": 3, "rate": 2.0},)
    made = family.build(dict(family.portfolio[0]), Fitting("regression", 1))
    assert made.offset == 600


@pytest.mark.parametrize("name", ["Needy", "ridge", "dummy", "ensemble"])
def test_two_candidates_of_one_name_are_refused(needy: str, name: str) -> None:
    twice = [{"class": needy, "params": {"depth": 1, "rate": 1}}, {"class": needy, "name": name}]
    with pytest.raises(WrongSetting, match=f"is called '{name}'") as caught:
        resolve(twice, "regression")
    assert "name = " in caught.value.mend
    assert len(resolve([twice[0], {**twice[1], "name": "other"}, "ridge", "ridge"], "regression")) == 4


@pytest.mark.parametrize("name", ["logistic", "svm", "linear_svm"])
def test_probabilities_are_how_often_the_classes_come_whatever_is_drawn(name: str) -> None:
    family = next(family for family in catalogue("classification") if family.name == name)
    rng = np.random.default_rng(6)
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] + rng.normal(size=400) > 1.8).astype(np.int64)
    for _ in range(8):
        params = sample(family.space, rng)
        head = family.build(params, Fitting("classification", 1, n_classes=2, n_rows=400)).fit(X, y)
        assert abs(head.predict_proba(X)[:, 1].mean() - y.mean()) < 0.06, params


def test_boosting_sees_the_categories_of_a_small_table() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 213)
    X = np.column_stack([rng.normal(size=213), codes]).astype(float)
    y = np.array([0, 2, -1, 1, 3.0])[codes] + X[:, 0]
    family = next(family for family in catalogue("regression") if family.name == "boosting")
    head = family.build(dict(family.portfolio[0]), Fitting("regression", 1, n_rows=213, categorical=(1,))).fit(X, y)
    assert np.std(head.predict(X) - y) < 0.3 * np.std(y)


@pytest.mark.parametrize("task", list(FAMILIES))
def test_the_page_lists_the_families_there_are(task: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "choose-a-model.md"
    row = next(line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {task} |"))
    in_auto, by_name = (set(re.findall(r"\w+", cell)) for cell in row.split("|")[2:4])
    families = [family for family in catalogue(task) if family.name != "dummy"]
    assert in_auto == {family.name for family in families if family.in_auto}
    assert by_name == {family.name for family in families if not family.in_auto}
