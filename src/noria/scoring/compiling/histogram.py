"""Histogram boosting of scikit-learn read into plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    from noria.scoring.plan.trees import Trees

__all__ = ["compile_histogram"]

_LINKS = {
    "squared_error": Link.VALUE,
    "absolute_error": Link.VALUE,
    "quantile": Link.VALUE,
    "poisson": Link.EXP,
    "gamma": Link.EXP,
}


def compile_histogram(estimator: object, n_classes: int) -> Trees:
    """Read a histogram boosting of classes or values.

    Parameters
    ----------
    estimator : object
        Fitted.
    n_classes : int
        Classes of the model, 0 for a regression.

    Raises
    ------
    Unsupported
        Its loss or its categories are not known here, or it is something else.
    """
    from sklearn.ensemble import (  # noqa: PLC0415 - heavy
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    if type(estimator) not in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
        raise Unsupported(f"{type(estimator).__name__} is not a histogram boosting that is known here")
    return _compile(estimator, n_classes)


def _compile(estimator: BaseEstimator, n_classes: int) -> Trees:
    classes = seen(estimator, n_classes)
    if n_classes and not hasattr(estimator, "classes_"):
        raise Unsupported("it has no classes, and the model has")
    start = np.ravel(estimator._baseline_prediction).astype(np.float64)
    features = _Features(estimator)
    trees = [features.tree(one) for turn in estimator._predictors for one in turn]
    additive = Additive(start, _link(estimator, classes), classes=classes, n_classes=n_classes)
    return lay_out(trees, features.inputs, additive)


def _link(estimator: BaseEstimator, classes: tuple[int, ...]) -> Link:
    if estimator.loss == "log_loss" and len(classes) > 1:
        return Link.LOGISTIC if len(classes) == 2 else Link.SOFTMAX
    if estimator.loss not in _LINKS:
        raise Unsupported(f"its loss is {estimator.loss!r} over {len(classes)} classes")
    return _LINKS[estimator.loss]


class _Features:
    """Features as the trees number them: where there are categories, these come first and are numbered too."""

    def __init__(self, estimator: BaseEstimator) -> None:
        n_features = int(estimator.n_features_in_)
        self._categories: list[NDArray[np.float64]] = []
        self._number = np.arange(n_features)
        if estimator.is_categorical_ is not None:
            categorical = np.asarray(estimator.is_categorical_)
            self._number = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])
            kept = estimator._preprocessor.named_transformers_["encoder"].categories_
            self._categories = [_numbers(values) for values in kept]
        known = {int(self._number[place]): values for place, values in enumerate(self._categories)}
        self.inputs = Inputs(n_features, categories=known)

    def tree(self, predictor: TreePredictor) -> FittedTree:
        nodes = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        categorical = nodes["is_categorical"].astype(bool) & ~leaf
        missing_left = nodes["missing_go_to_left"].astype(bool)
        nothing_but_missing = np.isposinf(nodes["num_threshold"]) & ~categorical
        reading = np.where(missing_left, Reading.PLAIN, Reading.MISSING_RIGHT)
        reading[nothing_but_missing] = Reading.IS_MISSING
        reading[categorical] = Reading.MEMBER
        threshold = np.where(nothing_but_missing | categorical, 0.5, nodes["num_threshold"])
        sets = {
            int(node): self._right(nodes[node], predictor.raw_left_cat_bitsets) for node in np.flatnonzero(categorical)
        }
        return FittedTree(
            np.where(leaf, -1, nodes["left"].astype(np.intp)),
            nodes["right"].astype(np.intp),
            self._number[np.where(leaf, 0, nodes["feature_idx"])],
            np.where(nothing_but_missing & missing_left, np.finfo(np.float64).max, threshold),
            reading,
            nodes["value"][:, None],
            sets,
            nodes["count"],
        )

    def _right(self, node: np.void, bitsets: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
        # A value that was never seen is encoded as missing, and goes where missing values go.
        codes = np.arange(len(self._categories[int(node["feature_idx"])]))
        left = (bitsets[node["bitset_idx"]][codes // 32] >> (codes % 32).astype(np.uint32)) & 1
        elsewhere = not node["missing_go_to_left"]
        return np.concatenate([left == 0, [elsewhere, elsewhere]])


def _numbers(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Give known categories without the missing one, which the encoder puts last."""
    if values.dtype.kind not in "fiu":
        raise Unsupported("its categories are not numbers")
    numbers = values.astype(np.float64)
    return numbers[~np.isnan(numbers)]
