"""Rows that no candidate can learn from, or that cannot judge one: told plainly, and the others go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noria.errors import WrongData
from noria.training.folds import folds
from noria.training.model import Prediction
from noria.training.task import encode

Chosen = Callable[..., Any]
RNG = np.random.default_rng(11)


def area(y: np.ndarray, said: Prediction) -> float:
    from sklearn.metrics import roc_auc_score

    assert said.proba is not None
    assert said.classes is not None
    truth = y == said.classes[1]
    return 1 - float(roc_auc_score(truth, said.proba[:, 1])) if 0 < truth.sum() < len(y) else float("nan")


def numbers(n: int, width: int = 3) -> pd.DataFrame:
    return pd.DataFrame(RNG.normal(size=(n, width)), columns=[f"x{i}" for i in range(width)])


def test_a_fold_of_one_class_is_left_out_and_said(chosen: Chosen) -> None:
    X = numbers(300)
    y = np.where(X["x0"] + RNG.normal(size=300) > 0, "bad", "good").astype(object)
    y[:75] = "good"  # nobody failed in the first quarter
    rows = np.arange(300)
    splitter = [(np.setdiff1d(rows, part), part) for part in np.split(rows, 4)]
    made = chosen(X, y, "classification", ["logistic", "boosting"], error=area, trials=3, splitter=splitter)
    assert made.notes == ("fold 1 of 4 is left out: all 75 rows judged are of the class 'good'",)
    assert len(made.winner.scores) == 3
    assert np.isnan(made.oof[:75]).all()
    assert made.winner.mean < 0.4


def test_a_fold_that_learns_from_one_class_is_left_out(chosen: Chosen) -> None:
    X = numbers(200)
    y = np.array(["good"] * 60 + ["good", "bad"] * 70, dtype=object)
    rows = np.arange(200)
    splitter = [(rows[:50], rows[50:100]), (rows[:100], rows[100:150]), (rows[:150], rows[150:])]
    made = chosen(X, y, "classification", ["logistic"], error=area, trials=1, splitter=splitter)
    assert made.notes == ("fold 1 of 3 is left out: all 50 rows learned from are of the class 'good'",)
    assert len(made.winner.scores) == 2


def test_no_fold_that_can_judge_is_told_with_a_mend(chosen: Chosen) -> None:
    X, rows = numbers(100), np.arange(100)
    y = np.array(["good"] * 50 + ["bad"] * 50, dtype=object)
    splitter = [(rows[50:], rows[:50]), (rows[:50], rows[50:])]
    with pytest.raises(WrongData, match="no fold can judge") as caught:
        chosen(X, y, "classification", ["logistic"], error=area, trials=1, splitter=splitter)
    assert "fold 2 of 2" in caught.value.why
    assert "folds = 2" in caught.value.mend


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_no_number_is_told_with_its_place(odd: float) -> None:
    y = RNG.normal(size=50)
    y[[7, 20]] = odd
    with pytest.raises(WrongData, match="2 of 50 training rows") as caught:
        encode(y, "regression")
    assert f"as {odd} in training row 7" in caught.value.why


def test_fewer_rows_than_folds(chosen: Chosen) -> None:
    X = numbers(6)
    y = np.array(["a", "b", "a", "b", "a", "b"], dtype=object)
    splitter = folds(y, n_rows=6, task="classification", k=5)
    assert 2 <= len(splitter) <= 3
    made = chosen(X, y, "classification", ["logistic"], trials=1, splitter=splitter)
    assert made.model.predict(X).shape == (6,)


def test_constant_missing_and_equal_columns(chosen: Chosen) -> None:
    X = numbers(200)
    X["constant"], X["missing"], X["same"], X["twice"] = 3.0, np.nan, X["x0"], 2 * X["x0"]
    y = X["x0"].to_numpy() + 0.1 * RNG.normal(size=200)
    made = chosen(X, y, "regression", ["linear", "ridge", "huber", "boosting", "tree"], trials=6, ensemble="auto")
    assert made.winner.mean < 0.2
    assert not [row.note for row in made.table if row.status == "failed"]
    assert np.isfinite(made.model.predict(X)).all()


def test_classes_that_a_plane_parts(chosen: Chosen) -> None:
    X = numbers(200)
    y = np.where(X["x0"] > 0, "yes", "no").astype(object)
    names = ["logistic", "linear_svm", "discriminant", "naive_bayes", "tree", "svm"]
    made = chosen(X, y, "classification", names, error=area, trials=7)
    assert not [(row.name, row.note) for row in made.table if row.status == "failed"]
    assert made.winner.mean < 0.02
    proba = made.model.predict_proba(X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_a_category_of_as_many_values_as_rows(chosen: Chosen) -> None:
    n = 3000
    X = numbers(n)
    X["code"] = pd.Series([f"code {i}" for i in range(n)], dtype="str")
    y = X["x0"].to_numpy() + RNG.normal(size=n)
    made = chosen(X, y, "regression", ["ridge", "boosting", "extra_trees"], trials=3)
    assert not [(row.name, row.note) for row in made.table if row.status == "failed"]
    assert made.winner.mean < 1.2
    unseen = X.head(5).assign(code=pd.Series(["never"] * 5, dtype="str"))
    assert np.isfinite(made.model.predict(unseen)).all()
