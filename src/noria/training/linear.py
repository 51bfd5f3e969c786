"""Linear families: least squares and its penalties, logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from noria.training.family import Estimator, Family, Fitting, as_float
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from noria.training.space import Params

__all__ = ["ELASTIC_NET", "LASSO", "LINEAR", "LOGISTIC", "RIDGE"]


def _linear(params: Params, fitting: Fitting) -> Estimator:
    return LinearRegression()  # type: ignore[no-any-return]  # sklearn is untyped


def _ridge(params: Params, fitting: Fitting) -> Estimator:
    return Ridge(alpha=as_float(params, "alpha", 1.0))  # type: ignore[no-any-return]


def _on_scaled_target(regressor: object) -> Estimator:
    # A penalty means the same for every target only when the target has unit spread.
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())  # type: ignore[no-any-return]


def _lasso(params: Params, fitting: Fitting) -> Estimator:
    return _on_scaled_target(Lasso(alpha=as_float(params, "alpha", 0.01), max_iter=5000))


def _elastic_net(params: Params, fitting: Fitting) -> Estimator:
    alpha, l1_ratio = as_float(params, "alpha", 0.01), as_float(params, "l1_ratio", 0.5)
    return _on_scaled_target(ElasticNet(alpha=alpha, l1_ratio=l1_ratio, max_iter=5000))


def _logistic(params: Params, fitting: Fitting) -> Estimator:
    l1_ratio = as_float(params, "l1_ratio", 0.0)
    solver = "lbfgs"
    if l1_ratio > 0:
        # liblinear is far quicker on small tables, but knows only two classes and no mixture of penalties
        solver = "liblinear" if l1_ratio == 1 and fitting.n_classes == 2 else "saga"
    return LogisticRegression(  # type: ignore[no-any-return]
        C=as_float(params, "C", 1.0),
        l1_ratio=l1_ratio,
        solver=solver,
        class_weight=params.get("class_weight"),
        max_iter=2000 if solver != "saga" else 500,
        random_state=fitting.seed,
    )


LINEAR = Family("linear", "least squares", _linear)
RIDGE = Family(
    "ridge",
    "ridge regression",
    _ridge,
    space={"alpha": Uniform(1e-3, 1e3, log=True)},
    portfolio=({"alpha": 1.0}, {"alpha": 30.0}),
)
LASSO = Family(
    "lasso",
    "lasso",
    _lasso,
    space={"alpha": Uniform(1e-4, 0.3, log=True)},
    portfolio=({"alpha": 0.01}, {"alpha": 0.05}),
)
ELASTIC_NET = Family(
    "elastic_net",
    "elastic net",
    _elastic_net,
    space={"alpha": Uniform(1e-4, 0.3, log=True), "l1_ratio": Choice((0.1, 0.5, 0.9))},
    portfolio=({"alpha": 0.01, "l1_ratio": 0.5},),
)
LOGISTIC = Family(
    "logistic",
    "logistic regression",
    _logistic,
    space={
        "C": Uniform(1e-3, 30, log=True),
        "l1_ratio": Choice((0.0, 0.0, 0.5, 1.0)),
        "class_weight": Choice((None, None, "balanced")),
    },
    portfolio=({"C": 1.0}, {"C": 0.03}, {"C": 0.3, "l1_ratio": 1.0}),
)
