"""Gradient boosting by CatBoost, from the ``boost`` extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.training.family import Estimator, Family, Fitting, OutOfTime, as_float, as_int
from noria.training.rounds import PATIENCE, Enough, choose_rounds
from noria.training.space import Uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    import catboost
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["CATBOOST", "CatBoost"]

MOST_ROUNDS = 1000


_ONE_HOT = 10
"""Categories of up to so many values are split by each: statistics of the target take twice the time, for nothing."""


class CatBoost:
    """A CatBoost model in scikit-learn's shape.

    Parameters
    ----------
    params : mapping
        learning_rate, depth, l2, random_strength.
    fitting : Fitting
        The circumstances.
    model : catboost.CatBoost, optional
        A fitted one, when loaded from a file.
    """

    def __init__(self, params: Params, fitting: Fitting, model: catboost.CatBoost | None = None) -> None:
        self.params = dict(params)
        self.fitting = fitting
        self.model = model
        self.rounds = 0

    def fit(
        self, X: NDArray[np.float64], y: NDArray[np.generic], sample_weight: NDArray[np.float64] | None = None
    ) -> CatBoost:
        """Choose the rounds on an inner part, then fit every row."""
        weight = sample_weight

        def best(learned: NDArray[np.bool_], inner: NDArray[np.bool_], enough: Enough) -> int:
            made = self._train(
                X[learned], y[learned], MOST_ROUNDS, (X[inner], y[inner]),
                None if weight is None else weight[learned], None if weight is None else weight[inner], enough,
            )  # fmt: skip
            return int(made.get_best_iteration()) + 1

        rate = as_float(self.params, "learning_rate", 0.08)
        self.rounds = choose_rounds(best, y, self.fitting, learning_rate=rate)
        self.model = self._train(X, y, self.rounds, None, weight)
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Give values, or positions of the likeliest class."""
        if self.fitting.task == "classification":
            return np.asarray(self.predict_proba(X).argmax(axis=1))
        return self._raw(X, "RawFormulaVal")

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes)."""
        made, known = self._raw(X, "Probability"), self._known()
        if made.shape[1] == self.fitting.n_classes:
            return made
        proba = np.zeros((len(made), self.fitting.n_classes))  # a fold whose training rows lacked a rare class
        proba[:, known] = made
        return proba

    def _known(self) -> NDArray[np.int64]:
        return np.asarray(self.model.classes_ if self.model is not None else (), dtype=np.int64)

    def _raw(self, X: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
        if self.model is None:
            raise RuntimeError("predict before fit")
        made = self.model.predict(self._matrix(X), prediction_type=kind, thread_count=1)
        return np.asarray(made, dtype=np.float64)

    def _matrix(self, X: NDArray[np.float64]) -> NDArray[np.float64] | pd.DataFrame:
        if not self.fitting.categorical:
            return X
        import pandas as pd  # noqa: PLC0415 - heavy

        # CatBoost takes categories as whole numbers or strings only; -1 is missing or never seen
        codes = {n: np.nan_to_num(X[:, n], nan=-1).astype(np.int64) for n in self.fitting.categorical}
        return pd.DataFrame({n: codes.get(n, X[:, n]) for n in range(X.shape[1])})

    def _train(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.generic],
        rounds: int,
        inner: tuple[NDArray[np.float64], NDArray[np.generic]] | None,
        weight: NDArray[np.float64] | None = None,
        inner_weight: NDArray[np.float64] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> catboost.CatBoost:
        import catboost  # noqa: PLC0415 - heavy, and an extra

        categorical = list(self.fitting.categorical)
        data = catboost.Pool(self._matrix(X), label=y, weight=weight, cat_features=categorical)
        model = catboost.CatBoost({**self._settings(), "iterations": rounds})
        watch = _Watch(self.fitting, enough)
        if inner is None:
            model.fit(data, callbacks=[watch])
        else:
            rows = self._matrix(inner[0])
            watched = catboost.Pool(rows, label=inner[1], weight=inner_weight, cat_features=categorical)
            model.fit(data, eval_set=watched, early_stopping_rounds=PATIENCE, callbacks=[watch])
        if watch.was_late:  # what is raised inside CatBoost comes out as an error of its own
            raise OutOfTime
        return model

    def _settings(self) -> dict[str, object]:
        params, fitting = self.params, self.fitting
        objective = "RMSE"
        if fitting.task == "classification":
            objective = "Logloss" if fitting.n_classes == 2 else "MultiClass"
        return {
            "loss_function": objective,
            "learning_rate": as_float(params, "learning_rate", 0.08),
            "depth": as_int(params, "depth", 5),
            "l2_leaf_reg": as_float(params, "l2", 3.0),
            "random_strength": as_float(params, "random_strength", 1.0),
            "random_seed": fitting.seed % 2**31,
            "thread_count": fitting.threads,
            "one_hot_max_size": _ONE_HOT,
            "logging_level": "Silent",
            "allow_writing_files": False,
        }


class _Watch:
    """Ends a fit at its deadline."""

    def __init__(self, fitting: Fitting, enough: Callable[[], bool]) -> None:
        self.fitting = fitting
        self.enough = enough
        self.was_late = False

    def after_iteration(self, info: object) -> bool:
        """Say whether to go on."""
        self.was_late = self.fitting.out_of_time()
        return not (self.was_late or self.enough())


def _catboost(params: Params, fitting: Fitting) -> Estimator:
    return CatBoost(params, fitting)


CATBOOST = Family(
    "catboost",
    "gradient boosting (CatBoost)",
    _catboost,
    encoding="tree",
    space={
        "learning_rate": Uniform(0.03, 0.15, log=True),
        "depth": Uniform(3, 8, integer=True),
        "l2": Uniform(1, 20, log=True),
        "random_strength": Uniform(0.3, 5, log=True),
    },
    portfolio=({"learning_rate": 0.08, "depth": 5, "l2": 3.0},),
    extra="boost",
    modules=("catboost",),
    startup_seconds=2.0,
    kin="boosting",
)
