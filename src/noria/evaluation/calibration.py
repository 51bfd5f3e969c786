"""Whether a probability of 30 % comes true three times in ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from noria.evaluation.shares import share_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Bin", "Calibration", "bins_of", "calibration"]

_STEPS = 25


@dataclass(frozen=True)
class Bin:
    """Rows of similar predicted probability.

    Attributes
    ----------
    predicted, observed : float
        Mean probability, and share of positives.
    low, high : float
        95 % interval of the observed share, see `noria.evaluation.shares.share_interval`.
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
    slope_low, slope_high : float or None
        95 % Wald interval of the slope; None where all rows are of one group.
    reliability, resolution, uncertainty : float or None
        What the Brier score is made of, over the bins: how far shares lie from what was promised, how far they lie
        apart from each other, and how undecided the outcome is; the first less the second and with the third gives
        the score, but for what differs within the bins.
    """

    bins: tuple[Bin, ...]
    intercept: float | None
    slope: float | None
    slope_low: float | None = None
    slope_high: float | None = None
    reliability: float | None = None
    resolution: float | None = None
    uncertainty: float | None = None

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {**vars(self), "bins": [vars(each) for each in self.bins]}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Calibration:
        """Read what `to_json` gave."""
        bins = data["bins"]
        assert isinstance(bins, list)  # noqa: S101 - our own JSON
        return cls(**{**data, "bins": tuple(Bin(**each) for each in bins)})  # type: ignore[arg-type]


def bins_of(score: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Sort rows into bins of equal mass; equal scores stay together.

    Examples
    --------
    >>> bins_of(np.array([0.1, 0.2, 0.3, 0.4]), 2).tolist()
    [0, 0, 1, 1]
    """
    edges = np.unique(np.quantile(score, np.arange(1, bins) / bins))
    return np.searchsorted(edges, score, side="left").astype(np.int64)


def calibration(
    score: NDArray[np.float64],
    hit: NDArray[np.bool_],
    bins: int = 10,
    *,
    groups: NDArray[np.generic] | None = None,
) -> Calibration:
    """Compare predicted probabilities with what happened.

    Parameters
    ----------
    score : ndarray, shape (n_rows,)
        Probability of the positive class.
    hit : ndarray of bool, shape (n_rows,)
        Whether the row is positive.
    bins : int
        At most this many bins, of equal mass; fewer where a bin would hold under ten rows.
    groups : ndarray, shape (n_rows,), optional
        Rows of one group depend on each other: the slope's error is then taken between groups, with Student's t of as
        many degrees of freedom as there are groups less one.

    References
    ----------
    Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika 45.
    Murphy, A. H. (1973). A new vector partition of the probability score. J. Applied Meteorology 12.
    DeGroot, M. & Fienberg, S. (1983). The comparison and evaluation of forecasters. The Statistician 32.
    Liang, K.-Y. & Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73.
    Cameron, A. C. & Miller, D. L. (2015). A practitioner's guide to cluster-robust inference. J. Human Resources 50(2).
    """
    number = bins_of(score, max(1, min(bins, len(score) // 10)))
    rows = []
    for value in np.unique(number):
        inside = number == value
        n, hits = int(inside.sum()), int(hit[inside].sum())
        low, high = share_interval(hit[inside], None if groups is None else groups[inside])
        rows.append(Bin(float(score[inside].mean()), hits / n, low, high, n))
    line, parts = _line(score, hit, groups), _parts(rows)
    if line is None:
        return Calibration(tuple(rows), None, None, None, None, *parts)
    intercept, slope, half = line
    if half is None:
        return Calibration(tuple(rows), intercept, slope, None, None, *parts)
    return Calibration(tuple(rows), intercept, slope, slope - half, slope + half, *parts)


def _parts(bins: list[Bin]) -> tuple[float, float, float]:
    """Take the Brier score apart as Murphy does."""
    n = np.array([each.n for each in bins], dtype=np.float64)
    promised, seen = np.array([(each.predicted, each.observed) for each in bins]).T
    base, share = float((n * seen).sum() / n.sum()), n / n.sum()
    return (
        float((share * (promised - seen) ** 2).sum()),
        float((share * (seen - base) ** 2).sum()),
        base * (1 - base),
    )


def _line(
    score: NDArray[np.float64], hit: NDArray[np.bool_], groups: NDArray[np.generic] | None
) -> tuple[float, float, float | None] | None:
    """Fit logit P(hit) = intercept + slope logit(score) by Newton's method; give both and half the slope's interval."""
    if hit.all() or not hit.any():
        return None
    x = special.logit(np.clip(score, 1e-6, 1 - 1e-6))
    if np.ptp(x) < 1e-9:
        return None
    design, beta = np.column_stack([np.ones_like(x), x]), np.array([0.0, 1.0])
    for _ in range(_STEPS):
        fitted = special.expit(design @ beta)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None  # the score separates the classes: no finite maximum
        step = np.linalg.solve(information, design.T @ (hit - fitted))
        beta = beta + step
        if np.abs(beta).max() > 1e3:
            return None
        if np.abs(step).max() < 1e-10:
            scores = design * (hit - special.expit(design @ beta))[:, None]
            return float(beta[0]), float(beta[1]), _half(np.linalg.inv(information), scores, groups)
    return None


def _half(
    inverse: NDArray[np.float64], scores: NDArray[np.float64], groups: NDArray[np.generic] | None
) -> float | None:
    """Give half of the slope's 95 % interval: by the information, or by the sandwich of what each group adds."""
    if groups is None:
        return float(special.ndtri(0.975) * np.sqrt(inverse[1, 1]))
    of_row = np.unique(groups, return_inverse=True)[1].reshape(-1)
    many = int(of_row.max()) + 1
    if many < 2:
        return None
    summed = np.column_stack([np.bincount(of_row, weights=column) for column in scores.T])
    covariance = many / (many - 1) * inverse @ (summed.T @ summed) @ inverse
    return float(special.stdtrit(many - 1, 0.975) * np.sqrt(covariance[1, 1]))
