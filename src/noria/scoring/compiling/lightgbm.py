"""Boosters of LightGBM read into plans, from the text they are saved as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noria.scoring.compiling.layout import FittedTree, Inputs, lay_out
from noria.scoring.compiling.seen import seen
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.additive import Additive
from noria.scoring.plan.links import Link
from noria.scoring.plan.readings import ZERO, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.trees import Trees

__all__ = ["compile_lightgbm"]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_IS_NONE, _MISSING_IS_ZERO, _MISSING_IS_NAN = 0, 1, 2
_MISSING_RIGHT = _MISSING_IS_NAN << 2

_VALUES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
_EXPONENTIALS = ("poisson", "gamma", "tweedie")

Section = dict[str, str]


def compile_lightgbm(estimator: object, n_classes: int) -> Trees:
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
        It has linear leaves, or an objective that is not known here.
    """
    from lightgbm import Booster  # noqa: PLC0415 - heavy

    booster = getattr(estimator, "booster", estimator)
    if not isinstance(booster, Booster):
        raise Unsupported(f"{type(estimator).__name__} holds no booster of LightGBM")
    head, *sections = _sections(booster.model_to_string())
    if any(tree.get("is_linear", "0") != "0" for tree in sections):
        raise Unsupported("its leaves are linear models")
    categories = _categories(sections)
    trees = [_tree(section, categories) for section in sections]
    near_zero = any(_asks_for_zeros(tree) for tree in trees)
    inputs = Inputs(int(head["max_feature_idx"]) + 1, near_zero=near_zero, whole=True, categories=categories)
    return lay_out(trees, inputs, _additive(head, len(trees), estimator, n_classes))


def _sections(text: str) -> list[Section]:
    """Split a model file in its head and its trees, each a table of names."""
    kept = text.split("\nend of trees")[0].split("\nTree=")
    return [dict(line.partition("=")[::2] for line in part.splitlines()) for part in kept]


def _additive(head: Section, n_trees: int, estimator: object, n_classes: int) -> Additive:
    outputs = int(head["num_tree_per_iteration"])
    link, slope = _link(head.get("objective", "").split())
    if link.classifies != (n_classes > 0):
        raise Unsupported(f"its objective is {head.get('objective')!r} and the model has {n_classes} classes")
    classes = seen(estimator, n_classes)
    if len(classes) != (0 if not link.classifies else 2 if link.two_classes else outputs):
        raise Unsupported(f"its objective is {head.get('objective')!r} and it saw {len(classes)} classes")
    divisor = n_trees / outputs if "average_output" in head else 1.0
    return Additive(np.zeros(outputs), link, divisor, slope, classes, n_classes)


def _link(objective: list[str]) -> tuple[Link, float]:
    name, options = (objective or ["none"])[0], objective[1:]
    slope = next((float(option.partition(":")[2]) for option in options if option.startswith("sigmoid:")), 1.0)
    if name in _VALUES:
        return (Link.SIGNED_SQUARE if "sqrt" in options else Link.VALUE), 1.0
    if name in _EXPONENTIALS:
        return Link.EXP, 1.0
    known = {"binary": Link.LOGISTIC, "multiclass": Link.SOFTMAX, "multiclassova": Link.ONE_VS_REST}
    if name not in known:
        raise Unsupported(f"its objective is {name!r}")
    return known[name], slope


def _tree(section: Section, categories: Mapping[int, NDArray[np.float64]]) -> FittedTree:
    values = _floats(section, "leaf_value")
    inner = len(values) - 1
    left, right = _whole(section, "left_child"), _whole(section, "right_child")
    feature, decision = _whole(section, "split_feature"), _whole(section, "decision_type")
    threshold = _floats(section, "threshold")
    by_set = (decision & _CATEGORICAL) > 0
    none = np.isposinf(threshold) & ~by_set  # every number goes left, a missing value right
    if not np.isin(decision[none], _MISSING_RIGHT).all():
        raise Unsupported("it has infinite thresholds")
    threshold[threshold == -ZERO] = np.nextafter(-ZERO, -1.0)  # the edge itself counts as zero, and goes right
    leaves = np.full(len(values), -1)
    no_leaves = np.zeros(len(values), dtype=np.intp)
    return FittedTree(
        # Leaf number n is written as ~n; here the leaves stand behind the inner nodes.
        np.concatenate([np.where(left < 0, inner + ~left, left), leaves]),
        np.concatenate([np.where(right < 0, inner + ~right, right), leaves]),
        np.concatenate([feature, no_leaves]),
        np.concatenate([np.where(by_set | none, 0.5, threshold), no_leaves]),
        np.concatenate([np.where(none, Reading.IS_MISSING, _readings(decision)), no_leaves]),
        np.concatenate([np.zeros(inner), values])[:, None],
        {int(node): _right(section, int(node), categories[int(feature[node])]) for node in np.flatnonzero(by_set)},
        np.concatenate([_floats(section, "internal_count"), _floats(section, "leaf_count")]) if inner else np.ones(1),
    )


def _asks_for_zeros(tree: FittedTree) -> bool:
    """Say whether it matters that LightGBM takes what is next to zero for zero.

    It puts no threshold there but at the very edges, and then it does not.
    """
    inside = (tree.left >= 0) & (tree.threshold >= -ZERO) & (tree.threshold < ZERO)
    return bool(np.isin(tree.reading, (Reading.ZERO_LEFT, Reading.ZERO_RIGHT)).any() or inside.any())


def _readings(decision: NDArray[np.intp]) -> NDArray[np.intp]:
    left = (decision & _DEFAULT_LEFT) > 0
    missing = decision >> 2
    by_zero = np.where(left, Reading.ZERO_LEFT, Reading.ZERO_RIGHT)
    by_nan = np.where(left, Reading.PLAIN, Reading.MISSING_RIGHT)
    made = np.where(missing == _MISSING_IS_ZERO, by_zero, by_nan)
    made[missing == _MISSING_IS_NONE] = Reading.MISSING_ZERO
    made[(decision & _CATEGORICAL) > 0] = Reading.MEMBER
    return made


def _bits(section: Section, node: int) -> NDArray[np.float64]:
    """Give the categories that a node sends left."""
    place = int(_floats(section, "threshold")[node])
    start, stop = _whole(section, "cat_boundaries")[place : place + 2]
    words = _whole(section, "cat_threshold")[start:stop].astype("<u4")
    return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).astype(np.float64)


def _right(section: Section, node: int, known: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.concatenate([~np.isin(known, _bits(section, node)), [True, True]])


def _categories(sections: list[Section]) -> dict[int, NDArray[np.float64]]:
    """Give for each feature the categories that some node sends left; no node knows any other."""
    found: dict[int, list[Any]] = {}
    for section in sections:
        for node in np.flatnonzero(_whole(section, "decision_type") & _CATEGORICAL):
            feature = int(_whole(section, "split_feature")[node])
            found.setdefault(feature, []).append(_bits(section, int(node)))
    return {feature: np.unique(np.concatenate(bits)) for feature, bits in found.items()}


def _floats(section: Section, name: str) -> NDArray[np.float64]:
    return np.array([float(one) for one in section.get(name, "").split()], dtype=np.float64)


def _whole(section: Section, name: str) -> NDArray[np.intp]:
    return np.array([int(one) for one in section.get(name, "").split()], dtype=np.intp)
