"""What compiled code does not check: that the numbers inside a model point inside the model.

scikit-learn's trees and libsvm walk arrays without looking at their ends, so that a crafted file could read foreign
memory or never come to an end. The allowlist says which classes a file may name; this says what they may hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Nodes = NDArray[Any]  # a structured array: the type of its fields is beyond numpy's stubs

__all__ = ["OutOfBounds", "check_bounds"]


class OutOfBounds(Exception):
    """Something inside a model points outside it."""


def check_bounds(value: object) -> None:
    """Refuse an object of scikit-learn that holds a tree, a vector machine or clusters pointing outside themselves.

    Parameters
    ----------
    value : object
        An estimator, or lists, tuples and mappings of them.

    Raises
    ------
    OutOfBounds
        A node's child, feature or category does not exist, or a machine's arrays do not fit each other.
    """
    seen: set[tuple[int, int]] = set()
    # Rows are held against the count of the estimator that is asked, not against what the tree says of itself.
    stack: list[tuple[object, object, int]] = [(value, None, 0)]
    while stack:
        item, above, features = stack.pop()
        if (id(item), features) in seen:
            continue
        seen.add((id(item), features))
        kind, module = type(item).__name__, type(item).__module__
        if module.startswith("sklearn.ensemble.") and hasattr(item, "fit"):
            above, features = item, _features_of(item)
            if module == "sklearn.ensemble._iforest" and hasattr(item, "estimators_"):
                _check_isolation(item)
        elif module == "sklearn.tree._classes":
            features = min(_features_of(item), features or _features_of(item))
        elif module == "sklearn.svm._classes" and hasattr(item, "_dual_coef_"):
            _check_machine(item)
        elif module == "sklearn.cluster._kmeans" and hasattr(item, "cluster_centers_"):
            _check_centres(item)
        if kind == "Tree":
            _check_tree(item, features)
        elif kind == "TreePredictor":
            _check_predictor(item, above, features)
        stack += [(one, above, features) for one in _inside(item, module)]


def _inside(item: object, module: str) -> Collection[object]:
    if isinstance(item, Mapping):
        return item.values()
    if isinstance(item, (list, tuple)):
        return item
    return vars(item).values() if module.startswith(("sklearn.", "noria.")) and hasattr(item, "__dict__") else ()


def _features_of(estimator: object) -> int:
    count = getattr(estimator, "n_features_in_", 0)
    return count if isinstance(count, int) else 0


# --- trees ------------------------------------------------------------------------------------------------------------


def _check_tree(tree: object, features: int) -> None:
    _, arguments, state = cast("tuple[object, tuple[int, ...], Mapping[str, Nodes]]", tree.__reduce__())
    nodes = state["nodes"]
    if len(state["values"]) != len(nodes):
        raise OutOfBounds("a decision tree has more nodes than values")
    inner = nodes["left_child"] != -1
    _check_nodes(nodes["left_child"][inner], nodes["right_child"][inner], inner)
    _check_features(nodes["feature"][inner], min(features, int(arguments[0])))


def _check_predictor(predictor: object, estimator: object, features: int) -> None:
    nodes = predictor.nodes  # type: ignore[attr-defined]
    inner = nodes["is_leaf"] == 0
    _check_nodes(nodes["left"][inner].astype("int64"), nodes["right"][inner].astype("int64"), inner)
    _check_features(nodes["feature_idx"][inner], features)
    categorical = inner & (nodes["is_categorical"] != 0)
    if not categorical.any():
        return
    bitsets = predictor.raw_left_cat_bitsets  # type: ignore[attr-defined]
    if int(nodes["bitset_idx"][categorical].max()) >= len(bitsets):
        raise OutOfBounds("a decision tree points outside itself")
    known = getattr(getattr(estimator, "_bin_mapper", None), "is_categorical_", None)
    if known is None or len(known) != features or not known[nodes["feature_idx"][categorical]].all():
        raise OutOfBounds("a decision tree takes a number for a category")


def _check_isolation(forest: object) -> None:
    """Hold that every tree gets the whole row: scikit-learn hands them parts of it, and looks at no width."""
    if vars(forest).get("_max_features") != _features_of(forest):
        raise OutOfBounds("the trees of an isolation forest are for some columns only")


def _check_nodes(left: NDArray[np.int64], right: NDArray[np.int64], inner: NDArray[np.bool_]) -> None:
    import numpy as np  # noqa: PLC0415 - heavy

    own = np.flatnonzero(inner)
    for child in (left, right):
        # Trees are written parents first, so a child before its parent is a ring that would never end.
        if ((child <= own) | (child >= len(inner))).any():
            raise OutOfBounds("a decision tree points outside itself")


def _check_features(features: NDArray[np.int64], count: int) -> None:
    if len(features) and not 0 <= int(features.min()) <= int(features.max()) < count:
        raise OutOfBounds("a decision tree asks for a feature that does not exist")


# --- support vector machines and clusters -----------------------------------------------------------------------------


def _check_machine(machine: object) -> None:
    """Hold the arrays that libsvm takes by their addresses against each other (Chang & Lin 2011, section 4)."""
    held = vars(machine)
    vectors, support, per_class = held["support_vectors_"], held["support_"], held["_n_support"]
    classes = len(held["classes_"]) if "classes_" in held else 2
    pairs = classes * (classes - 1) // 2
    count = len(support)
    fits = (
        vectors.ndim == 2
        and vectors.shape == (count, _features_of(machine))
        and held["_dual_coef_"].shape == (classes - 1, count)
        and held["_intercept_"].shape == (pairs,)
        and per_class.shape == (classes,)
        and ("classes_" not in held or ((per_class >= 0).all() and int(per_class.sum()) == count))
        and all(held[name].shape in ((0,), (pairs,)) for name in ("_probA", "_probB"))
    )
    if not fits:
        raise OutOfBounds("the arrays of a support vector machine do not fit each other")


def _check_centres(clusters: object) -> None:
    centres = clusters.cluster_centers_  # type: ignore[attr-defined]
    if centres.ndim != 2 or centres.shape[1] != _features_of(clusters):
        raise OutOfBounds("the centres of the clusters have other features than the rows")
