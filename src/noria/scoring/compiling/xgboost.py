"""Boosters of XGBoost read into plans: sums, thresholds and links in float32."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.scoring.compiling.layout import FittedTree, Inputs, lay_out
from noria.scoring.compiling.seen import seen
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.additive import Additive
from noria.scoring.plan.links import Link
from noria.scoring.plan.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.scoring.plan.trees import Trees

__all__ = ["compile_xgboost"]

_LINKS = {
    "reg:squarederror": Link.VALUE,
    "binary:logistic": Link.LOGISTIC_32,
    "multi:softprob": Link.SOFTMAX_32,
}


def compile_xgboost(estimator: object, n_classes: int) -> Trees:
    """Read a booster, or noria's estimator around one.

    Parameters
    ----------
    estimator : object
        Fitted.
    n_classes : int
        Classes of the model, 0 for a regression.

    Raises
    ------
    Unsupported
        Its objective, its kind of booster or its splits are not known here.
    """
    from xgboost import Booster  # noqa: PLC0415 - heavy, and an extra

    booster = getattr(estimator, "booster", estimator)
    if not isinstance(booster, Booster):
        raise Unsupported(f"{type(estimator).__name__} holds no booster of XGBoost")
    learner = json.loads(booster.save_raw(raw_format="json"))["learner"]
    if learner["gradient_booster"]["name"] != "gbtree":
        raise Unsupported(f"its booster is {learner['gradient_booster']['name']!r}")
    model = learner["gradient_booster"]["model"]
    additive = _additive(learner, estimator, n_classes)
    if model["tree_info"] != [place % len(additive.start) for place in range(len(model["trees"]))]:
        raise Unsupported("its trees do not take turns: it grows several at once")
    inputs = Inputs(int(learner["learner_model_param"]["num_feature"]), narrow=True)
    return lay_out([_tree(tree) for tree in model["trees"]], inputs, additive)


def _additive(learner: Mapping[str, Any], estimator: object, n_classes: int) -> Additive:
    objective = learner["objective"]["name"]
    if objective not in _LINKS:
        raise Unsupported(f"its objective is {objective!r}")
    link = _LINKS[objective]
    start = np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float32).ravel()
    classes = seen(estimator, n_classes)
    if link is Link.LOGISTIC_32:
        start = np.array([_log_odds(start[0])], dtype=np.float32)
    elif link is Link.SOFTMAX_32 and len(start) == 1:
        start = np.repeat(start, len(classes))
    if len(classes) != (0 if not link.classifies else 2 if link.two_classes else len(start)):
        raise Unsupported(f"its objective is {objective!r} and it saw {len(classes)} classes")
    return Additive(start, link, classes=classes, n_classes=n_classes)


def _log_odds(probability: np.float32) -> np.float32:
    return np.float32(-math.log(np.float32(1) / probability - np.float32(1)))


def _tree(tree: Mapping[str, Any]) -> FittedTree:
    if tree["categories_nodes"] or any(tree["split_type"]) or tree["tree_param"]["size_leaf_vector"] not in ("0", "1"):
        raise Unsupported("it splits by categories or its leaves are vectors")
    left = np.array(tree["left_children"])
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    # What is below the condition goes left; what is above the float32 next below it goes right.
    return FittedTree(
        left,
        np.array(tree["right_children"]),
        np.where(left < 0, 0, tree["split_indices"]),
        np.nextafter(condition, np.float32(-np.inf)),
        np.where(np.array(tree["default_left"], dtype=bool), Reading.PLAIN, Reading.MISSING_RIGHT),
        condition[:, None],
        cover=np.array(tree["sum_hessian"]),
    )
