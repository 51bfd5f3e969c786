"""Oblivious trees: all nodes of a level ask the same, so that the answers are the bits of the leaf's number.

A tree of depth five is five questions whoever asks; a model asks each of its questions once a row, and a leaf is found
by putting five of the answers side by side.

References
----------
Kohavi, R. and Li, C.-H. (1995). Oblivious decision trees, graphs, and top-down pruning. IJCAI 1995.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np

from noria.scoring.plan.additive import Additive
from noria.scoring.plan.contributions import Unexplained
from noria.scoring.plan.links import rounding
from noria.scoring.plan.parts import floats
from noria.scoring.plan.questions import Questions
from noria.scoring.plan.shapley import Paths
from noria.scoring.plan.sums import Sums
from noria.scoring.plan.unfolding import unfolded
from noria.scoring.plan.unsound import Unsound, array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.contributions import Contributions, Players
    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["MOST_LEVELS", "Oblivious"]

MOST_LEVELS = 16
"""What CatBoost grows at most."""

_MOST_LEAVES = 2**17
"""Rows times trees at once: some 1 MB of leaves."""


@dataclass(frozen=True, eq=False)
class Oblivious:
    """Oblivious trees as arrays.

    Parameters
    ----------
    questions : Questions
        What they ask.
    asked : ndarray of int64, shape (n_levels, n_trees)
        Their questions; the first is the lowest bit of the leaf's number. Behind the last one of a smaller tree the
        number of all questions stands, which is always a no.
    values : ndarray of float64, shape (n_leaves, n_outputs)
        What leaves say, trees in order. A bias that is added last is a tree without questions.
    additive : Additive
        How that makes an answer.
    weights : ndarray of float32, shape (n_leaves,), optional
        Training's rows, or their weight, in each leaf; without them answers cannot be explained.
    """

    kind: ClassVar[str] = "oblivious"
    questions: Questions
    asked: NDArray[np.int64]
    values: NDArray[np.float64]
    additive: Additive
    weights: NDArray[np.float32] | None = None
    _first: NDArray[np.intp] = field(init=False, repr=False)
    _sums: Sums = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # made once, because a request has only microseconds
        sizes = 1 << self.depths()
        put(self, "_first", np.cumsum(sizes) - sizes)
        put(self, "_sums", Sums(self.values, self.additive.start))

    def depths(self) -> NDArray[np.int64]:
        """Count the questions of each tree."""
        return np.asarray((self.asked < self.questions.total).sum(axis=0), dtype=np.int64)

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
        """
        at_once = max(1, _MOST_LEAVES // self.asked.shape[1])
        if len(X) <= at_once:
            return self._answer(X)
        return np.concatenate([self._answer(X[start : start + at_once]) for start in range(0, len(X), at_once)])

    def _answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        truths = self.questions.truths(X).view(np.uint8)
        leaf = np.zeros((self.asked.shape[1], len(X)), dtype=np.uint8 if len(self.asked) <= 8 else np.uint16)
        for level, asked in enumerate(self.asked):
            leaf |= truths.take(asked, axis=0).astype(leaf.dtype, copy=False) << level
        return self.additive.finish(self._sums.of(leaf + self._first[:, None]))

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Say how far an answer may be from the library's by rounding alone, shape (n_rows,)."""
        return rounding(self.additive.link, self.answer(X).reshape(len(X), -1))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give borders and codes of each feature."""
        return self.questions.edges()

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the sums: Shapley values of the columns, path-dependent (see `noria.scoring.plan.shapley`).

        What splits on several columns together add is shared among them equally. CatBoost shares it among the
        categories alone, also where such a split hangs on numbers.

        Raises
        ------
        Unexplained
            The plan was made without the weights of leaves.
        """
        paths, shares, said = self._paths(players)
        truths = self.questions.truths(X).astype(np.float64)
        base = self.additive.start + paths.reach() @ said
        parts = np.stack([shares @ paths.parts(row, said) for row in truths.T])
        return self.additive.contributions(base, parts)

    def _paths(self, players: Players) -> tuple[Paths, NDArray[np.float64], NDArray[np.float64]]:
        if self.weights is None:
            raise Unexplained("its leaves came without the weights of training's rows")
        kept = self.__dict__.get("_kept_paths")
        if kept is None or not np.array_equal(kept[0], players.of):
            nodes, covers = unfolded(self.asked, self.depths(), self.weights)
            owners = [frozenset(players.of[list(one)].tolist()) for one in self.questions.columns()]
            several = sorted(set(owners), key=sorted)
            place = {one: number for number, one in enumerate(several)}
            paths = Paths(nodes, covers, np.array([place[one] for one in owners], dtype=np.intp), len(several))
            shares = np.zeros((players.total, len(several)))
            for one, number in place.items():
                shares[list(one), number] = 1 / len(one)
            kept = (players.of, (paths, shares, self.values[nodes.payload[paths.leaves]]))
            object.__setattr__(self, "_kept_paths", kept)  # the first explanation pays for it, and no other
        return cast("tuple[Paths, NDArray[np.float64], NDArray[np.float64]]", kept[1])

    def facts(self) -> Facts:
        """Give what is kept as JSON."""
        return {"features": self.questions.n_features, **self.additive.facts()}

    def arrays(self) -> Arrays:
        """Give what is kept as arrays."""
        made = {
            **self.questions.arrays(),
            "asked": self.asked.astype(np.int32),
            "values": self.values,
            "start": self.additive.start,
        }
        return made if self.weights is None else {**made, "weights": self.weights}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build them again.

        Raises
        ------
        Unsound
            A part is missing or points elsewhere.
        """
        questions = Questions.restore(facts, arrays)
        start = floats(arrays, "start", None)
        additive = Additive.restore(facts, start)
        values = floats(arrays, "values", None, len(start))
        asked = array(arrays, "asked", "int32", None, None).astype(np.int64)
        _require_trees(asked, questions.total, len(values))
        return cls(questions, asked, values, additive, _weights(arrays, len(values)))


def _require_trees(asked: NDArray[np.int64], total: int, n_leaves: int) -> None:
    if asked.shape[0] > MOST_LEVELS or not asked.shape[1]:
        raise Unsound(f"{asked.shape[1]} trees of {asked.shape[0]} levels are none that noria makes")
    if asked.size and (asked.min() < 0 or asked.max() > total):
        raise Unsound("a tree asks a question that is not there")
    ended = asked == total
    if (ended[:-1] & ~ended[1:]).any() or int((1 << (~ended).sum(axis=0)).sum()) != n_leaves:
        raise Unsound(f"{n_leaves} leaves are not those of the trees")


def _weights(arrays: Arrays, n_leaves: int) -> NDArray[np.float32] | None:
    if "weights" not in arrays:
        return None
    found = cast("NDArray[np.float32]", array(arrays, "weights", "float32", n_leaves))
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise Unsound("a leaf weighs what is no number of rows")
    return found
