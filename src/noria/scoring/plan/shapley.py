"""Shapley values of trees, exact: what each column adds to the mean answer, over all orders of getting to know them.

Where a column is not known, a row goes both ways at a node that tests it, by the shares of training's rows that went
there ("path-dependent"). For one leaf, with `d` columns on its path, column `j` lets through `o_j` of a row that knows
it (0 or 1) and `z_j` of one that does not. The value of column `i` is that of the leaf times

    (o_i - z_i) * sum over S without i of |S|! (d - |S| - 1)! / d! * prod of o_j in S * prod of z_j outside

and as these weights are integrals of t^|S| (1 - t)^(d - |S| - 1), the sum is that of prod(z_j (1 - t) + o_j t) for t
from 0 to 1: a polynomial, which Gauss and Legendre integrate without error at d / 2 points. All terms are positive, so
nothing cancels, unlike in the recursive algorithm; and a leaf needs `d` products where the definition needs `2^d`.

References
----------
Lundberg, S. M., Erion, G. G. and Lee, S.-I. (2018). Consistent individualized feature attribution for tree ensembles.
arXiv:1802.03888.
Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable AI for trees. Nature
Machine Intelligence 2, 56-67.
Owen, G. (1972). Multilinear extensions of games. Management Science 18, 64-79.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.nodes import Nodes

__all__ = ["Paths"]


@dataclass(frozen=True)
class _Group:
    """Leaves that have equally many players on their paths."""

    leaves: NDArray[np.intp]
    entries: NDArray[np.intp]
    points: NDArray[np.float64]
    weights: NDArray[np.float64]


class Paths:
    """The paths to all leaves, by the players that are asked on them.

    Parameters
    ----------
    nodes : Nodes
        The trees.
    covers : ndarray of float, shape (n_nodes,)
        Training's rows, or their weight, at each node.
    player : ndarray of int, shape (n_columns,)
        Whose each tested column is.
    n_players : int
        How many there are.
    """

    def __init__(self, nodes: Nodes, covers: NDArray[np.floating], player: NDArray[np.intp], n_players: int) -> None:
        self._nodes = nodes
        self._n_players = n_players
        self.leaves = np.flatnonzero(nodes.records["left"] == np.arange(len(nodes.records)))
        """Places of the leaves among the nodes."""
        leaf, node, right, share = _edges(nodes, covers, self.leaves)
        key = leaf * n_players + player[nodes.records["column"][node]]
        order = np.argsort(key, kind="stable")
        entries, self._starts = np.unique(key[order], return_index=True)
        self._node, self._right = node[order].astype(np.int32), right[order]
        self._leaf, self._player = entries // n_players, entries % n_players
        z = np.multiply.reduceat(share[order], self._starts) if len(entries) else np.zeros(0)
        self._z: NDArray[np.float64] = z
        self._groups = self._grouped()

    def reach(self) -> NDArray[np.float64]:
        """Say which share of training's rows reached each leaf, by the shares at its nodes."""
        made = np.ones(len(self.leaves))
        np.multiply.at(made, self._leaf, self._z)
        return made

    def parts(self, row: NDArray[np.floating], said: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the players' values for one row.

        Parameters
        ----------
        row : ndarray, shape (n_columns,)
            What the nodes test.
        said : ndarray of float64, shape (n_leaves, n_outputs)
            What the leaves say.

        Returns
        -------
        ndarray, shape (n_players, n_outputs)
        """
        made = np.zeros((self._n_players, said.shape[1]))
        if not len(self._z):
            return made
        records = self._nodes.records
        greater = row[records["column"]] > records["threshold"]
        open_ = np.logical_and.reduceat(greater[self._node] == self._right, self._starts)
        for group in self._groups:
            worth = self._worth(group, open_[group.entries].astype(np.float64))
            player = self._player[group.entries].ravel()
            for output in range(said.shape[1]):
                weighted = worth * said[group.leaves, output, None]
                made[:, output] += np.bincount(player, weighted.ravel(), self._n_players)
        return made

    def _worth(self, group: _Group, o: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the players' values for leaves that say one."""
        z = self._z[group.entries]
        total = np.zeros_like(z)
        for point, weight in zip(group.points.tolist(), group.weights.tolist(), strict=True):
            factors = z * (1 - point) + o * point
            product = factors.prod(axis=1, keepdims=True) * weight
            # A factor is nought only where a node that no row of training reached shuts out this one too: o = z = 0.
            total += np.divide(product, factors, out=np.zeros_like(factors), where=factors > 0)
        return np.asarray((o - z) * total)

    def _grouped(self) -> list[_Group]:
        counts = np.bincount(self._leaf, minlength=len(self.leaves))
        first = np.cumsum(counts) - counts
        made = []
        for depth in np.unique(counts[counts > 0]).tolist():
            leaves = np.flatnonzero(counts == depth)
            points, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
            entries = first[leaves, None] + np.arange(depth)
            made.append(_Group(leaves, entries, (points + 1) / 2, weights / 2))
        return made


_Edges = tuple["NDArray[np.intp]", "NDArray[np.intp]", "NDArray[np.bool_]", "NDArray[np.float64]"]


def _edges(nodes: Nodes, covers: NDArray[np.floating], leaves: NDArray[np.intp]) -> _Edges:
    """Go up from all leaves: which leaf, which node above it, whether it is to its right, and the share that is."""
    inner, size = nodes.inner, len(nodes.records)
    left = nodes.records["left"][inner]
    parent, share = np.full(size, -1), np.ones(size)
    right = np.zeros(size, dtype=np.bool_)
    parent[left] = parent[left + 1] = inner
    right[left + 1] = True
    both = covers[left].astype(np.float64) + covers[left + 1]
    for child in (left, left + 1):
        share[child] = np.divide(covers[child], both, out=np.full(len(inner), 0.5), where=both > 0)
    found: list[_Edges] = []
    number, here = np.arange(len(leaves)), leaves
    while True:
        on = parent[here] >= 0
        number, here = number[on], here[on]
        found.append((number, parent[here], right[here], share[here]))
        if not len(here):
            break
        here = parent[here]
    of, node, to_right, shares = (np.concatenate(part) for part in zip(*found, strict=True))
    return of, node, to_right, shares
