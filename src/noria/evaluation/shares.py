"""Intervals of shares, of their difference and of their ratio, that stay honest where all rows or none are hit.

A bootstrap of rows that are all alike gives the same rows again and calls the share certain. Score intervals do not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bounds", "between_shares", "ratio_of_shares", "share_interval", "wilson"]

Bounds = tuple[float, float, float]
"""A share with both ends of its interval."""


def wilson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Give the score interval of a share; it behaves at 0 and 1, and for few rows.

    Parameters
    ----------
    hits, n : float
        Of how many rows; fractions where rows were discounted because they depend on each other.
    level : float
        Of the interval.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    z = _normal(level)
    share, extra = hits / n, z * z / n
    centre = (share + extra / 2) / (1 + extra)
    half = z * math.sqrt(max(0.0, share * (1 - share)) / n + extra / (4 * n)) / (1 + extra)
    return (0.0 if hits <= 0 else max(0.0, centre - half)), (1.0 if hits >= n else min(1.0, centre + half))


def share_interval(
    inside: NDArray[np.bool_], clusters: NDArray[np.generic] | None = None, level: float = 0.95
) -> tuple[float, float]:
    """Give Wilson's interval of a share, on as many rows as the rows are worth where they depend on each other.

    What they are worth is the variance of a share of independent rows over that between clusters; few clusters widen it
    by Student's t. Rows that are all alike tell nothing of how much they depend on each other: then each cluster counts
    as one row.

    Parameters
    ----------
    inside : ndarray of bool, shape (n_rows,)
        Whether a row is hit; at least one row.
    clusters : ndarray, shape (n_rows,), optional
        Rows of one cluster depend on each other.
    level : float
        Of the interval.

    References
    ----------
    Korn, E. L. & Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data. Survey Methodology 24(2). (effective sample size)
    Dean, N. & Pagano, M. (2015). Evaluating confidence interval methods for binomial proportions in clustered surveys.
    J. Survey Statistics and Methodology 3(4). (with Wilson's interval)

    Examples
    --------
    >>> none = np.zeros(40, dtype=bool)
    >>> [round(high, 3) for _, high in (share_interval(none), share_interval(none, np.arange(40) // 10))]
    [0.088, 0.49]
    """
    n = len(inside)
    if clusters is None:
        return wilson(float(inside.sum()), n, level)
    of_row = np.unique(clusters, return_inverse=True)[1].reshape(-1)
    many, share = int(of_row.max()) + 1, float(inside.mean())
    if many < 2 or not 0 < share < 1:
        return wilson(share * many, many, level) if not 0 < share < 1 else (0.0, 1.0)
    off = np.bincount(of_row, weights=inside - share)
    variance = many / (many - 1) * float(off @ off) / n**2
    worth = n if variance == 0 else min(n, share * (1 - share) / variance)
    worth *= (_normal(level) / float(special.stdtrit(many - 1, (1 + level) / 2))) ** 2
    return wilson(share * worth, worth, level)


def between_shares(high: Bounds, low: Bounds) -> tuple[float, float]:
    """Give the interval of a difference of two independent shares from the interval of each.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions: comparison of eleven
    methods. Statistics in Medicine 17. (method 10)

    Examples
    --------
    >>> shares = [(hits / n, *wilson(hits, n)) for hits, n in ((56, 70), (48, 80))]
    >>> [round(bound, 4) for bound in between_shares(*shares)]
    [0.0524, 0.3339]
    """
    (one, one_low, one_high), (other, other_low, other_high) = high, low
    apart = one - other
    return (
        apart - math.hypot(one - one_low, other_high - other),
        apart + math.hypot(one_high - one, other - other_low),
    )


def ratio_of_shares(top: Bounds, bottom: Bounds) -> tuple[float, float]:
    """Give the interval of a ratio of two independent shares from the interval of each; the lower share may be zero.

    Parameters
    ----------
    top, bottom : (share, low, high)
        The second is above zero.

    References
    ----------
    Donner, A. & Zou, G. Y. (2012). Closed-form confidence intervals for functions of the normal mean and standard
    deviation. Statistical Methods in Medical Research 21(4).
    Newcombe, R. G. (2016). MOVER-R confidence intervals for ratios and products of two independently estimated
    quantities. Statistical Methods in Medical Research 25(5).

    Examples
    --------
    >>> shares = [(hits / n, *wilson(hits, n)) for hits, n in ((0, 100), (50, 100))]
    >>> [round(bound, 3) for bound in ratio_of_shares(*shares)]
    [0.0, 0.075]
    """
    (one, one_low, one_high), (other, other_low, other_high) = top, bottom
    both = one * other
    # The quadratic's lower root is multiplied by its conjugate: the plain form divides by zero where a share is small.
    below = one_low * (2 * one - one_low)
    low = (
        below / (both + math.sqrt(max(0.0, both**2 - below * other_high * (2 * other - other_high)))) if below else 0.0
    )
    above, under = one_high * (2 * one - one_high), other_low * (2 * other - other_low)
    return low, (both + math.sqrt(max(0.0, both**2 - above * under))) / under


def _normal(level: float) -> float:
    return float(special.ndtri((1 + level) / 2))
