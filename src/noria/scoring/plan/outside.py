"""Values outside bounds, made missing or marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.unsound import demand_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Outside"]


@dataclass(frozen=True, eq=False)
class Outside:
    """What lies outside its column's bounds becomes missing, or gets a mark in a column behind the others.

    Parameters
    ----------
    low, high : ndarray of float64, shape (n_columns,)
        The bounds, which are inside.
    mark : bool
        Marks, one for each column; else the values become missing.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mark: bool

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the columns, then the marks."""
        outside = (self.low > X) | (self.high < X)
        return np.concatenate((X, outside), axis=1) if self.mark else np.where(outside, np.nan, X)

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return demand_columns(columns, len(self.low), len(self.high)) * (2 if self.mark else 1)

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Give the same, but for a mark."""
        return values if position < len(self.low) else None
