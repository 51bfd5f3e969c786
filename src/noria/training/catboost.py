"""Gradient boosting by CatBoost, from the ``boost`` extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.training.family import Estimator, Family, Fitting, as_float, as_int
from noria.training.rounds import PATIENCE, choose_rounds
from noria.training.space import Uniform

if TYPE_CHECKING:
    import catboost
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["CATBOOST", "CatBoost"]

MOST_ROUNDS = 1000


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

    def fit(self, X: NDArray[np.float64], y: NDArray[np.generic]) -> CatBoost:
        """Choose the rounds on an inner part, then fit every row."""

        def best(learned: NDArray[np.bool_], inner: NDArray[np.bool_]) -> int:
            made = self._train(X[learned], y[learned], MOST_ROUNDS, (X[inner], y[inner]))
            return int(made.get_best_iteration()) + 1

        rate = as_float(self.params, "learning_rate", 0.08)
        self.rounds = choose_rounds(best, y, self.fitting, learning_rate=rate)
        self.model = self._train(X, y, self.rounds, None)
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Give values, or positions of the likeliest class."""
        if self.fitting.task == "classification":
            return np.asarray(self.predict_proba(X).argmax(axis=1))
        return self._raw(X, "RawFormulaVal")

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes)."""
        return self._raw(X, "Probability")

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
    ) -> catboost.CatBoost:
        import catboost  # noqa: PLC0415 - heavy, and an extra

        categorical = list(self.fitting.categorical)
        data = catboost.Pool(self._matrix(X), label=y, cat_features=categorical)
        model = catboost.CatBoost({**self._settings(), "iterations": rounds})
        if inner is None:
            return model.fit(data)
        watched = catboost.Pool(self._matrix(inner[0]), label=inner[1], cat_features=categorical)
        return model.fit(data, eval_set=watched, early_stopping_rounds=PATIENCE)

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
            "logging_level": "Silent",
            "allow_writing_files": False,
        }


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
)
