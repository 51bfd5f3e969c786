"""Decision trees and forests of scikit-learn read into plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from noria.scoring.compiling.layout import FittedTree, Inputs, lay_out
from noria.scoring.compiling.seen import seen
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.additive import Additive
from noria.scoring.plan.links import Link
from noria.scoring.plan.readings import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator
    from sklearn.tree._tree import Tree

    from noria.scoring.plan.trees import Trees

__all__ = ["compile_forest"]


def compile_forest(estimator: object, n_classes: int) -> Trees:
    """Read a decision tree, an extra tree, a random forest or extra trees, of classes or values.

    Parameters
    ----------
    estimator : object
        Fitted.
    n_classes : int
        Classes of the model, 0 for a regression.

    Raises
    ------
    Unsupported
        It has several outputs, or is none of these.
    """
    from sklearn.ensemble import (  # noqa: PLC0415 - heavy  # noqa: PLC0415 - heavy
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor  # noqa: PLC0415 - heavy  # noqa: PLC0415 - heavy

    single = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
    many = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
    if type(estimator) in single:
        return _compile(estimator, [estimator], n_classes)
    if type(estimator) in many:
        return _compile(estimator, list(cast("BaseEstimator", estimator).estimators_), n_classes)
    raise Unsupported(f"{type(estimator).__name__} is not a forest that is known here")


def _compile(estimator: BaseEstimator, trees: list[BaseEstimator], n_classes: int) -> Trees:
    from sklearn.utils import get_tags  # noqa: PLC0415 - heavy

    if estimator.n_outputs_ != 1:
        raise Unsupported("it answers several targets at once")
    classes = seen(estimator, n_classes)
    if n_classes and not hasattr(estimator, "classes_"):
        raise Unsupported("it has no classes, and the model has")
    n_outputs = len(classes) or 1
    additive = Additive(
        np.zeros(n_outputs),
        Link.SHARES if classes else Link.VALUE,
        divisor=float(len(trees)),
        classes=classes,
        n_classes=n_classes,
        missing=bool(get_tags(trees[0]).input_tags.allow_nan),
        infinite=False,
    )
    inputs = Inputs(estimator.n_features_in_, narrow=True)
    return lay_out([_tree(one.tree_, n_outputs) for one in trees], inputs, additive)


def _tree(tree: Tree, n_outputs: int) -> FittedTree:
    threshold = tree.threshold
    nothing_but_missing = np.isposinf(threshold)  # every number goes left
    reading = np.where(tree.missing_go_to_left.astype(bool), Reading.PLAIN, Reading.MISSING_RIGHT)
    return FittedTree(
        tree.children_left,
        tree.children_right,
        tree.feature,
        np.where(nothing_but_missing, np.float32(0.5), _below(threshold)),
        np.where(nothing_but_missing, Reading.IS_MISSING, reading),
        tree.value[:, 0, :n_outputs],
        cover=tree.weighted_n_node_samples,
    )


def _below(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give the largest float32 that is no greater: a float32 is above both or above neither."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
