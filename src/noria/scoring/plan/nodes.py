"""Trees laid out flat, level by level, so that their very order says that no path leaves them or runs in a circle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Nodes"]

_WIDE = np.dtype([("threshold", "f8"), ("column", "i8"), ("left", "i8"), ("spare", "i8")])
_NARROW = np.dtype([("left", "i8"), ("threshold", "f4"), ("column", "i4")])


@dataclass(frozen=True)
class Nodes:
    """Every node of every tree. A row that is greater than a node's threshold goes to the right.

    The roots come first, in the order of the trees; then, for each inner node in order, its left child and its right
    child, so that the right child needs no place of its own.

    Parameters
    ----------
    records : ndarray, shape (n_nodes,)
        Threshold, tested column and left child side by side: what a step needs comes with one read of memory.
        A leaf is its own left child and its threshold is infinite, so that a row stays there.
    payload : ndarray of int32, shape (n_nodes,)
        Row of a leaf in the table of values; 0 elsewhere.
    n_trees : int
        How many trees.
    """

    records: NDArray[np.void]
    payload: NDArray[np.int32]
    n_trees: int

    @classmethod
    def build(
        cls,
        threshold: NDArray[np.floating],
        column: NDArray[np.int32],
        left: NDArray[np.int32],
        n_trees: int,
    ) -> Self:
        """Put the parts together; the column of a leaf is its row in the table of values.

        Raises
        ------
        Unsound
            The nodes are not trees in level order.
        """
        place = np.arange(len(left))
        leaf = left == place
        _require_level_order(left, np.flatnonzero(~leaf), n_trees)
        if np.isnan(threshold[~leaf]).any() or np.isposinf(threshold[~leaf]).any():
            raise Unsound("a threshold is no number")
        if len(column) and column.min() < 0:
            raise Unsound("a node names a column or a leaf below zero")
        records = np.zeros(len(left), dtype=_NARROW if threshold.dtype == np.float32 else _WIDE)
        records["threshold"] = np.where(leaf, np.inf, threshold)
        records["column"] = np.where(leaf, 0, column)
        records["left"] = left
        return cls(records, np.where(leaf, column, 0).astype(np.int32), n_trees)

    @property
    def inner(self) -> NDArray[np.intp]:
        """Places of the nodes that test something."""
        return np.flatnonzero(self.records["left"] != np.arange(len(self.records)))

    def parts(self) -> dict[str, NDArray[np.generic]]:
        """Give what `build` takes."""
        records = self.records
        leaf = records["left"] == np.arange(len(records))
        column = np.where(leaf, self.payload, records["column"])
        return {
            "threshold": records["threshold"].copy(),
            "column": column.astype(np.int32),
            "left": records["left"].astype(np.int32),
        }

    def levels(self) -> Iterator[slice]:
        """Give the places of each level of all trees, roots first."""
        inner = self.inner
        start, stop = 0, self.n_trees
        while start < stop:
            yield slice(start, stop)
            below = self.n_trees + 2 * int(np.searchsorted(inner, stop))
            start, stop = stop, below

    def trees(self) -> NDArray[np.intp]:
        """Say for each node in which tree it stands."""
        tree = np.arange(len(self.records))
        inner = self.inner
        left = self.records["left"]
        for level in self.levels():
            parents = inner[np.searchsorted(inner, level.start) : np.searchsorted(inner, level.stop)]
            tree[left[parents]] = tree[left[parents] + 1] = tree[parents]
        return tree

    def depths(self) -> NDArray[np.intp]:
        """Count for each tree the steps to its deepest leaf."""
        deepest = np.zeros(self.n_trees, dtype=np.intp)
        tree = self.trees()
        for steps, level in enumerate(self.levels()):
            deepest[tree[level]] = steps
        return deepest


def _require_level_order(left: NDArray[np.int32], inner: NDArray[np.intp], n_trees: int) -> None:
    # Children counted off in order: each node but a root has exactly one parent, and that stands before it.
    expected = n_trees + 2 * np.arange(len(inner))
    sound = 0 < n_trees <= len(left) == n_trees + 2 * len(inner)
    if not (sound and np.array_equal(left[inner], expected) and bool((left[inner] > inner).all())):
        raise Unsound("the nodes are not trees laid out level by level")
