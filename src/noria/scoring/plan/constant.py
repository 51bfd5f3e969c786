"""The same answer for every row: what any model must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.contributions import Contributions, Players
from noria.scoring.plan.parts import floats
from noria.scoring.plan.unsound import Unsound, array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Constant"]


@dataclass(frozen=True, eq=False)
class Constant:
    """One answer, whatever the row.

    Parameters
    ----------
    said : ndarray, shape (1,) or (1, n_classes)
        A value (float64), a cluster (int64) or probabilities (float64).

    Examples
    --------
    >>> Constant(np.array([4.5])).answer(np.zeros((2, 3))).tolist()
    [4.5, 4.5]
    """

    kind: ClassVar[str] = "constant"
    said: NDArray[np.generic]

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Answer rows."""
        return np.repeat(self.said, len(X), axis=0)

    def contributions(self, X: NDArray[np.float64], players: Players) -> Contributions:
        """Leave all of it to the base: no column has a part in it."""
        base = self.said.astype(np.float64).ravel()
        return Contributions(
            base, np.zeros((len(X), players.total, len(base))), "value" if self.said.ndim == 1 else "probability"
        )

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give zeros: nothing is computed."""
        return np.zeros(len(X))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give none."""
        return {}

    def facts(self) -> Facts:
        """Give nothing."""
        return {}

    def arrays(self) -> Arrays:
        """Give the answer."""
        return {"said": self.said}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again."""
        found = arrays.get("said")
        if found is not None and found.dtype == np.int64:
            return cls(array(arrays, "said", "int64", 1))
        said = floats(arrays, "said", 1, *[None] * (found is not None and found.ndim == 2))
        if said.size == 0:
            raise Unsound("a constant answer has no classes")
        return cls(said)
