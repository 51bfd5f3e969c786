from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVR

from noria.scoring.compiling.heads import compile_head
from noria.scoring.compiling.unsupported import Unsupported

RNG = np.random.default_rng(15)
X = RNG.normal(size=(100, 5))
Y = 1e4 * (X @ RNG.normal(size=5)) + 5e4


@pytest.mark.parametrize("regressor", [Lasso(0.01), ElasticNet(0.01), SVR()], ids=repr)
@pytest.mark.parametrize("scaler", [StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False)])
def test_a_regression_of_a_scaled_target_has_its_plan(
    regressor: object, scaler: object, agrees: Callable[..., object]
) -> None:
    fitted = TransformedTargetRegressor(regressor, transformer=scaler).fit(X, Y)
    agrees(fitted, np.concatenate([X, 100 * X, -0.0 * X[:1]]))


def test_what_has_no_plan_says_why() -> None:
    for settings, why in (
        ({"transformer": MinMaxScaler()}, "MinMaxScaler"),
        ({"func": np.cbrt, "inverse_func": lambda z: z**3}, "FunctionTransformer"),
    ):
        with pytest.raises(Unsupported, match=why):
            compile_head(TransformedTargetRegressor(Ridge(), **settings).fit(X, Y), 0)
    many = TransformedTargetRegressor(Ridge(), transformer=StandardScaler()).fit(X, np.column_stack([Y, Y]))
    with pytest.raises(Unsupported, match="several targets"):
        compile_head(many, 0)
