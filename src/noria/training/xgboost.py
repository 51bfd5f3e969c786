"""Gradient boosting by XGBoost, from the ``boost`` extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noria.training.family import Estimator, Family, Fitting, OutOfTime, as_float, as_int
from noria.training.rounds import MOST_ROUNDS, PATIENCE, Enough, choose_rounds
from noria.training.space import Uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from xgboost import Booster

    from noria.training.space import Params

__all__ = ["XGBOOST", "XGBoost"]


class XGBoost:
    """An XGBoost booster in scikit-learn's shape.

    Parameters
    ----------
    params : mapping
        learning_rate, depth, colsample, subsample, leaf, l2.
    fitting : Fitting
        The circumstances.
    booster : xgboost.Booster, optional
        A fitted one, when loaded from a file.
    """

    def __init__(self, params: Params, fitting: Fitting, booster: Booster | None = None) -> None:
        self.params = dict(params)
        self.fitting = fitting
        self.booster = booster
        self.rounds = 0

    def fit(
        self, X: NDArray[np.float64], y: NDArray[np.generic], sample_weight: NDArray[np.float64] | None = None
    ) -> XGBoost:
        """Choose the rounds on an inner part, then fit every row."""
        weight = sample_weight

        def best(learned: NDArray[np.bool_], inner: NDArray[np.bool_], enough: Enough) -> int:
            made = self._train(
                X[learned], y[learned], MOST_ROUNDS, (X[inner], y[inner]),
                None if weight is None else weight[learned], None if weight is None else weight[inner], enough,
            )  # fmt: skip
            return int(made.best_iteration) + 1

        rate = as_float(self.params, "learning_rate", 0.06)
        self.rounds = choose_rounds(best, y, self.fitting, learning_rate=rate)
        self.booster = self._train(X, y, self.rounds, None, weight)
        self.booster.set_param({"nthread": 1})
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Give values, or positions of the likeliest class."""
        if self.fitting.task == "classification":
            return np.asarray(self.predict_proba(X).argmax(axis=1))
        return self._raw(X)

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes)."""
        made = self._raw(X)
        return np.column_stack([1 - made, made]) if made.ndim == 1 else made

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.booster is None:
            raise RuntimeError("predict before fit")
        return np.asarray(self.booster.inplace_predict(np.ascontiguousarray(X)), dtype=np.float64)

    def _train(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.generic],
        rounds: int,
        inner: tuple[NDArray[np.float64], NDArray[np.generic]] | None,
        weight: NDArray[np.float64] | None = None,
        inner_weight: NDArray[np.float64] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> Booster:
        import xgboost  # noqa: PLC0415 - heavy, and an extra

        settings = self._settings()
        data = xgboost.DMatrix(X, label=y, weight=weight, nthread=self.fitting.threads)
        late, out_of_time = [False], self.fitting.out_of_time

        class Watch(xgboost.callback.TrainingCallback):
            def after_iteration(self, model: object, epoch: int, evals_log: object) -> bool:
                late[0] = out_of_time()
                return late[0] or enough()

        options: dict[str, Any] = {"callbacks": [Watch()], "verbose_eval": False}
        if inner is not None:
            watched = xgboost.DMatrix(inner[0], label=inner[1], weight=inner_weight, nthread=self.fitting.threads)
            options |= {"evals": [(watched, "inner")], "early_stopping_rounds": PATIENCE}
        made = xgboost.train(settings, data, rounds, **options)
        if late[0]:
            raise OutOfTime
        return made

    def _settings(self) -> dict[str, object]:
        params, fitting = self.params, self.fitting
        objective = "reg:squarederror"
        if fitting.task == "classification":
            objective = "binary:logistic" if fitting.n_classes == 2 else "multi:softprob"
        return {
            "objective": objective,
            **({"num_class": fitting.n_classes} if fitting.n_classes > 2 else {}),
            "eta": as_float(params, "learning_rate", 0.06),
            "max_depth": as_int(params, "depth", 4),
            "colsample_bytree": as_float(params, "colsample", 0.6),
            "subsample": as_float(params, "subsample", 0.8),
            "min_child_weight": as_float(params, "leaf", 2.0),
            "lambda": as_float(params, "l2", 2.0),
            "tree_method": "hist",
            "nthread": fitting.threads,
            "seed": fitting.seed % 2**31,
            "verbosity": 0,
        }


def _xgboost(params: Params, fitting: Fitting) -> Estimator:
    return XGBoost(params, fitting)


XGBOOST = Family(
    "xgboost",
    "gradient boosting (XGBoost)",
    _xgboost,
    encoding="tree",
    space={
        "learning_rate": Uniform(0.02, 0.15, log=True),
        "depth": Uniform(2, 8, integer=True),
        "colsample": Uniform(0.3, 1.0),
        "subsample": Uniform(0.6, 1.0),
        "leaf": Uniform(0.5, 20, log=True),
        "l2": Uniform(0.1, 20, log=True),
    },
    portfolio=({"learning_rate": 0.06, "depth": 4, "colsample": 0.6, "subsample": 0.8, "leaf": 2.0, "l2": 2.0},),
    extra="boost",
    modules=("xgboost",),
    startup_seconds=2.0,
    kin="boosting",
)
