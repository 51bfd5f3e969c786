"""Explanations of compiled trees, held to the answers of their libraries, and to their own explanations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from noria.scoring.compiling.catboost import compile_catboost
from noria.scoring.compiling.forests import compile_forest
from noria.scoring.compiling.histogram import compile_histogram
from noria.scoring.compiling.lightgbm import compile_lightgbm
from noria.scoring.compiling.xgboost import compile_xgboost
from noria.scoring.plan.contributions import Players
from noria.training.catboost import CatBoost
from noria.training.family import Fitting

Table = Callable[..., tuple[np.ndarray, np.ndarray]]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_forest_of_the_library_sums_to_its_probabilities(table: Table, n_classes: int) -> None:
    X, y = table(3, n_classes, missing=True)
    estimator = RandomForestClassifier(20, random_state=0).fit(X, y)
    plan = compile_forest(estimator, n_classes)
    made = plan.contributions(X, Players(np.arange(X.shape[1]), X.shape[1]))
    assert made.of == "probability"
    assert np.abs(made.base + made.parts.sum(axis=1) - estimator.predict_proba(X)).max() < 1e-13
    shares = np.mean([tree.tree_.value[0, 0] for tree in estimator.estimators_], axis=0)
    assert made.base == pytest.approx(shares, abs=1e-12)  # what the roots say, as all leaves are weighed by their rows


@pytest.mark.parametrize("n_classes", [2, 3])
def test_boosting_of_the_library_sums_to_its_decisions(table: Table, n_classes: int) -> None:
    X, y = table(4, n_classes, missing=True)
    estimator = HistGradientBoostingClassifier(max_iter=30, categorical_features=[0], random_state=0).fit(X, y)
    made = compile_histogram(estimator, n_classes).contributions(X, Players(np.arange(X.shape[1]), X.shape[1]))
    decisions = estimator.decision_function(X)
    if n_classes == 2:
        assert made.of == "log-odds"
        decisions = np.stack([-decisions, decisions], axis=1)
    assert np.abs(made.base + made.parts.sum(axis=1) - decisions).max() < 1e-12


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_lightgbm_itself_gives_the_same(table: Table, n_classes: int) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    X, y = table(5, n_classes, missing=True)
    objective = {0: "regression", 2: "binary", 3: "multiclass"}[n_classes]
    told = {"objective": objective, "num_leaves": 12, "min_data_in_leaf": 3, "verbose": -1, "num_threads": 1}
    if n_classes == 3:
        told["num_class"] = 3
    booster = lightgbm.train(told, lightgbm.Dataset(X, y, categorical_feature=[0]), 15)
    made = compile_lightgbm(booster, n_classes).contributions(X, Players(np.arange(X.shape[1]), X.shape[1]))
    own = booster.predict(X, pred_contrib=True).reshape(len(X), -1, X.shape[1] + 1)
    outputs = slice(1, None) if n_classes == 2 else slice(None)
    assert np.abs(made.parts[:, :, outputs] - own[:, :, :-1].transpose(0, 2, 1)).max() < 1e-12
    assert np.abs(made.base[outputs] - own[:, :, -1]).max() < 1e-12


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_xgboost_itself_gives_the_same(table: Table, n_classes: int) -> None:
    xgboost = pytest.importorskip("xgboost")
    X, y = table(6, n_classes, missing=True)
    objective = {0: "reg:squarederror", 2: "binary:logistic", 3: "multi:softprob"}[n_classes]
    told = {"objective": objective, "max_depth": 4, "nthread": 1}
    if n_classes == 3:
        told["num_class"] = 3
    booster = xgboost.train(told, xgboost.DMatrix(X, y), 10)
    made = compile_xgboost(booster, n_classes).contributions(X, Players(np.arange(X.shape[1]), X.shape[1]))
    own = booster.predict(xgboost.DMatrix(X), pred_contribs=True).reshape(len(X), -1, X.shape[1] + 1)
    outputs = slice(1, None) if n_classes == 2 else slice(None)
    # Its own are float32.
    assert np.abs(made.parts[:, :, outputs] - own[:, :, :-1].transpose(0, 2, 1)).max() < 1e-4
    assert np.abs(made.base[outputs] - own[:, :, -1]).max() < 1e-4


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("categorical", [(), (0,), (0, 2, 3)])
def test_catboost_itself_gives_the_same(table: Table, n_classes: int, categorical: tuple[int, ...]) -> None:
    catboost = pytest.importorskip("catboost")
    X, y = table(7, n_classes, missing=True)
    X[:, 2:] = (np.nan_to_num(X[:, 2:]) * 9).round() + 40  # many categories, of which statistics are taken
    task = "classification" if n_classes else "regression"
    fitting = Fitting(task, 1, n_classes=n_classes, categorical=categorical, rounds=40)  # type: ignore[arg-type]
    estimator = CatBoost({}, fitting).fit(X, y)
    plan = compile_catboost(estimator, n_classes)
    assert (plan.questions.combinations is None) == (len(categorical) < 2)
    made = plan.contributions(X, Players(np.arange(X.shape[1]), X.shape[1]))
    pool = catboost.Pool(estimator._matrix(X), cat_features=list(categorical))
    own = estimator.model.get_feature_importance(pool, type="ShapValues").reshape(len(X), -1, X.shape[1] + 1)
    outputs = slice(1, None) if n_classes == 2 else slice(None)
    assert np.abs(made.parts[:, :, outputs] - own[:, :, :-1].transpose(0, 2, 1)).max() < 1e-12
    assert np.abs(made.base[outputs] - own[:, :, -1]).max() < 1e-12


def test_what_columns_add_together_is_shared_among_them(table: Table) -> None:
    pytest.importorskip("catboost")
    X, _ = table(8, 0, missing=False)
    X[:, 2:] = (X[:, 2:] * 4).round() + 20
    y = X[:, 0] * (X[:, 2] % 2) + X[:, 1] * (X[:, 3] % 3)
    estimator = CatBoost({}, Fitting("regression", 1, categorical=(2, 3), rounds=300)).fit(X, y)
    plan = compile_catboost(estimator, 0)
    assert max(len(one) for one in plan.questions.columns()) > 1
    made = plan.contributions(X, Players(np.arange(X.shape[1]), X.shape[1]))
    assert np.abs(made.base + made.parts.sum(axis=1) - estimator.predict(X)[:, None]).max() < 1e-11
