"""Random forests and scikit-learn's histogram boosting, with missing values as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from noria.training.family import Estimator, Family, Fitting, as_float, as_int, leaf_size
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from noria.training.space import Params

__all__ = ["EXTRA_TREES", "HIST_BOOSTING", "RANDOM_FOREST", "TREE"]


def _forest(params: Params, fitting: Fitting) -> Estimator:
    kind = RandomForestClassifier if fitting.task == "classification" else RandomForestRegressor
    return kind(**_trees(params, fitting, leaf=2))  # type: ignore[no-any-return]  # sklearn is untyped


def _extra_trees(params: Params, fitting: Fitting) -> Estimator:
    kind = ExtraTreesClassifier if fitting.task == "classification" else ExtraTreesRegressor
    # Splits are drawn: classes need leaves of some rows, or each leaf is sure of what it saw once.
    return kind(**_trees(params, fitting, leaf=3 if fitting.n_classes == 2 else 1))  # type: ignore[no-any-return]


def _trees(params: Params, fitting: Fitting, *, leaf: int) -> dict[str, object]:
    classify = fitting.task == "classification"
    return {
        "n_estimators": as_int(params, "trees", 200),
        "min_samples_leaf": as_int(params, "leaf", leaf),
        "max_features": params.get("max_features", "sqrt" if classify else 0.5),
        "n_jobs": fitting.threads,
        "random_state": fitting.seed,
        **({"class_weight": params.get("class_weight")} if classify else {}),
    }


def _tree(params: Params, fitting: Fitting) -> Estimator:
    kind = DecisionTreeClassifier if fitting.task == "classification" else DecisionTreeRegressor
    return kind(  # type: ignore[no-any-return]
        max_depth=as_int(params, "depth", 5),
        min_samples_leaf=leaf_size(as_int(params, "leaf", 20), fitting.n_rows),
        random_state=fitting.seed,
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
    kin="forest",
)
EXTRA_TREES = Family(
    "extra_trees",
    "extremely randomised trees",
    _extra_trees,
    encoding="tree",
    space={"leaf": Uniform(1, 7, integer=True), "max_features": Uniform(0.2, 1.0)},
    portfolio=({},),
    kin="forest",
)
TREE = Family(
    "tree",
    "one decision tree",
    _tree,
    encoding="tree",
    space={"depth": Uniform(2, 9, integer=True), "leaf": Uniform(5, 60, log=True, integer=True)},
    portfolio=({"depth": 5, "leaf": 20},),
    in_auto=False,
    is_glass=True,
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
    kin="boosting",
)
