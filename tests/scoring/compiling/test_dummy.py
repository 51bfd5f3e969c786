from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from noria.scoring.compiling.dummy import compile_dummy, compile_dummy_classes
from noria.scoring.compiling.unsupported import Unsupported

X, Y = np.zeros((7, 2)), np.array([0, 1, 1, 2, 2, 2, 1])


@pytest.mark.parametrize("strategy", ["prior", "most_frequent", "uniform", "constant"])
def test_a_classifier_that_draws_nothing_has_its_plan(strategy: str, agrees: Callable[..., object]) -> None:
    agrees(DummyClassifier(strategy=strategy, constant=1 if strategy == "constant" else None).fit(X, Y), X, 3)


@pytest.mark.parametrize("strategy", ["mean", "median"])
def test_a_regression_has_its_plan(strategy: str, agrees: Callable[..., object]) -> None:
    agrees(DummyRegressor(strategy=strategy).fit(X, Y * 0.1), X)


def test_what_has_no_plan_says_why() -> None:
    with pytest.raises(Unsupported, match="draws"):
        compile_dummy_classes(DummyClassifier(strategy="stratified").fit(X, Y), 3)
    with pytest.raises(Unsupported, match="not a number"):
        compile_dummy(DummyRegressor().fit(X, np.column_stack([Y, Y])))
