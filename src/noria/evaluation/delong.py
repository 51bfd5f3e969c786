"""DeLong's covariance of areas under ROC curves: the closed-form check of our bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from noria.errors import WrongData

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DeLong", "delong"]


@dataclass(frozen=True)
class DeLong:
    """Areas of several scores on the same rows, and how they vary together.

    Attributes
    ----------
    auc : ndarray, shape (n_scores,)
        Areas.
    covariance : ndarray, shape (n_scores, n_scores)
        Of the areas.
    """

    auc: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def interval(self, score: int = 0, level: float = 0.95) -> tuple[float, float]:
        """Give the normal interval of one area, kept within 0 and 1."""
        half = float(stats.norm.ppf((1 + level) / 2) * np.sqrt(self.covariance[score, score]))
        return max(0.0, float(self.auc[score]) - half), min(1.0, float(self.auc[score]) + half)

    def test(self, first: int = 0, second: int = 1) -> tuple[float, float]:
        """Give z and the two-sided p-value of the difference of two areas."""
        s = self.covariance
        variance = float(s[first, first] + s[second, second] - 2 * s[first, second])
        difference = float(self.auc[first] - self.auc[second])
        if variance <= 0:
            return (0.0, 1.0) if difference == 0 else (float(np.copysign(np.inf, difference)), 0.0)
        z = difference / np.sqrt(variance)
        return float(z), float(2 * stats.norm.sf(abs(z)))


def delong(hit: NDArray[np.bool_], *scores: NDArray[np.float64]) -> DeLong:
    """Estimate areas under ROC curves and their covariance.

    Parameters
    ----------
    hit : ndarray of bool, shape (n_rows,)
        Whether the row is positive.
    *scores : ndarray, shape (n_rows,)
        Higher means more likely positive; ties count as half.

    Raises
    ------
    WrongData
        Fewer than two positives or two negatives.

    Examples
    --------
    >>> hit = np.array([False, False, True, True])
    >>> float(delong(hit, np.array([0.1, 0.4, 0.35, 0.8])).auc[0])
    0.75

    References
    ----------
    DeLong, E. R., DeLong, D. M. & Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated
    receiver operating characteristic curves. Biometrics 44(3).
    Sun, X. & Xu, W. (2014). Fast implementation of DeLong's algorithm. IEEE Signal Processing Letters 21(11).
    """
    hit = np.asarray(hit, dtype=bool)
    m, n = int(hit.sum()), int((~hit).sum())
    if m < 2 or n < 2:
        raise WrongData(
            f"{m} positive and {n} negative rows cannot say how an area varies",
            why="two of each are needed",
            code="N-EVAL-020",
        )
    areas, of_positive, of_negative = [], [], []
    for score in scores:
        pooled = stats.rankdata(np.concatenate([score[hit], score[~hit]]))
        positive = (pooled[:m] - stats.rankdata(score[hit])) / n
        of_positive.append(positive)
        of_negative.append(1 - (pooled[m:] - stats.rankdata(score[~hit])) / m)
        areas.append(positive.mean())
    covariance = np.atleast_2d(np.cov(of_positive)) / m + np.atleast_2d(np.cov(of_negative)) / n
    return DeLong(np.array(areas), covariance)
