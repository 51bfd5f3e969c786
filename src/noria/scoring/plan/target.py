"""A regression that learned a scaled target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players, Unexplained, explained
from noria.scoring.plan.nested import arrays_of, facts_of, only
from noria.scoring.plan.product import EPS
from noria.scoring.plan.unsound import Unsound, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["Rescaled"]


@dataclass(frozen=True, eq=False)
class Rescaled:
    """``head * spread + center``.

    Parameters
    ----------
    head : Head
        Answers values.
    spread, center : float
        Of the target it learned.
    """

    kind: ClassVar[str] = "rescaled"
    head: Head
    spread: float
    center: float

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        said = np.asarray(self.head.answer(X), dtype=np.float64)
        return said * self.spread + self.center

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Stretch the head's parts."""
        made = explained(self.head, X, players)
        if made.of != "value":
            raise Unexplained(f"its parts add up to the {made.of} of what is rescaled")
        return made.scaled(self.spread, self.center)

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Stretch the head's bound; what is done here itself has the library's bits."""
        doubt = self.head.bound(X)
        size = np.abs(self.answer(X)) + abs(self.center)
        return np.asarray(abs(self.spread) * doubt + 2 * EPS * size * (doubt > 0))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give the head's."""
        return self.head.edges()

    def facts(self) -> Facts:
        """Give the scale and the head's."""
        return {"spread": self.spread, "center": self.center, "heads": facts_of([self.head])}

    def arrays(self) -> Arrays:
        """Give the head's."""
        return arrays_of([self.head])

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays, heads: Sequence[Head] = ()) -> Self:
        """Build it again around its head."""
        spread, center = number(facts, "spread"), number(facts, "center")
        if not (np.isfinite(spread) and np.isfinite(center)):
            raise Unsound(f"a target cannot have center {center} and spread {spread}")
        return cls(only(heads), spread, center)
