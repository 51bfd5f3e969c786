from __future__ import annotations

from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.scoring.compiling.lightgbm import compile_lightgbm
from noria.scoring.compiling.unsupported import Unsupported
from noria.training.boosting import LightGBM
from noria.training.family import Fitting

Table = Callable[..., tuple[np.ndarray, np.ndarray]]
HardRows = Callable[..., np.ndarray]
SameBits = Callable[..., None]

slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

QUIET = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "learning_rate": 0.3}
BY_CATEGORY = {"cat_smooth": 1, "min_data_per_group": 1}


def _train(
    X: np.ndarray, y: np.ndarray, rounds: int, categorical: tuple[int, ...] = (), **params: object
) -> lightgbm.Booster:
    params = {**QUIET, **params}
    data = lightgbm.Dataset(X, label=y, categorical_feature=list(categorical), params=params)
    return lightgbm.train(params, data, rounds)


@slow
@given(
    st.integers(0, 10**6),
    st.sampled_from(["regression", "regression_l1", "huber", "binary", "multiclassova"]),
    st.sampled_from([2, 6, 24, 90]),
    st.sampled_from([{}, {"zero_as_missing": True}, {"use_missing": False}]),
    st.sampled_from([{}, {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}, {"extra_trees": True}]),
    st.booleans(),
    st.sampled_from([1, 4]),
)
def test_the_bits_are_those_of_the_library(
    table: Table,
    hard_rows: HardRows,
    same_bits: SameBits,
    seed: int,
    objective: str,
    leaves: int,
    missing: dict[str, object],
    kind: dict[str, object],
    by_category: bool,
    onehot: int,
) -> None:
    n_classes = {"binary": 2, "multiclassova": 3}.get(objective, 0)
    X, y = table(seed, n_classes, missing=seed % 2 == 0)
    params = {"objective": objective, "num_leaves": leaves, **missing, **kind, **BY_CATEGORY}
    params |= {"num_class": 3} if n_classes == 3 else {"reg_sqrt": seed % 3 == 0} if objective == "regression" else {}
    params |= {"sigmoid": 0.7} if n_classes else {}
    booster = _train(X, y, seed % 12 + 1, (0,) if by_category else (), max_cat_to_onehot=onehot, **params)
    plan = compile_lightgbm(booster, n_classes)
    rows = hard_rows(plan, X, infinite=True)
    wanted = booster.predict(rows, num_threads=1)
    same_bits(plan, rows, np.column_stack([1 - wanted, wanted]) if n_classes == 2 else wanted)
    assert not plan.bound(rows).any()


@settings(slow, max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(["multiclass", "poisson", "gamma", "tweedie"]), st.booleans())
def test_what_has_an_exponential_is_within_the_bound(
    table: Table, hard_rows: HardRows, seed: int, objective: str, missing: bool
) -> None:
    n_classes = 3 if objective == "multiclass" else 0
    X, y = table(seed, n_classes, missing=missing)
    target = y if n_classes else np.exp(y / 3)
    booster = _train(X, target, 6, objective=objective, **({"num_class": 3} if n_classes else {}))
    plan = compile_lightgbm(booster, n_classes)
    rows = hard_rows(plan, X, infinite=True)
    made = plan.answer(rows)
    far = np.abs(made - booster.predict(rows, num_threads=1)).reshape(len(rows), -1).max(axis=1)
    assert (far <= plan.bound(rows)).all()
    assert (plan.bound(rows) <= 4e-15 * np.abs(made).reshape(len(rows), -1).max(axis=1)).all()


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_the_estimator_of_a_family_is_compiled(table: Table, n_classes: int) -> None:
    X, y = table(5, n_classes, missing=True)
    task = "classification" if n_classes else "regression"
    fitting = Fitting(task, 1, n_classes=n_classes, n_rows=len(X), categorical=(0,))  # type: ignore[arg-type]
    estimator = LightGBM({"leaves": 12, "leaf": 5}, fitting).fit(X, y)
    made = compile_lightgbm(estimator, n_classes).answer(X)
    wanted = estimator.predict_proba(X) if n_classes else estimator.predict(X)
    assert np.abs(made - wanted).max() <= (4e-16 if n_classes == 3 else 0)


def test_the_best_iteration_is_the_last(table: Table) -> None:
    X, y = table(6, 0, missing=False)
    booster = _train(X, y, 10, objective="regression")
    booster.best_iteration = 4
    assert (compile_lightgbm(booster, 0).answer(X) == booster.predict(X)).all()


def test_trees_without_a_split_say_the_mean() -> None:
    X, y = np.zeros((20, 2)), np.arange(20.0)
    booster = _train(X, y, 2, objective="regression")
    assert (compile_lightgbm(booster, 0).answer(X) == booster.predict(X)).all()


@pytest.mark.parametrize(
    ("params", "n_classes", "says"),
    [
        ({"objective": "regression", "linear_tree": True}, 0, "linear"),
        ({"objective": "cross_entropy"}, 2, "cross_entropy"),
        ({"objective": "binary"}, 0, "0 classes"),
        ({"objective": "multiclass", "num_class": 3}, 2, "saw 2 classes"),
    ],
)
def test_what_cannot_be_compiled_says_why(table: Table, params: dict[str, object], n_classes: int, says: str) -> None:
    X, y = table(7, 2, missing=False)
    with pytest.raises(Unsupported, match=says):
        compile_lightgbm(_train(X, y, 2, **params), n_classes)


def test_what_holds_no_booster_says_so() -> None:
    with pytest.raises(Unsupported, match="no booster"):
        compile_lightgbm(object(), 0)
