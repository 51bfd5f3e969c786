"""A head that reads a part of a wider matrix: one of several that were prepared for in different ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players, explained
from noria.scoring.plan.nested import arrays_of, facts_of, only
from noria.scoring.plan.refusals import Incomplete
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Sliced"]


@dataclass(frozen=True, eq=False)
class Sliced:
    """A head behind some columns of the matrix.

    Parameters
    ----------
    head : Head
        What answers them.
    start, stop : int
        The columns: from `start` up to and without `stop`.
    takes_missing : bool
        Whether the head answers rows in which numbers are missing.
    """

    kind: ClassVar[str] = "sliced"
    head: Head
    start: int
    stop: int
    takes_missing: bool = True

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Answer rows.

        Raises
        ------
        Incomplete
            A number is missing, and the head needs all.
        """
        part = self._part(X)
        if not self.takes_missing and np.isnan(part).any():
            raise Incomplete
        return self.head.answer(part)

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the head's."""
        return self.head.bound(self._part(X))

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Give the head's; columns it does not read have no part in it."""
        return explained(self.head, self._part(X), Players(players.of[self.start : self.stop], players.total))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's, at their places in the whole matrix."""
        return {self.start + place: values for place, values in self.head.edges().items()}

    def facts(self) -> Facts:
        """Give the place and the head's."""
        place = {"start": self.start, "stop": self.stop, "takes_missing": self.takes_missing}
        return {**place, "heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the head's."""
        return arrays_of([self.head])

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        start, stop, takes_missing = facts.get("start"), facts.get("stop"), facts.get("takes_missing")
        if not (type(start) is int and type(stop) is int and 0 <= start < stop and isinstance(takes_missing, bool)):
            raise Unsound("the columns it reads are not told")
        return cls(only(heads), start, stop, takes_missing)

    def _part(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        if X.shape[1] < self.stop:
            raise Unsound(f"it reads {self.stop} columns of a matrix of {X.shape[1]}")
        return np.ascontiguousarray(X[:, self.start : self.stop])
