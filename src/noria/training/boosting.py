"""Gradient boosting by LightGBM, held as a plain booster so that it is saved as text and loaded without code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from noria.training.family import Estimator, Family, Fitting, OutOfTime, as_float, as_int, leaf_size
from noria.training.rounds import MOST_ROUNDS, PATIENCE, Enough, choose_rounds
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from lightgbm import Booster
    from lightgbm.callback import CallbackEnv
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["BOOSTING", "LightGBM"]


class LightGBM:
    """A LightGBM booster in scikit-learn's shape.

    Parameters
    ----------
    params : mapping
        learning_rate, leaves, leaf, colsample, subsample, l2, extra_trees.
    fitting : Fitting
        The circumstances.
    booster : lightgbm.Booster, optional
        A fitted one, when loaded from a file.
    """

    def __init__(self, params: Params, fitting: Fitting, booster: Booster | None = None) -> None:
        self.params = dict(params)
        self.fitting = fitting
        self.booster = booster
        self.rounds = 0

    def fit(
        self, X: NDArray[np.float64], y: NDArray[np.generic], sample_weight: NDArray[np.float64] | None = None
    ) -> LightGBM:
        """Choose the rounds on an inner part, then fit every row."""
        rate, weight = as_float(self.params, "learning_rate", 0.05), sample_weight

        def best(learned: NDArray[np.bool_], inner: NDArray[np.bool_], enough: Enough) -> int:
            made = self._train(
                X[learned], y[learned], MOST_ROUNDS, (X[inner], y[inner]),
                None if weight is None else weight[learned], None if weight is None else weight[inner], enough,
            )  # fmt: skip
            return int(made.best_iteration)

        self.rounds = choose_rounds(best, y, self.fitting, learning_rate=rate)
        self.booster = self._train(X, y, self.rounds, None, weight)
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
        # One thread: starting more costs longer than a request takes, and answers must not depend on the machine.
        return np.asarray(self.booster.predict(np.ascontiguousarray(X), num_threads=1), dtype=np.float64)

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
        import lightgbm  # noqa: PLC0415 - heavy

        settings = self._settings()
        categorical = list(self.fitting.categorical)
        data = lightgbm.Dataset(X, label=y, weight=weight, params=settings, categorical_feature=categorical)
        callbacks: list[Callable[..., object]] = [self._watch(enough)]
        valid = []
        if inner is not None:
            valid = [data.create_valid(inner[0], label=inner[1], weight=inner_weight)]
            callbacks.append(lightgbm.early_stopping(PATIENCE, verbose=False))
        return lightgbm.train(settings, data, rounds, valid_sets=valid, callbacks=callbacks)

    def _watch(self, enough: Callable[[], bool]) -> Callable[[CallbackEnv], None]:
        from lightgbm.callback import EarlyStopException  # noqa: PLC0415 - heavy

        def stop(environment: CallbackEnv) -> None:
            if self.fitting.out_of_time():
                raise OutOfTime
            if enough():
                raise EarlyStopException(environment.iteration, environment.evaluation_result_list or [])

        return stop

    def _settings(self) -> dict[str, object]:
        params, fitting = self.params, self.fitting
        objective = "regression"
        if fitting.task == "classification":
            objective = "binary" if fitting.n_classes == 2 else "multiclass"
        leaf = leaf_size(as_int(params, "leaf", 20), fitting.n_rows)
        return {
            "objective": objective,
            **({"num_class": fitting.n_classes} if objective == "multiclass" else {}),
            "learning_rate": as_float(params, "learning_rate", 0.05),
            "num_leaves": as_int(params, "leaves", 24),
            "min_data_in_leaf": leaf,
            # LightGBM wants 100 rows of a category before it looks at it: of a small table it would see none.
            "min_data_per_group": min(100, max(leaf, fitting.n_rows // 20)) if fitting.n_rows else 100,
            "feature_fraction": as_float(params, "colsample", 0.7),
            "bagging_fraction": as_float(params, "subsample", 0.8),
            "bagging_freq": 1,
            "lambda_l2": as_float(params, "l2", 1.0),
            "extra_trees": bool(params.get("extra_trees", False)),
            "cat_smooth": 10.0,
            "seed": fitting.seed % 2**31,
            "num_threads": fitting.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


def _boosting(params: Params, fitting: Fitting) -> Estimator:
    return LightGBM(params, fitting)


BOOSTING = Family(
    "boosting",
    "gradient boosting (LightGBM)",
    _boosting,
    encoding="tree",
    space={
        "learning_rate": Uniform(0.02, 0.12, log=True),
        "leaves": Uniform(4, 90, log=True, integer=True),
        "leaf": Uniform(2, 60, log=True, integer=True),
        "colsample": Uniform(0.3, 1.0),
        "subsample": Uniform(0.6, 1.0),
        "l2": Uniform(0.01, 20, log=True),
        "extra_trees": Choice((False, False, True)),
    },
    portfolio=(
        {"learning_rate": 0.05, "leaves": 24, "leaf": 20, "colsample": 0.7, "subsample": 0.8, "l2": 1.0},
        {
            "learning_rate": 0.03,
            "leaves": 48,
            "leaf": 5,
            "colsample": 0.4,
            "subsample": 0.9,
            "l2": 0.5,
            "extra_trees": True,
        },
        {"learning_rate": 0.05, "leaves": 6, "leaf": 10, "colsample": 0.4, "subsample": 0.8, "l2": 5.0},
    ),
    modules=("lightgbm",),
    kin="boosting",
)
