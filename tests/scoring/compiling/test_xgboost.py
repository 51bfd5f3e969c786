from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.compiling.xgboost import compile_xgboost
from noria.training.family import Fitting
from noria.training.xgboost import XGBoost

xgboost = pytest.importorskip("xgboost")

Table = Callable[..., tuple[np.ndarray, np.ndarray]]
HardRows = Callable[..., np.ndarray]
SameBits = Callable[..., None]

slow = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
OBJECTIVES = {0: "reg:squarederror", 2: "binary:logistic", 3: "multi:softprob"}


def _train(X: np.ndarray, y: np.ndarray, rounds: int, **params: object) -> xgboost.Booster:
    settings = {"nthread": 1, "verbosity": 0, "eta": 0.3, **params}
    return xgboost.train(settings, xgboost.DMatrix(X, label=y, nthread=1), rounds)


@slow
@given(st.integers(0, 10**6), st.integers(1, 8), st.booleans())
def test_the_bits_of_a_regression_are_those_of_the_library(
    table: Table, hard_rows: HardRows, same_bits: SameBits, seed: int, depth: int | None, missing: bool
) -> None:
    X, y = table(seed, 0, missing=missing)
    booster = _train(X, y, seed % 12 + 1, max_depth=depth)
    plan = compile_xgboost(booster, 0)
    rows = hard_rows(plan, X, infinite=True)
    same_bits(plan, rows, booster.inplace_predict(rows).astype(np.float64))
    assert not plan.bound(rows).any()


@slow
@given(st.integers(0, 10**6), st.sampled_from([2, 3]), st.integers(1, 8))
def test_probabilities_are_within_the_bound(
    table: Table, hard_rows: HardRows, seed: int, n_classes: int, depth: int | None
) -> None:
    X, y = table(seed, n_classes, missing=True)
    fitting = Fitting("classification", seed, n_classes=n_classes)
    booster = _train(
        X, y, seed % 12 + 1, max_depth=depth, objective=OBJECTIVES[n_classes], num_class=0 if n_classes == 2 else 3
    )
    estimator = XGBoost({}, fitting, booster)
    plan = compile_xgboost(estimator, n_classes)
    rows = hard_rows(plan, X, infinite=True)
    far = np.abs(plan.answer(rows) - estimator.predict_proba(rows)).max(axis=1)
    assert (far <= plan.bound(rows)).all()
    assert plan.bound(rows).max() < 1e-6


@pytest.mark.parametrize(
    ("params", "n_classes", "says"),
    [
        ({"objective": "reg:gamma"}, 0, "reg:gamma"),
        ({"booster": "dart"}, 0, "dart"),
        ({"num_parallel_tree": 2, "num_class": 2, "objective": "multi:softprob"}, 2, "several at once"),
    ],
)
def test_what_cannot_be_compiled_says_why(table: Table, params: dict[str, object], n_classes: int, says: str) -> None:
    X, y = table(7, 2, missing=False)
    with pytest.raises(Unsupported, match=says):
        compile_xgboost(
            _train(X, y + ("gamma" in params.get("objective", "")), 2, **params), params.get("num_class", 0)
        )


def test_what_holds_no_booster_says_so() -> None:
    with pytest.raises(Unsupported, match="no booster"):
        compile_xgboost(object(), 0)
