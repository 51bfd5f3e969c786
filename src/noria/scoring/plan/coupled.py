"""Decisions for each pair of classes, coupled to one probability for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.nested import arrays_of, facts_of, only
from noria.scoring.plan.parts import count, floats
from noria.scoring.plan.product import EPS
from noria.training.coupling import couple, linear_system, sureness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Coupled"]

_FAR = 0.25
"""Share of itself by which the system may be in doubt for its inverse to bound what that does."""

_ROWS = 256
"""Systems inverted at once."""


@dataclass(frozen=True, eq=False)
class Coupled:
    """The probabilities that agree best with what a machine says of each pair of classes.

    Parameters
    ----------
    head : Head
        Decisions, shape (n_rows, n_pairs); above zero for the first of the pair.
    slope, offset : ndarray of float64, shape (n_pairs,)
        Of the curve from a decision to how likely the first is.
    n_classes : int
        At least two.

    See Also
    --------
    noria.training.coupling.couple : How, and after whom.
    """

    kind: ClassVar[str] = "coupled"
    head: Head
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    n_classes: int

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        return couple(self._pairs(X), self.n_classes)

    def _pairs(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return sureness(np.asarray(self.head.answer(X), dtype=np.float64), self.slope, self.offset)

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry the head's doubt through the curves, and that through the system of equations.

        Of ``M p = b`` a change of M moves p by ``M^-1 dM p``, to first order; where the change is too large for that,
        nothing is known of p.
        """
        pairs, doubt = self._pairs(X), self.head.bound(X)[:, None]
        with np.errstate(all="ignore"):
            moved = np.minimum(np.abs(self.slope) * np.nan_to_num(doubt, nan=np.inf) / 4, 1.0) + 8 * EPS
        made = np.empty(len(X))
        for start in range(0, len(X), _ROWS):
            part = slice(start, start + _ROWS)
            made[part] = self._moved(pairs[part], moved[part])
        return made

    def _moved(self, pairs: NDArray[np.float64], doubt: NDArray[np.float64]) -> NDArray[np.float64]:
        system = linear_system(pairs, self.n_classes)
        first, second = np.triu_indices(self.n_classes, 1)
        change = np.zeros_like(system)
        change[:, first, second] = change[:, second, first] = doubt
        at = np.arange(self.n_classes)
        # A square of r moves by twice r's change, r being at most one; a product r (1 - r) by no more than that.
        change[:, at, at] = 2 * change.sum(axis=2)[:, :-1]
        change += 8 * len(system[0]) * EPS * np.abs(system)
        inverse = np.abs(np.linalg.inv(system))
        share = (inverse @ change).sum(axis=2).max(axis=1)
        said = couple(pairs, self.n_classes)
        full = np.concatenate([said, np.ones((len(said), 1))], axis=1)
        moved = (inverse @ (change @ full[:, :, None]))[:, :-1, 0].max(axis=1)
        return np.asarray(np.where(share < _FAR, np.minimum(3 * moved + 8 * EPS, 1.0), 1.0))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's."""
        return self.head.edges()

    def facts(self) -> Facts:
        """Give the number of classes and the head's."""
        return {"n_classes": self.n_classes, "heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the curves and the head's."""
        return {"slope": self.slope, "offset": self.offset, **arrays_of([self.head])}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        n_classes = count(facts, "n_classes", at_least=2)
        n_pairs = n_classes * (n_classes - 1) // 2
        return cls(only(heads), floats(arrays, "slope", n_pairs), floats(arrays, "offset", n_pairs), n_classes)
