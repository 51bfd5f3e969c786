"""Small trees answered without walking: every feature strikes out the leaves that its value makes impossible.

The leaves of a tree are the bits of one number, from left to right. A node that sends a row right strikes out the
leaves under its left child; the row's leaf is the lowest bit that no node struck out. What each cell of a feature
strikes out in every tree is a row of a table, made beforehand. An answer then costs one look-up a feature, whatever the
depth.

References
----------
Lucchese, C., Nardini, F. M., Orlando, S., Perego, R., Tonellotto, N. and Venturini, R. (2015). QuickScorer: a fast
algorithm to rank documents with additive ensembles of regression trees. SIGIR 2015.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.cells import Cells, Codes, Intervals, cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.nodes import Nodes
    from noria.scoring.plan.readings import Readings

__all__ = ["BitVectors", "bit_vectors"]

_MOST_LEAVES = 64
_MOST_BYTES = 6 * 2**20
"""A larger table does not stay in a processor's cache, and each worker holds one."""

_GROUP_SIZES = (256, 64, 16, 1)
_FEW_ROWS = 24
"""Up to here cells are found one by one: a call of numpy costs as much as ten of them."""

_MOST_STRUCK = 16384
"""Rows times trees at once: 128 kB, which stay in a processor's second cache."""


class BitVectors:
    """Finds the leaves of rows.

    Measured on 200 trees of 31 leaves and up to 19 levels over 50 features, whole answers, CPU µs: 39 for one row and
    530 for a hundred, where the descent takes 68 and 1,540.

    Features of few cells share a group, whose cells are those of its features combined, so that a category spread over
    twenty columns costs four look-ups and not twenty.

    Parameters
    ----------
    groups : sequence of sequence of int
        Features, by group; those cut in `Intervals` before those cut in `Codes`.
    cut : mapping of int to Cells
        How each feature is cut.
    tables : sequence of ndarray of uint32 or uint64, shape (n_cells, n_trees)
        Leaves that are left in each tree, by group.
    payload : ndarray of int, shape (n_trees, n_bits)
        Row of each leaf in the table of values.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        cut: Mapping[int, Cells],
        tables: Sequence[NDArray[np.unsignedinteger]],
        payload: NDArray[np.intp],
    ) -> None:
        order = [feature for group in groups for feature in group]
        self._features = np.array(order, dtype=np.intp)
        self._edges = [found.edges.tolist() for feature in order if isinstance(found := cut[feature], Intervals)]
        self._cut = [found.edges for feature in order if isinstance(found := cut[feature], Intervals)]
        self._codes = [found for feature in order if isinstance(found := cut[feature], Codes)]
        # Features come by the number of their edges, so that those of a single one stand side by side.
        counts = [len(edges) for edges in self._edges]
        self._single = slice(counts.count(0), counts.count(0) + counts.count(1))
        self._several = [place for place, count in enumerate(counts) if count != 1]
        self._only_edge = np.array([edges[0] for edges in self._edges[self._single]]).reshape(-1, 1)
        self._strides = np.concatenate([_strides([len(cut[feature].samples) for feature in group]) for group in groups])
        self._groups = np.cumsum([0] + [len(group) for group in groups[:-1]])
        self._bases = np.cumsum([0] + [len(table) for table in tables[:-1]])
        self._table = np.concatenate(tables)
        self._one = self._table.dtype.type(1)
        self._payload = payload.ravel()
        self._trees = np.arange(len(payload)) * payload.shape[1] - 1

    def rows(self, X: NDArray[np.floating]) -> NDArray[np.intp]:
        """Give for each tree and row of a cast matrix the row in the table of values, shape (n_trees, n_rows)."""
        values = X.take(self._features, axis=1)
        if len(X) == 1:
            place = np.add.reduceat(np.array(self._cells(values[0].tolist())) * self._strides, self._groups)
            return self._leaves(np.bitwise_and.reduce(self._table.take(place + self._bases, 0), axis=0))[:, None]
        if len(X) <= _FEW_ROWS:
            cells = np.array([self._cells(row) for row in values.tolist()]).T
        else:
            cells = self._many_cells(np.ascontiguousarray(values.T))
        return self._many(np.add.reduceat(cells * self._strides[:, None], self._groups, axis=0) + self._bases[:, None])

    def _cells(self, values: list[float]) -> list[int]:
        edges = self._edges
        found = [bisect_left(e, v) if v == v else len(e) + 1 for e, v in zip(edges, values, strict=False)]
        if self._codes:
            found += [known.one(value) for known, value in zip(self._codes, values[len(edges) :], strict=True)]
        return found

    def _many_cells(self, values: NDArray[np.floating]) -> NDArray[np.intp]:
        found = np.empty(values.shape, dtype=np.intp)
        single, n_edges = values[self._single], len(self._edges)
        # A missing value is not greater, but counts as sorted behind every edge.
        found[self._single] = (single > self._only_edge) | np.isnan(single)
        for place in self._several:
            found[place] = self._cut[place].searchsorted(values[place])
        found[:n_edges] += np.isnan(values[:n_edges])  # and has the cell behind the last one
        for place, known in enumerate(self._codes, start=n_edges):
            found[place] = known.many(values[place])
        return found

    def _many(self, place: NDArray[np.intp]) -> NDArray[np.intp]:
        n_trees, n_rows = len(self._trees), place.shape[1]
        at_once = max(1, _MOST_STRUCK // n_trees)
        found = np.empty((n_trees, n_rows), dtype=np.intp)
        for start in range(0, n_rows, at_once):
            part = place[:, start : start + at_once]
            left = self._table.take(part[0], 0)
            more = np.empty_like(left)
            for group in part[1:]:
                np.bitwise_and(left, self._table.take(group, 0, more, "clip"), left)
            found[:, start : start + at_once] = self._leaves(left).T
        return found

    def _leaves(self, left: NDArray[np.unsignedinteger]) -> NDArray[np.intp]:
        # All bits up to the lowest one that is left: one more than its place.
        below: NDArray[np.uint8] = np.bitwise_count(left ^ (left - self._one))
        found: NDArray[np.intp] = self._payload.take(self._trees + below)
        return found


def bit_vectors(nodes: Nodes, readings: Readings) -> BitVectors | None:
    """Make the tables, or None where a tree has too many leaves or they would be too large.

    Parameters
    ----------
    nodes : Nodes
        The trees.
    readings : Readings
        What their columns mean.
    """
    first, count = _leaf_ranges(nodes)
    most = int(count[: nodes.n_trees].max())
    if not 1 < most <= _MOST_LEAVES:
        return None
    bits = 32 if most <= 32 else 64
    cut = cells(nodes, readings)
    most_cells = _MOST_BYTES // (nodes.n_trees * bits // 8)
    groups = next((made for size in _GROUP_SIZES if _height(made := _grouped(cut, size), cut) <= most_cells), None)
    if groups is None:
        return None
    struck = _Struck(nodes, readings, first, count, bits)
    return BitVectors(groups, cut, [struck.by_group(group, cut) for group in groups], _payload(nodes, first, bits))


def _leaf_ranges(nodes: Nodes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give for each node the first leaf under it, counted in its tree from the left, and how many there are."""
    inner, left = nodes.inner, nodes.records["left"]
    parents = [inner[np.searchsorted(inner, at.start) : np.searchsorted(inner, at.stop)] for at in nodes.levels()]
    count = np.ones(len(left), dtype=np.intp)
    for level in reversed(parents):
        count[level] = count[left[level]] + count[left[level] + 1]
    first = np.zeros(len(left), dtype=np.intp)
    for level in parents:
        first[left[level]] = first[level]
        first[left[level] + 1] = first[level] + count[left[level]]
    return first, count


