"""Two candidates on the same folds: how much better one is, allowing for the rows that folds train on in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation.fold_comparison import compare_folds

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FoldDifference", "fold_difference"]


@dataclass(frozen=True)
class FoldDifference:
    """How much lower the first candidate's error is.

    Parameters
    ----------
    mean : float
        Of the folds' differences; positive where the first is better.
    low, high : float or None
        Its interval; None with a single fold.
    p : float or None
        Chance of a difference at least so far from zero where there is none.
    better, folds : int
        Folds on which the first is better, of how many.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    better: int
    folds: int

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def fold_difference(
    first: Sequence[float], second: Sequence[float], *, test_share: float | None = None, level: float = 0.95
) -> FoldDifference:
    """Compare errors of the same folds by the corrected resampled t test; one fold alone gives a difference only.

    See `noria.evaluation.fold_comparison.compare_folds`.

    Parameters
    ----------
    first, second : sequence of float
        Errors, fold by fold; lower is better.
    test_share : float, optional
        Rows judged over rows learned from, the mean of the folds; 1 / (k - 1) of k folds when left out.
    level : float
        Of the interval.

    Examples
    --------
    >>> found = fold_difference([0.20, 0.21, 0.19, 0.22, 0.20], [0.24, 0.25, 0.22, 0.26, 0.25])
    >>> round(found.mean, 3), found.better, found.is_certain
    (0.04, 5, True)
    """
    apart = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    n, better = len(apart), int((apart > 0).sum())
    if n < 2:
        return FoldDifference(float(apart.mean()), None, None, None, better, n)
    found = compare_folds(apart, test_share=test_share, level=level)
    return FoldDifference(found.difference, found.low, found.high, found.p, better, n)
