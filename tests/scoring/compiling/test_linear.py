from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.svm import LinearSVC, LinearSVR

from noria.scoring.compiling.linear import compile_linear, compile_linear_classes
from noria.scoring.compiling.unsupported import Unsupported

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(11)
X = RNG.normal(size=(120, 6))
Y = X @ RNG.normal(size=6) + RNG.normal(size=120)
REGRESSIONS = [LinearRegression(), Ridge(), Lasso(0.1), ElasticNet(0.1), BayesianRidge(), HuberRegressor(), LinearSVR()]
CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegression(solver="saga", l1_ratio=0.5),
    LogisticRegression(fit_intercept=False),
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3),
    LinearSVC(),
    RidgeClassifier(),
    SGDClassifier(random_state=1),
]
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 10), st.just(6)),
    elements=st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 1e100, -1e100, 5e-324])),
)


@pytest.mark.parametrize("estimator", REGRESSIONS, ids=repr)
def test_a_regression_has_its_plan(estimator: object, agrees: Callable[..., object]) -> None:
    fitted = clone(estimator).fit(X, Y)

    @given(ROWS)
    @settings(max_examples=30)
    def holds(rows: np.ndarray) -> None:
        agrees(fitted, rows)

    holds()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=repr)
def test_a_classifier_has_its_plan(estimator: object, n_classes: int, agrees: Callable[..., object]) -> None:
    fitted = clone(estimator).fit(X, np.digitize(Y, np.quantile(Y, np.arange(1, n_classes) / n_classes)))

    @given(ROWS)
    @settings(max_examples=30)
    def holds(rows: np.ndarray) -> None:
        agrees(fitted, rows, n_classes)

    holds()


def test_two_classes_by_liblinear(agrees: Callable[..., object]) -> None:
    agrees(LogisticRegression(solver="liblinear").fit(X, Y > 0), RNG.normal(size=(500, 6)) * 9, 2)


@given(seed=st.integers(0, 2**32 - 1), features=st.integers(1, 30), scale=st.integers(-6, 6))
@settings(max_examples=30)
def test_whatever_was_fitted(agrees: Callable[..., object], seed: int, features: int, scale: int) -> None:
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(40, features)) * 10.0**scale + rng.normal(size=features)
    agrees(LinearRegression().fit(data, rng.normal(size=40)), data)
    agrees(LogisticRegression(max_iter=20).fit(data, np.arange(40) % 3), data, 3)


def test_what_has_no_plan_says_why() -> None:
    with pytest.raises(Unsupported, match="several targets"):
        compile_linear(LinearRegression().fit(X, np.column_stack([Y, Y])))
    with pytest.raises(Unsupported, match="float64"):
        compile_linear(LinearRegression().fit(X.astype(np.float32), Y.astype(np.float32)))
    with pytest.raises(Unsupported, match="rows of weights"):
        compile_linear_classes(LogisticRegression().fit(X, Y > 0), 3)
    broken = Ridge().fit(X, Y)
    broken.coef_ = np.full(6, np.nan)
    with pytest.raises(Unsupported, match="not finite"):
        compile_linear(broken)
