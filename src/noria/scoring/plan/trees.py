"""Decision trees, forests and boosted trees, answered with the bits of their libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np

from noria.scoring.plan.additive import Additive
from noria.scoring.plan.bitvectors import BitVectors, bit_vectors
from noria.scoring.plan.cells import cells
from noria.scoring.plan.contributions import Unexplained
from noria.scoring.plan.descent import Descent
from noria.scoring.plan.links import rounding
from noria.scoring.plan.nodes import Nodes
from noria.scoring.plan.parts import count, truth
from noria.scoring.plan.readings import Readings, ordinary
from noria.scoring.plan.shapley import Paths
from noria.scoring.plan.sums import Sums
from noria.scoring.plan.unsound import Unsound, array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.contributions import Contributions, Players
    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Trees"]

_MOST_LEAVES = 2**18
"""Rows times trees at once: some 2 MB of leaves."""


@dataclass(frozen=True)
class Trees:
    """Trees as arrays.

    Small trees are answered by `BitVectors`, others by a `Descent`; both find the same leaves.

    Parameters
    ----------
    nodes : Nodes
        All trees.
    readings : Readings
        What they test.
    values : ndarray of float64 or float32, shape (n_leaves, n_values)
        What leaves say: one value, the trees speaking for the outputs in turn, or one for each output.
    additive : Additive
        How that makes an answer.
    covers : ndarray of float32, shape (n_nodes,), optional
        Training's rows, or their weight, at each node; without them answers cannot be explained.
    """

    kind: ClassVar[str] = "trees"
    nodes: Nodes
    readings: Readings
    values: NDArray[np.floating]
    additive: Additive
    covers: NDArray[np.float32] | None = None
    _small: BitVectors | None = field(init=False, repr=False, compare=False)
    _descent: Descent = field(init=False, repr=False, compare=False)
    _sums: Sums = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # made once, because a request has only microseconds
        put(self, "_small", bit_vectors(self.nodes, self.readings))
        put(self, "_descent", Descent(self.nodes, len(self.readings.source)))
        put(self, "_sums", Sums(self.values, self.additive.start))

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer the rows of a matrix.

        Parameters
        ----------
        X : ndarray, shape (n_rows, n_features)
            C-ordered, with at least one row.

        Returns
        -------
        ndarray
            Probabilities, shape (n_rows, n_classes), or values, shape (n_rows,).

        Raises
        ------
        ValueError
            A value is missing or out of float32's range, and the library refuses it.
        """
        at_once = max(1, _MOST_LEAVES // self.nodes.n_trees)
        if len(X) <= at_once:
            return self._answer(X)
        return np.concatenate([self._answer(X[start : start + at_once]) for start in range(0, len(X), at_once)])

    def _answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        plain = ordinary(X)
        matrix = self.readings.cast(X, ordinary=plain)
        if not plain:
            self.additive.check(matrix)
        rows: NDArray[np.integer]
        if self._small is not None:
            rows = self._small.rows(matrix)
        else:
            rows = self.nodes.payload.take(self._descent.leaves(self.readings.columns(matrix, ordinary=plain)))
        return self.additive.finish(self._sums.of(rows))

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Say how far an answer may be from the library's by rounding alone, shape (n_rows,)."""
        return rounding(self.additive.link, self.answer(X).reshape(len(X), -1))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the thresholds and categories of each feature.

        Behind a cast to float32 a threshold comes with the next float32 above it: what lies between is cast to either.
        """
        made = {}
        for feature, cut in cells(self.nodes, self.readings).items():
            edges = cut.samples[np.isfinite(cut.samples)]
            if self.readings.narrow:
                above = np.nextafter(edges.astype(np.float32), np.float32(np.inf)).astype(np.float64)
                edges = np.unique(np.concatenate([edges, above]))
            made[feature] = edges
        return made

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the sums: Shapley values of the columns, path-dependent (see `noria.scoring.plan.shapley`).

        They are added up in float64, and so meet the sums of a library to the rounding of its own.

        Raises
        ------
        Unexplained
            The plan was made before covers were kept.
        ValueError
            As `answer` says.
        """
        paths = self._paths(players)
        plain = ordinary(X)
        matrix = self.readings.cast(X, ordinary=plain)
        if not plain:
            self.additive.check(matrix)
        tested = self.readings.columns(matrix, ordinary=plain)
        said = self._said(paths)
        base = self.additive.start.astype(np.float64) + paths.reach() @ said
        parts = np.stack([paths.parts(row, said) for row in tested])
        return self.additive.contributions(base, parts)

    def _paths(self, players: Players) -> Paths:
        if self.covers is None:
            raise Unexplained("its plan was compiled before the weights of nodes were kept; compile it again")
        kept = self.__dict__.get("_kept_paths")
        if kept is None or not np.array_equal(kept[0], players.of):
            paths = Paths(self.nodes, self.covers, players.of[self.readings.source], players.total)
            kept = (players.of, paths)
            object.__setattr__(self, "_kept_paths", kept)  # the first explanation pays for it, and no other
        return cast("Paths", kept[1])

    def _said(self, paths: Paths) -> NDArray[np.float64]:
        """Give what each leaf says for each output; where trees take turns, nought for all but one."""
        values = self.values.astype(np.float64)[self.nodes.payload[paths.leaves]]
        n_outputs = len(self.additive.start)
        if values.shape[1] == n_outputs:
            return values
        turn = self.nodes.trees()[paths.leaves] % n_outputs
        return np.where(turn[:, None] == np.arange(n_outputs), values, 0.0)

    def facts(self) -> Facts:
        """Give what is kept as JSON."""
        return {
            "trees": self.nodes.n_trees,
            "features": self.readings.n_features,
            "narrow": self.readings.narrow,
            "near_zero": self.readings.near_zero,
            "whole": any(known.whole for known in self.readings.categories.values()),
            **self.additive.facts(),
        }

    def arrays(self) -> Arrays:
        """Give what is kept as arrays."""
        made = {**self.nodes.parts(), **self.readings.arrays(), "values": self.values, "start": self.additive.start}
        return made if self.covers is None else {**made, "covers": self.covers}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build them again.

        Raises
        ------
        Unsound
            A part is missing or points elsewhere.
        """
        readings = Readings.restore(
            arrays,
            n_features=count(facts, "features", at_least=1),
            narrow=truth(facts, "narrow"),
            near_zero=truth(facts, "near_zero"),
            whole=truth(facts, "whole"),
        )
        nodes = _nodes(facts, arrays, "float32" if readings.narrow else "float64")
        start = _floating(arrays, "start", None)
        values = np.ascontiguousarray(_floating(arrays, "values", None, None))
        additive = Additive.restore(facts, start)
        _require_fit(nodes, readings, values, start)
        return cls(nodes, readings, values, additive, _covers(arrays, len(nodes.records)))


def _floating(arrays: Arrays, name: str, *shape: int | None) -> NDArray[np.floating]:
    kept = arrays.get(name)
    dtype = "float32" if kept is not None and kept.dtype == np.float32 else "float64"
    return cast("NDArray[np.floating]", array(arrays, name, dtype, *shape))


def _nodes(facts: Facts, arrays: Arrays, dtype: str) -> Nodes:
    left = cast("NDArray[np.int32]", array(arrays, "left", "int32", None))
    column = cast("NDArray[np.int32]", array(arrays, "column", "int32", len(left)))
    threshold = cast("NDArray[np.floating]", array(arrays, "threshold", dtype, len(left)))
    return Nodes.build(threshold, column, left, count(facts, "trees", at_least=1))


def _covers(arrays: Arrays, n_nodes: int) -> NDArray[np.float32] | None:
    if "covers" not in arrays:
        return None
    found = cast("NDArray[np.float32]", array(arrays, "covers", "float32", n_nodes))
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise Unsound("a node covers what is no number of rows")
    return found


def _require_fit(nodes: Nodes, readings: Readings, values: NDArray[np.floating], start: NDArray[np.floating]) -> None:
    if int(nodes.records["column"][nodes.inner].max(initial=-1)) >= len(readings.source):
        raise Unsound("a node tests a column that is not there")
    if int(nodes.payload.max()) >= len(values):
        raise Unsound("a leaf says a value that is not there")
    in_turn = values.shape[1] == 1 and nodes.n_trees % len(start) == 0
    if values.dtype != start.dtype or not (in_turn or values.shape[1] == len(start)):
        raise Unsound(f"values {values.dtype} {values.shape} do not make {len(start)} outputs of {start.dtype}")
    if not np.isfinite(values).all():
        raise Unsound("a leaf says what is no number")
