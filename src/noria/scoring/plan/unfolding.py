"""Oblivious trees written out as nodes, each with its own question: what explanations walk along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.nodes import Nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["unfolded"]


def unfolded(
    asked: NDArray[np.int64], depths: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[Nodes, NDArray[np.float32]]:
    """Write trees out; a row goes right where its answer, 0 or 1, is yes.

    The last question is asked at the root, as CatBoost does where it explains: by what share of the rows a node sends
    right, the order matters.

    Parameters
    ----------
    asked, weights : ndarray
        As `Oblivious` has them.
    depths : ndarray of int, shape (n_trees,)
        Questions of each tree.

    Returns
    -------
    nodes : Nodes
        The column of a node is its question.
    covers : ndarray of float32, shape (n_nodes,)
        Weight of the leaves under each.

    Examples
    --------
    >>> nodes, covers = unfolded(np.array([[7]]), np.array([1]), np.array([2.0, 3.0], dtype=np.float32))
    >>> covers.tolist(), nodes.records["column"].tolist()
    ([5.0, 2.0, 3.0], [7, 0, 0])
    """
    first = np.cumsum(1 << depths) - (1 << depths)
    columns, lefts, starts = [], [], [0]
    for level in range(int(depths.max()) + 1):
        trees = np.flatnonzero(depths >= level)
        tree, path = np.repeat(trees, 1 << level), np.tile(np.arange(1 << level), len(trees))
        inner = depths[tree] > level
        starts.append(starts[-1] + len(tree))
        child = np.arange(starts[-2], starts[-1])
        child[inner] = starts[-1] + 2 * np.arange(int(inner.sum()))
        tested = first[tree] + path  # of a leaf: what it says
        tested[inner] = asked[depths[tree[inner]] - 1 - level, tree[inner]]
        columns.append(tested)
        lefts.append(child)
    left: NDArray[np.int32] = np.concatenate(lefts).astype(np.int32)
    column: NDArray[np.int32] = np.concatenate(columns).astype(np.int32)
    leaf = left == np.arange(len(left))
    nodes = Nodes.build(np.where(leaf, np.inf, 0.5), column, left, len(depths))
    covers = np.where(leaf, weights[np.where(leaf, column, 0)], 0.0)
    for start, stop in zip(starts[-2::-1], starts[:0:-1], strict=True):
        parents = np.flatnonzero(~leaf[start:stop]) + start
        covers[parents] = covers[left[parents]] + covers[left[parents] + 1]
    return nodes, covers.astype(np.float32)
