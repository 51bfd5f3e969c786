"""Arrays that compiled code would walk beyond their ends are refused; honest models of every kind pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestRegressor
from sklearn.svm import SVC, SVR

from noria.errors import UntrustedFormat
from noria.registry import skops
from noria.registry.bounds import OutOfBounds, check_bounds

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
TWO, THREE = (X[:, 0] > 0).astype(int), np.arange(90) % 3


def two() -> Any:
    return SVC().fit(X, TWO)


def clusters() -> Any:
    return KMeans(3, n_init=1).fit(X)


def set_to(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Any], None]:
    return lambda model: setattr(model, name, change(getattr(model, name)))


def first(array: np.ndarray) -> np.ndarray:
    return array[:, :1].copy()


@pytest.mark.parametrize(
    "make",
    [
        two,
        lambda: SVC().fit(X, THREE),
        lambda: SVR().fit(X, X[:, 1]),
        lambda: CalibratedClassifierCV(SVC(), ensemble=False).fit(X, TWO),
        clusters,
        lambda: RandomForestRegressor(2).fit(X, X[:, 1]),
        lambda: HistGradientBoostingClassifier(max_iter=2).fit(X, TWO),
        lambda: IsolationForest(n_estimators=3, random_state=0).fit(X),
    ],
)
def test_an_honest_model_passes(make: Callable[[], Any]) -> None:
    model = make()
    again: Any = skops.loads(skops.dumps(model), name="head.skops")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "change",
    [
        set_to("_dual_coef_", first),
        set_to("_intercept_", lambda old: old[:0]),
        set_to("support_", lambda old: old[:1]),
        set_to("support_vectors_", first),
        set_to("_n_support", lambda old: old + 1),
        set_to("_n_support", lambda old: np.append(old, 0).astype(old.dtype)),
        set_to("_probA", lambda old: np.zeros(5)),
    ],
)
def test_a_machine_whose_arrays_do_not_fit_is_refused(change: Callable[[Any], None]) -> None:
    model = two()
    change(model)
    with pytest.raises(UntrustedFormat) as refused:
        skops.loads(skops.dumps(model), name="head.skops")
    assert "support vector machine" in refused.value.why


def test_a_machine_inside_another_estimator_is_looked_at() -> None:
    model = CalibratedClassifierCV(SVC(), ensemble=False).fit(X, TWO)
    inner = model.calibrated_classifiers_[0].estimator
    inner._dual_coef_ = first(inner._dual_coef_)
    with pytest.raises(OutOfBounds):
        check_bounds(model)


def test_a_part_that_is_missing_is_told() -> None:
    model = two()
    del model._probB
    with pytest.raises(UntrustedFormat) as refused:
        skops.loads(skops.dumps(model), name="head.skops")
    assert "missing" in refused.value.why


def test_centres_of_other_features_are_refused() -> None:
    model = clusters()
    model.cluster_centers_ = first(model.cluster_centers_)
    with pytest.raises(OutOfBounds, match="centres"):
        check_bounds(model)


def test_a_number_taken_for_a_category_is_refused() -> None:
    model: Any = HistGradientBoostingClassifier(max_iter=1, categorical_features=[2])
    model.fit(np.column_stack([X[:, :2], THREE]), THREE == 1)
    assert model._predictors[0][0].nodes["is_categorical"].any()
    check_bounds(model)
    model._bin_mapper.is_categorical_ = np.zeros(3, dtype=np.uint8)
    with pytest.raises(OutOfBounds, match="category"):
        check_bounds(model)


@pytest.mark.parametrize(("name", "value"), [("_max_features", 1), ("n_features_in_", 2)])
def test_an_isolation_forest_whose_trees_get_a_part_of_the_row_is_refused(name: str, value: int) -> None:
    # A tree is asked without a look at how wide its rows are.
    forest = IsolationForest(n_estimators=3, random_state=0).fit(X)
    forest.estimators_features_ = [np.array([], dtype=np.int64)] * 3
    setattr(forest, name, value)
    with pytest.raises(OutOfBounds, match="isolation forest"):
        check_bounds([forest])
