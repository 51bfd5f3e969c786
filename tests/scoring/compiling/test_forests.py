from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from noria.scoring.compiling.forests import compile_forest
from noria.scoring.compiling.unsupported import Unsupported

CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier, ExtraTreeClassifier)
REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor, DecisionTreeRegressor, ExtraTreeRegressor)

Table = Callable[..., tuple[np.ndarray, np.ndarray]]
HardRows = Callable[..., np.ndarray]
SameBits = Callable[..., None]

slow = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@slow
@given(
    st.integers(0, 10**6),
    st.sampled_from([0, 2, 3]),
    st.integers(0, 3),
    st.sampled_from([1, 3, None]),
    st.integers(1, 5),
    st.booleans(),
)
def test_the_bits_are_those_of_the_library(
    table: Table,
    hard_rows: HardRows,
    same_bits: SameBits,
    seed: int,
    n_classes: int,
    kind: int,
    depth: int | None,
    leaf: int,
    missing: bool,
) -> None:
    X, y = table(seed, n_classes, missing=missing)
    estimator = (CLASSIFIERS if n_classes else REGRESSORS)[kind](
        max_depth=depth, min_samples_leaf=leaf, random_state=seed
    )
    if kind < 2:
        estimator.set_params(n_estimators=seed % 12 + 1)
    estimator.fit(X, y)
    plan = compile_forest(estimator, n_classes)
    rows = hard_rows(plan, X, infinite=False)
    same_bits(plan, rows, estimator.predict_proba(rows) if n_classes else estimator.predict(rows))
    assert not plan.bound(rows).any()


def test_a_deep_forest_has_the_bits_of_the_library(table: Table, hard_rows: HardRows, same_bits: SameBits) -> None:
    X, _ = table(1, 0, missing=True)
    y = np.random.default_rng(0).integers(0, 2, len(X))  # noise: every leaf is a row or two
    estimator = RandomForestClassifier(60, random_state=0, class_weight="balanced").fit(X, y)
    assert max(tree.get_n_leaves() for tree in estimator.estimators_) < 64
    wide = np.concatenate([X + shift for shift in range(5)])
    estimator.fit(wide, np.random.default_rng(0).integers(0, 2, len(wide)))
    assert max(tree.get_n_leaves() for tree in estimator.estimators_) > 64
    plan = compile_forest(estimator, 2)
    rows = hard_rows(plan, wide, infinite=False)
    same_bits(plan, rows, estimator.predict_proba(rows))


def test_what_the_library_refuses_the_plan_refuses(table: Table) -> None:
    X, y = table(2, 2, missing=False)
    estimator = RandomForestClassifier(5, random_state=0).fit(X, y)
    for value in (np.inf, -np.inf, 1e39, -3.5e38):
        wrong = X[:3].copy()
        wrong[1, 2] = value
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="too large"):
            estimator.predict_proba(wrong)
        with pytest.raises(ValueError, match="too large"):
            compile_forest(estimator, 2).answer(wrong)
    largest = X[:3].copy()
    largest[1, 2] = 3.4028235e38
    assert (compile_forest(estimator, 2).answer(largest) == estimator.predict_proba(largest)).all()


def test_missing_values_are_refused_where_the_library_refuses_them(table: Table) -> None:
    X, y = table(2, 0, missing=False)
    estimator = ExtraTreeRegressor(splitter="best", max_depth=3).fit(X, y)
    wrong = np.where(X[0] == X, np.nan, X)
    with pytest.raises(ValueError, match="NaN"):
        estimator.predict(wrong)
    with pytest.raises(ValueError, match="missing"):
        compile_forest(estimator, 0).answer(wrong)


def test_a_class_that_a_fold_lacked_gets_noughts(table: Table) -> None:
    X, y = table(3, 3, missing=False)
    kept = y != 1
    estimator = RandomForestClassifier(5, random_state=0).fit(X[kept], y[kept])
    made = compile_forest(estimator, 3).answer(X)
    assert (made[:, [0, 2]] == estimator.predict_proba(X)).all()
    assert not made[:, 1].any()


def test_a_single_class_is_certain(table: Table) -> None:
    X, _ = table(3, 0, missing=False)
    made = compile_forest(DecisionTreeClassifier().fit(X, np.full(len(X), 1)), 2).answer(X)
    assert made.tolist() == [[0.0, 1.0]] * len(X)


@pytest.mark.parametrize(
    ("estimator", "n_classes", "says"),
    [
        (GradientBoostingRegressor(n_estimators=2), 0, "not a forest"),
        (DecisionTreeClassifier(), 0, "has classes"),
        (DecisionTreeRegressor(), 2, "no classes"),
    ],
)
def test_what_cannot_be_compiled_says_why(table: Table, estimator: BaseEstimator, n_classes: int, says: str) -> None:
    X, y = table(4, 2, missing=False)
    with pytest.raises(Unsupported, match=says):
        compile_forest(estimator.fit(X, y), n_classes)


def test_several_targets_are_not_compiled(table: Table) -> None:
    X, y = table(4, 0, missing=False)
    with pytest.raises(Unsupported, match="several targets"):
        compile_forest(DecisionTreeRegressor(max_depth=2).fit(X, np.stack([y, y], axis=1)), 0)


def test_labels_that_are_no_positions_are_not_compiled(table: Table) -> None:
    X, y = table(4, 2, missing=False)
    with pytest.raises(Unsupported, match="not positions"):
        compile_forest(DecisionTreeClassifier(max_depth=2).fit(X, y + 5), 2)
