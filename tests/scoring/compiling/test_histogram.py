from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeRegressor

from noria.scoring.compiling.histogram import compile_histogram
from noria.scoring.compiling.unsupported import Unsupported

Table = Callable[..., tuple[np.ndarray, np.ndarray]]
HardRows = Callable[..., np.ndarray]
SameBits = Callable[..., None]

slow = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

LOSSES = ("squared_error", "absolute_error", "quantile", "poisson", "gamma")


@slow
@given(
    st.integers(0, 10**6),
    st.sampled_from([2, 8, 31, 100]),
    st.integers(1, 10),
    st.booleans(),
    st.booleans(),
    st.sampled_from(LOSSES),
)
def test_the_bits_of_a_regression_are_those_of_the_library(
    table: Table,
    hard_rows: HardRows,
    same_bits: SameBits,
    seed: int,
    leaves: int,
    leaf: int,
    missing: bool,
    by_category: bool,
    loss: str,
) -> None:
    X, y = table(seed, 0, missing=missing)
    estimator = HistGradientBoostingRegressor(
        loss=loss,
        quantile=0.7 if loss == "quantile" else None,
        max_iter=seed % 12 + 1,
        max_leaf_nodes=leaves,
        min_samples_leaf=leaf,
        categorical_features=[0] if by_category else None,
        early_stopping=False,
    ).fit(X, np.exp(y / 3))
    plan = compile_histogram(estimator, 0)
    rows = hard_rows(plan, X, infinite=not by_category)  # where there are categories the library refuses infinity
    if loss in ("poisson", "gamma"):
        assert (np.abs(plan.answer(rows) - estimator.predict(rows)) <= plan.bound(rows)).all()
        assert (plan.bound(rows) <= 1e-15 * np.abs(plan.answer(rows))).all()
    else:
        same_bits(plan, rows, estimator.predict(rows))
        assert not plan.bound(rows).any()


@slow
@given(st.integers(0, 10**6), st.sampled_from([2, 8, 31, 100]), st.booleans(), st.booleans())
def test_the_bits_of_two_classes_are_those_of_the_library(
    table: Table, hard_rows: HardRows, same_bits: SameBits, seed: int, leaves: int, missing: bool, by_category: bool
) -> None:
    X, y = table(seed, 2, missing=missing)
    estimator = HistGradientBoostingClassifier(
        max_iter=seed % 12 + 1,
        max_leaf_nodes=leaves,
        min_samples_leaf=3,
        learning_rate=0.9,
        categorical_features=[0, 1] if by_category else None,
        early_stopping=False,
    ).fit(X, y)
    plan = compile_histogram(estimator, 2)
    rows = hard_rows(plan, X, infinite=not by_category)
    same_bits(plan, rows, estimator.predict_proba(rows))
    assert not plan.bound(rows).any()


@settings(slow, max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from([8, 100]), st.booleans())
def test_many_classes_are_within_the_bound(
    table: Table, hard_rows: HardRows, seed: int, leaves: int, by_category: bool
) -> None:
    X, y = table(seed, 3, missing=True)
    estimator = HistGradientBoostingClassifier(
        max_iter=6, max_leaf_nodes=leaves, categorical_features=[0] if by_category else None, early_stopping=False
    ).fit(X, y)
    plan = compile_histogram(estimator, 3)
    rows = hard_rows(plan, X, infinite=not by_category)
    far = np.abs(plan.answer(rows) - estimator.predict_proba(rows)).max(axis=1)
    assert (far <= plan.bound(rows)).all()
    assert plan.bound(rows).max() < 1e-14


def test_a_split_on_missing_values_alone(table: Table, same_bits: SameBits) -> None:
    X, _ = table(0, 0, missing=True)
    X[:, :] = np.where(np.isnan(X), np.nan, 1.0)
    estimator = HistGradientBoostingRegressor(max_iter=3, early_stopping=False).fit(X, np.isnan(X).sum(axis=1))
    assert np.isinf(estimator._predictors[0][0].nodes["num_threshold"]).any()
    rows = np.where(np.isnan(X), np.nan, np.random.default_rng(0).choice([-np.inf, 1e308, np.inf, 0.0], X.shape))
    same_bits(compile_histogram(estimator, 0), rows, estimator.predict(rows))


def test_a_class_that_a_fold_lacked_gets_noughts(table: Table) -> None:
    X, y = table(3, 3, missing=False)
    kept = y != 0
    estimator = HistGradientBoostingClassifier(max_iter=3).fit(X[kept], y[kept])
    made = compile_histogram(estimator, 3).answer(X)
    assert (made[:, 1:] == estimator.predict_proba(X)).all()
    assert not made[:, 0].any()


def test_what_is_something_else_says_so(table: Table) -> None:
    X, y = table(4, 0, missing=False)
    with pytest.raises(Unsupported, match="not a histogram boosting"):
        compile_histogram(DecisionTreeRegressor(max_depth=1).fit(X, y), 0)


def test_categories_that_are_no_numbers_are_not_compiled() -> None:
    X = np.array([["a"], ["b"]] * 20, dtype=object)
    estimator = HistGradientBoostingRegressor(max_iter=1, categorical_features=[0]).fit(X, np.arange(40.0))
    with pytest.raises(Unsupported, match="not numbers"):
        compile_histogram(estimator, 0)
