"""Linear families: least squares and its penalties, logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import ElasticNet, HuberRegressor, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from noria.training.family import Estimator, Family, Fitting, as_float
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from noria.training.space import Params

__all__ = ["DISCRIMINANT", "ELASTIC_NET", "HUBER", "LASSO", "LINEAR", "LOGISTIC", "NAIVE_BAYES", "RIDGE"]


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


def _huber(params: Params, fitting: Fitting) -> Estimator:
    epsilon, alpha = as_float(params, "epsilon", 1.35), as_float(params, "alpha", 1e-3)
    return _on_scaled_target(HuberRegressor(epsilon=epsilon, alpha=alpha, max_iter=500))


def _discriminant(params: Params, fitting: Fitting) -> Estimator:
    return LinearDiscriminantAnalysis(  # type: ignore[no-any-return]
        solver="lsqr", shrinkage=as_float(params, "shrinkage", 0.1)
    )


def _naive_bayes(params: Params, fitting: Fitting) -> Estimator:
    return GaussianNB(var_smoothing=as_float(params, "smoothing", 1e-3))  # type: ignore[no-any-return]


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
        class_weight=params.get("class_weight"),  # in records of older runs
        max_iter=2000 if solver != "saga" else 500,
        random_state=fitting.seed,
    )


LINEAR = Family("linear", "least squares", _linear, is_glass=True, kin="linear")
RIDGE = Family(
    "ridge",
    "ridge regression",
    _ridge,
    space={"alpha": Uniform(1e-3, 1e3, log=True)},
    portfolio=({"alpha": 1.0}, {"alpha": 30.0}),
    is_glass=True,
    kin="linear",
)
LASSO = Family(
    "lasso",
    "lasso",
    _lasso,
    space={"alpha": Uniform(1e-4, 0.3, log=True)},
    portfolio=({"alpha": 0.01}, {"alpha": 0.05}),
    is_glass=True,
    kin="linear",
)
ELASTIC_NET = Family(
    "elastic_net",
    "elastic net",
    _elastic_net,
    space={"alpha": Uniform(1e-4, 0.3, log=True), "l1_ratio": Choice((0.1, 0.5, 0.9))},
    portfolio=({"alpha": 0.01, "l1_ratio": 0.5},),
    is_glass=True,
    kin="linear",
)
LOGISTIC = Family(
    "logistic",
    "logistic regression",
    _logistic,
    space={
        "C": Uniform(1e-3, 30, log=True),
        # No weights for classes here: the probabilities would no more be how often the classes come, see `prior`.
        "l1_ratio": Choice((0.0, 0.0, 0.5, 1.0)),
    },
    portfolio=({"C": 1.0}, {"C": 0.03}, {"C": 0.3, "l1_ratio": 1.0}),
    is_glass=True,
    kin="linear",
)
HUBER = Family(
    "huber",
    "regression that outliers hardly move (Huber)",
    _huber,
    space={"epsilon": Uniform(1.05, 2.5), "alpha": Uniform(1e-5, 1.0, log=True)},
    portfolio=({"epsilon": 1.35, "alpha": 1e-3},),
    in_auto=False,
    is_glass=True,
    kin="linear",
)
DISCRIMINANT = Family(
    "discriminant",
    "linear discriminant analysis",
    _discriminant,
    space={"shrinkage": Uniform(0.0, 0.9)},
    portfolio=({"shrinkage": 0.1},),
    in_auto=False,
    is_glass=True,
    kin="linear",
)
NAIVE_BAYES = Family(
    "naive_bayes",
    "naive Bayes with normal features",
    _naive_bayes,
    space={"smoothing": Uniform(1e-9, 0.1, log=True)},
    portfolio=({"smoothing": 1e-3},),
    in_auto=False,
)
