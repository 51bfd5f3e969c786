"""Tests beside the bootstrap: rows that models disagree about, and many tests at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["McNemar", "holm", "mcnemar"]


@dataclass(frozen=True)
class McNemar:
    """Rows that one of two models has right and the other wrong.

    Attributes
    ----------
    first, second : int
        Rows that only the first, and only the second has right.
    p : float
        Two-sided and exact: the chance of a split at least as uneven, were both as good.
    """

    first: int
    second: int
    p: float


def mcnemar(truth: NDArray[Any], first: NDArray[Any], second: NDArray[Any]) -> McNemar:
    """Test whether two models have equally many rows right, on the rows they disagree about.

    Examples
    --------
    >>> truth = np.zeros(12, int)
    >>> mcnemar(truth, truth, np.array([1] * 6 + [0] * 6))
    McNemar(first=6, second=0, p=0.03125)

    References
    ----------
    McNemar, Q. (1947). Note on the sampling error of the difference between correlated proportions or percentages.
    Psychometrika 12.
    Edwards, A. L. (1948); exact binomial form.
    """
    one, other = first == truth, second == truth
    only_first, only_second = int((one & ~other).sum()), int((~one & other).sum())
    if not only_first + only_second:
        return McNemar(0, 0, 1.0)
    found = stats.binomtest(only_first, only_first + only_second)
    return McNemar(only_first, only_second, float(found.pvalue))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust the p-values of many tests, so that all of them together cry wolf no more often than one would.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    raised = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    made = np.empty_like(given)
    made[order] = np.minimum(raised, 1.0)
    return made