def _payload(nodes: Nodes, first: NDArray[np.intp], bits: int) -> NDArray[np.intp]:
    made = np.zeros((nodes.n_trees, bits), dtype=np.intp)
    leaf = nodes.records["left"] == np.arange(len(first))
    made[nodes.trees()[leaf], first[leaf]] = nodes.payload[leaf]
    return made


def _grouped(cut: Mapping[int, Cells], most: int) -> list[list[int]]:
    """Put features together while their combined cells are no more than that."""
    groups: list[list[int]] = []
    for kind in (Intervals, Codes):
        size = most + 1  # no group to join
        for feature in sorted((f for f in cut if isinstance(cut[f], kind)), key=lambda f: len(cut[f].samples)):
            size *= len(cut[feature].samples)
            if size <= most:
                groups[-1].append(feature)
            else:
                groups.append([feature])
                size = len(cut[feature].samples)
    return groups


def _height(groups: Sequence[Sequence[int]], cut: Mapping[int, Cells]) -> int:
    return sum(prod(len(cut[feature].samples) for feature in group) for group in groups)


def _strides(sizes: Sequence[int]) -> NDArray[np.intp]:
    return np.array([prod(sizes[place + 1 :]) for place in range(len(sizes))], dtype=np.intp)


class _Struck:
    """What a cell leaves of every tree."""

    def __init__(
        self, nodes: Nodes, readings: Readings, first: NDArray[np.intp], count: NDArray[np.intp], bits: int
    ) -> None:
        tree = nodes.trees()
        inner = nodes.inner[np.argsort(tree[nodes.inner], kind="stable")]
        left = nodes.records["left"][inner]
        under = (np.uint64(1) << count[left].astype(np.uint64)) - np.uint64(1)
        self._dtype = np.dtype(f"u{bits // 8}")
        self._keeps = (~(under << first[left].astype(np.uint64))).astype(self._dtype)
        self._tree, self._n_trees = tree[inner], nodes.n_trees
        self._column, self._threshold = nodes.records["column"][inner], nodes.records["threshold"][inner]
        self._readings = readings

    def by_group(self, group: Sequence[int], cut: Mapping[int, Cells]) -> NDArray[np.unsignedinteger]:
        """Give the leaves that are left, shape (n_cells, n_trees)."""
        made = self._by_feature(group[0], cut[group[0]])
        for feature in group[1:]:
            made = (made[:, None] & self._by_feature(feature, cut[feature])).reshape(-1, self._n_trees)
        return made

    def _by_feature(self, feature: int, cut: Cells) -> NDArray[np.unsignedinteger]:
        X = np.zeros((len(cut.samples), self._readings.n_features), dtype=self._threshold.dtype)
        X[:, feature] = cut.samples
        mine = np.flatnonzero(self._readings.source[self._column] == feature)
        right = self._readings.columns(X)[:, self._column[mine]] > self._threshold[mine]
        nothing = ~self._dtype.type(0)
        left = np.full((len(X), self._n_trees), nothing)
        trees, starts = np.unique(self._tree[mine], return_index=True)
        left[:, trees] = np.bitwise_and.reduceat(np.where(right, self._keeps[mine], nothing), starts, axis=1)
        return left
