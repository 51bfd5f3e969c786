"""Several heads, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players, Unexplained, explained
from noria.scoring.plan.nested import arrays_of, edges_of, facts_of
from noria.scoring.plan.parts import floats
from noria.scoring.plan.product import EPS
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Ensemble"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The weighted mean of whole heads: added in order, then divided by the sum of the weights.

    Parameters
    ----------
    heads : sequence of Head
        All give values, or all give probabilities of the same classes.
    weights : ndarray of float64, shape (n_heads,)
        None negative, not all zero.
    """

    kind: ClassVar[str] = "ensemble"
    heads: Sequence[Head]
    weights: NDArray[np.float64]

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        return self._sum([np.asarray(head.answer(X), dtype=np.float64) for head in self.heads])

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Average the heads' bounds; weights that are not all the same may be applied in another order."""
        doubt = self._sum([head.bound(X) for head in self.heads])
        if (self.weights == self.weights[0]).all() and not doubt.any():
            return doubt
        sizes = [np.abs(np.asarray(head.answer(X), dtype=np.float64)).reshape(len(X), -1) for head in self.heads]
        return np.asarray(doubt + (len(self.heads) + 4) * EPS * self._sum([size.max(axis=1) for size in sizes]))

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Average the heads' parts, where it is what they add up to that is averaged."""
        made = [explained(head, X, players) for head in self.heads]
        if any(one.of not in ("value", "probability") or one.of != made[0].of for one in made):
            raise Unexplained("it is the mean of probabilities, and parts add up to something else")
        weights = (self.weights / self.weights.sum()).tolist()
        scaled = [one.scaled(weight) for one, weight in zip(made, weights, strict=True)]
        base, parts = sum(one.base for one in scaled), sum(one.parts for one in scaled)
        return Contributions(np.asarray(base), np.asarray(parts), made[0].of)

    def _sum(self, answers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        total = answers[0] * self.weights[0]
        for weight, said in zip(self.weights[1:], answers[1:], strict=True):
            total += weight * said
        return np.asarray(total / self.weights.sum())

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give where any head jumps."""
        return edges_of(self.heads)

    def facts(self) -> Facts:
        """Give the heads'."""
        return {"heads": facts_of(self.heads)}

    def arrays(self) -> Arrays:
        """Give the weights and the heads'."""
        return {"weights": self.weights, **arrays_of(self.heads)}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its heads."""
        weights = floats(arrays, "weights", len(heads))
        if len(weights) == 0 or (weights < 0).any() or not weights.sum() > 0:
            raise Unsound("the weights of the heads are negative, or all zero")
        return cls(tuple(heads), weights)
