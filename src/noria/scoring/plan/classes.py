"""Answers of a classifier that decides without probabilities, or does not know every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players, explained
from noria.scoring.plan.nested import arrays_of, facts_of, only
from noria.scoring.plan.parts import count, positions
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Certain", "Placed"]


@dataclass(frozen=True, eq=False)
class Certain:
    """Probability one for what is decided.

    Parameters
    ----------
    head : Head
        Decision values, shape (n_rows, n_classes) or, of two classes, (n_rows, 1): positive is the second.
    """

    kind: ClassVar[str] = "certain"
    head: Head

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        decided = np.asarray(self.head.answer(X), dtype=np.float64)
        single = decided.shape[1] == 1
        chosen = (decided[:, 0] > 0).astype(np.int64) if single else decided.argmax(axis=1)
        made = np.zeros((len(X), 2 if single else decided.shape[1]))
        made[np.arange(len(X)), chosen] = 1
        return made

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart what is decided by."""
        return explained(self.head, X, players)

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give one where the decision is so near that it may be another, else zero."""
        doubt = self.head.bound(X)
        decided = np.asarray(self.head.answer(X), dtype=np.float64)
        if decided.shape[1] == 1:
            return (np.abs(decided[:, 0]) <= doubt).astype(np.float64)
        two = np.partition(decided, -2, axis=1)[:, -2:]
        return ((two[:, 1] - two[:, 0] <= 2 * doubt) & (doubt > 0)).astype(np.float64)

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's."""
        return self.head.edges()

    def facts(self) -> Facts:
        """Give the head's."""
        return {"heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the head's."""
        return arrays_of([self.head])

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        return cls(only(heads))


@dataclass(frozen=True, eq=False)
class Placed:
    """Probabilities of some classes among those of all; the others get zero.

    Parameters
    ----------
    head : Head
        Probabilities of the classes it knows.
    at : ndarray of int64, shape (n_known,)
        Where these stand, ascending.
    n_classes : int
        All.
    """

    kind: ClassVar[str] = "placed"
    head: Head
    at: NDArray[np.int64]
    n_classes: int

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        made = np.zeros((len(X), self.n_classes))
        made[:, self.at] = self.head.answer(X)
        return made

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the head's."""
        return explained(self.head, X, players).placed(self.at.tolist(), self.n_classes)

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the head's."""
        return self.head.bound(X)

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's."""
        return self.head.edges()

    def facts(self) -> Facts:
        """Give the number of classes and the head's."""
        return {"n_classes": self.n_classes, "heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the places and the head's."""
        return {"at": self.at, **arrays_of([self.head])}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        n_classes = count(facts, "n_classes", at_least=1)
        at = positions(arrays, "at", below=n_classes)
        if len(at) == 0 or (np.diff(at) <= 0).any():
            raise Unsound("the places of the classes do not ascend")
        return cls(only(heads), at, n_classes)
