"""Whether a probability of 30 % comes true three times in ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Bin", "Calibration", "bins_of", "calibration", "wilson"]

_STEPS = 25


@dataclass(frozen=True)
class Bin:
    """Rows of similar predicted probability.

    Attributes
    ----------
    predicted, observed : float
        Mean probability, and share of positives.
    low, high : float
        95 % Wilson interval of the observed share.
    n : int
        Rows.
    """

    predicted: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Calibration:
    """A reliability curve with its summary line.

    Attributes
    ----------
    bins : tuple of Bin
        By predicted probability, upwards.
    intercept, slope : float or None
        Logistic regression of the outcome on the logit of the probability: 0 and 1 are perfect, a slope below 1 is
        over-confident. None where the classes are separated by the score, or a class is missing.
    """

    bins: tuple[Bin, ...]
    intercept: float | None
    slope: float | None

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {"bins": [vars(each) for each in self.bins], "intercept": self.intercept, "slope": self.slope}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Calibration:
        """Read what `to_json` gave."""
        bins = data["bins"]
        assert isinstance(bins, list)  # noqa: S101 - our own JSON
        return cls(tuple(Bin(**each) for each in bins), data["intercept"], data["slope"])  # type: ignore[arg-type]


def bins_of(score: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Sort rows into bins of equal mass; equal scores stay together.

    Examples
    --------
    >>> bins_of(np.array([0.1, 0.2, 0.3, 0.4]), 2).tolist()
    [0, 0, 1, 1]
    """
    edges = np.unique(np.quantile(score, np.arange(1, bins) / bins))
    return np.searchsorted(edges, score, side="left").astype(np.int64)


def calibration(score: NDArray[np.float64], hit: NDArray[np.bool_], bins: int = 10) -> Calibration:
    """Compare predicted probabilities with what happened.

    Parameters
    ----------
    score : ndarray, shape (n_rows,)
        Probability of the positive class.
    hit : ndarray of bool, shape (n_rows,)
        Whether the row is positive.
    bins : int
        At most this many bins, of equal mass; fewer where a bin would hold under ten rows.

    References
    ----------
    Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika 45.
    DeGroot, M. & Fienberg, S. (1983). The comparison and evaluation of forecasters. The Statistician 32.
    """
    number = bins_of(score, max(1, min(bins, len(score) // 10)))
    rows = []
    for value in np.unique(number):
        inside = number == value
        n, hits = int(inside.sum()), int(hit[inside].sum())
        low, high = wilson(hits, n)
        rows.append(Bin(float(score[inside].mean()), hits / n, low, high, n))
    intercept, slope = _line(score, hit)
    return Calibration(tuple(rows), intercept, slope)


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Give the score interval of a share; it behaves at 0 and 1, and for few rows.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    z = float(stats.norm.ppf((1 + level) / 2))
    share, extra = hits / n, z * z / n
    centre = (share + extra / 2) / (1 + extra)
    half = z * np.sqrt(share * (1 - share) / n + extra / (4 * n)) / (1 + extra)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _line(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Fit logit P(hit) = intercept + slope logit(score) by Newton's method."""
    if hit.all() or not hit.any():
        return None, None
    x = special.logit(np.clip(score, 1e-6, 1 - 1e-6))
    if np.ptp(x) < 1e-9:
        return None, None
    design, beta = np.column_stack([np.ones_like(x), x]), np.array([0.0, 1.0])
    for _ in range(_STEPS):
        fitted = special.expit(design @ beta)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None, None  # the score separates the classes: no finite maximum
        step = np.linalg.solve(information, design.T @ (hit - fitted))
        beta = beta + step
        if np.abs(beta).max() > 1e3:
            return None, None
        if np.abs(step).max() < 1e-10:
            return float(beta[0]), float(beta[1])
    return None, None
