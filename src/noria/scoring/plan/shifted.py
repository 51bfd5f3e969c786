"""A classifier whose probabilities are led back to how often its classes come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players, Unexplained, explained
from noria.scoring.plan.nested import arrays_of, facts_of, only
from noria.scoring.plan.product import EPS
from noria.scoring.plan.unsound import Unsound, array
from noria.training.prior import shifted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Shifted"]


@dataclass(frozen=True, eq=False)
class Shifted:
    """Probabilities of a balanced training under the true shares of the classes.

    Parameters
    ----------
    head : Head
        Probabilities, shape (n_rows, n_classes).
    ratios : ndarray of float64, shape (n_classes,)
        True share by share of training.
    """

    kind: ClassVar[str] = "shifted"
    head: Head
    ratios: NDArray[np.float64]

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        return shifted(np.asarray(self.head.answer(X), dtype=np.float64), self.ratios)

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Take apart the log-odds of two classes, whose base the shares move.

        Raises
        ------
        Unexplained
            The head's parts add up to something else than log-odds.
        """
        made = explained(self.head, X, players)
        if made.of != "log-odds" or len(self.ratios) != 2:
            raise Unexplained("after balanced training only the log-odds of two classes can be taken apart")
        moved = float(np.log(self.ratios[1] / self.ratios[0]))
        return Contributions(made.base + np.array([-moved, moved])[-len(made.base) :], made.parts, made.of)

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry the head's doubt through the division."""
        doubt = self.head.bound(X)
        said = np.asarray(self.head.answer(X), dtype=np.float64) * self.ratios
        moved, total = doubt * self.ratios.max(), said.sum(axis=1)
        least = np.maximum(total - len(self.ratios) * moved, 0)
        carried = np.divide((1 + len(self.ratios)) * moved, least, out=(moved > 0) * 1.0, where=least > 0)
        return np.asarray(np.where(doubt > 0, np.minimum(carried + 8 * EPS, 1.0), 0.0))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's."""
        return self.head.edges()

    def facts(self) -> Facts:
        """Give the head's."""
        return {"heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the ratios and the head's."""
        return {"ratios": self.ratios, **arrays_of([self.head])}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        ratios = cast("NDArray[np.float64]", array(arrays, "ratios", "float64", None))
        if len(ratios) < 2 or not np.isfinite(ratios).all() or (ratios <= 0).any():
            raise Unsound("the shares of the classes are not above zero")
        return cls(only(heads), ratios)
