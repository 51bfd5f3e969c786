"""Random forests and scikit-learn's histogram boosting, with missing values as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from noria.training.family import Estimator, Family, Fitting, as_float, as_int, leaf_size
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from noria.training.space import Params

__all__ = ["HIST_BOOSTING", "RANDOM_FOREST"]


def _forest(params: Params, fitting: Fitting) -> Estimator:
    classify = fitting.task == "classification"
    kind = RandomForestClassifier if classify else RandomForestRegressor
    weight = {"class_weight": params.get("class_weight")} if classify else {}
    return kind(  # type: ignore[no-any-return]  # sklearn is untyped
        n_estimators=as_int(params, "trees", 200),
        min_samples_leaf=as_int(params, "leaf", 2),
        max_features=params.get("max_features", "sqrt" if classify else 0.5),
        n_jobs=fitting.threads,
        random_state=fitting.seed,
        **weight,
    )


def _hist_boosting(params: Params, fitting: Fitting) -> Estimator:
    kind = HistGradientBoostingClassifier if fitting.task == "classification" else HistGradientBoostingRegressor
    # Category codes go in as numbers: told which they are, scikit-learn keeps a function inside the model, and a model
    # file that may name functions is one that may run them.
    return kind(  # type: ignore[no-any-return]
        learning_rate=as_float(params, "learning_rate", 0.1),
        max_leaf_nodes=as_int(params, "leaves", 31),
        min_samples_leaf=leaf_size(as_int(params, "leaf", 20), fitting.n_rows),
        l2_regularization=as_float(params, "l2", 0.0),
        max_iter=as_int(params, "rounds", 100),
        early_stopping=False,
        random_state=fitting.seed,
    )


RANDOM_FOREST = Family(
    "random_forest",
    "random forest",
    _forest,
    encoding="tree",
    space={"leaf": Uniform(1, 7, integer=True), "max_features": Uniform(0.2, 1.0)},
    portfolio=({},),
)
HIST_BOOSTING = Family(
    "hist_boosting",
    "histogram boosting (scikit-learn)",
    _hist_boosting,
    encoding="tree",
    space={
        "learning_rate": Uniform(0.02, 0.2, log=True),
        "leaves": Uniform(4, 64, log=True, integer=True),
        "leaf": Uniform(5, 60, log=True, integer=True),
        "l2": Uniform(0.01, 20, log=True),
        "rounds": Choice((60, 100, 200)),
    },
    portfolio=({"rounds": 100},),
)
