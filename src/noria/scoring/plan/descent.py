"""Rows walk down all trees together, one level at a time."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.nodes import Nodes

__all__ = ["Descent"]

_MOST_WALKERS = 8192
"""Rows times trees at once: some 300 kB of work arrays, which stay in a processor's second cache."""

_LOW_BYTE = 0 if sys.byteorder == "little" else 7


class Descent:
    """Finds the leaves of rows.

    Measured on 200 trees of depth 14, 466,000 nodes, one row, CPU µs: thresholds, columns and children in arrays of
    their own 103; packed in one record of 16 bytes, so that a step waits for memory once, 65; the same with children
    that are indices already and a truth value that is written into a number, so that nothing is converted, 52.

    Parameters
    ----------
    nodes : Nodes
        The trees.
    n_columns : int
        Width of the matrix they test.
    """

    def __init__(self, nodes: Nodes, n_columns: int) -> None:
        depths = nodes.depths()
        # Deepest trees first: those that are done drop off the end of every array. Sums need their own order again.
        self._roots = np.argsort(-depths, kind="stable")
        self._order = None if (np.diff(self._roots) > 0).all() else np.argsort(self._roots, kind="stable")
        self._walking = [int((depths > level).sum()) for level in range(int(depths.max()))]
        self._record = nodes.records.dtype
        # numpy takes numbers faster than records of the same size. Their bytes are only moved, never computed with.
        self._carrier = _carrier(self._record)
        self._records = nodes.records.view(self._carrier)
        self._n_columns = n_columns
        self._mine = threading.local()

    def leaves(self, V: NDArray[np.floating]) -> NDArray[np.intp]:
        """Give the place of each row's leaf in each tree, shape (n_trees, n_rows)."""
        if len(V) == 1:
            return self._walk(V, self._for_one_row())
        at_once = max(1, _MOST_WALKERS // len(self._roots))
        found = np.empty((len(self._roots), len(V)), dtype=np.intp)
        work = self._work(min(at_once, len(V)))
        for start in range(0, len(V), at_once):
            part = V[start : start + at_once]
            if len(part) < work.n_rows:
                work = self._work(len(part))
            found[:, start : start + at_once] = self._walk(part, work)
        return found

    def _for_one_row(self) -> _Work:
        # Each thread has its own, as two may answer at once.
        work: _Work | None = getattr(self._mine, "work", None)
        if work is None:
            work = self._mine.work = self._work(1)
        return work

    def _work(self, n_rows: int) -> _Work:
        return _Work(self._roots, self._walking, n_rows, self._n_columns, self._record, self._carrier)

    def _walk(self, V: NDArray[np.floating], work: _Work) -> NDArray[np.intp]:
        fetch, test, greater, add = self._records.take, V.ravel().take, np.greater, np.add
        np.copyto(work.node, work.roots)
        for node, record, threshold, column, left, cell, row, value, right, step in work.levels:
            fetch(node, None, record, "clip")
            test(column if row is None else add(column, row, cell), None, value, "clip")
            greater(value, threshold, right)
            add(left, step, node)
        found = work.node.reshape(-1, work.n_rows)
        return found.copy() if self._order is None else found[self._order]


class _Level(NamedTuple):
    """Where a step writes, cut to the trees that still walk, each of them with every row."""

    node: NDArray[np.intp]
    record: NDArray[np.generic]
    threshold: NDArray[np.floating]
    column: NDArray[np.integer]
    left: NDArray[np.int64]
    cell: NDArray[np.integer]
    row: NDArray[np.integer] | None
    value: NDArray[np.floating]
    right: NDArray[np.bool_]
    step: NDArray[np.int64]

    def cut(self, size: int) -> _Level:
        """Give the first part of every array."""
        node, record, threshold, column, left, cell, row, value, right, step = self
        return _Level(
            node[:size],
            record[:size],
            threshold[:size],
            column[:size],
            left[:size],
            cell[:size],
            None if row is None else row[:size],
            value[:size],
            right[:size],
            step[:size],
        )


class _Work:
    """The arrays that walks of so many rows write to."""

    def __init__(
        self,
        roots: NDArray[np.intp],
        walking: list[int],
        n_rows: int,
        n_columns: int,
        record: np.dtype[np.void],
        carrier: np.dtype[np.generic],
    ) -> None:
        size = len(roots) * n_rows
        fetched = np.empty(size, dtype=carrier)
        fields = fetched.view(record)
        cell = np.empty(size, dtype=record["column"])
        row = None if n_rows == 1 else np.tile(np.arange(n_rows, dtype=cell.dtype) * n_columns, len(roots))
        step = np.zeros(size, dtype=np.int64)
        self.n_rows = n_rows
        self.roots = np.repeat(roots, n_rows)
        self.node = np.empty(size, dtype=np.intp)
        whole = _Level(
            self.node,
            fetched,
            fields["threshold"],
            fields["column"],
            fields["left"],
            cell,
            row,
            np.empty(size, dtype=record["threshold"]),
            step.view(np.bool_)[_LOW_BYTE::8],
            step,
        )
        cuts = {count: whole.cut(count * n_rows) for count in set(walking)}
        self.levels = [cuts[count] for count in walking]


def _carrier(record: np.dtype[np.void]) -> np.dtype[np.generic]:
    for number in (np.dtype(np.complex128), np.dtype(np.clongdouble)):
        if number.itemsize == record.itemsize:
            return number
    return record
