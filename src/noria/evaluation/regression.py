"""Regression metrics over weighted rows; see `noria.evaluation.classification` for the shape of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.evaluation.judged import Judged
    from noria.evaluation.resampling import Weights

__all__ = [
    "mae", "mape", "median_ae", "pinball_10", "pinball_90", "poisson_deviance", "r2", "rmse", "tweedie_deviance",
]  # fmt: skip

_NEAR_ZERO = 1e-9
_MOST_NEAR_ZERO = 0.1


def rmse(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Root of the mean squared error."""
    squared = _error(rows) ** 2
    return lambda weights: np.sqrt(squared @ weights.counts / weights.total)


def mae(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean absolute error."""
    absolute = np.abs(_error(rows))
    return lambda weights: absolute @ weights.counts / weights.total


def median_ae(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Median absolute error; the middle two are averaged, as numpy does."""
    absolute = np.abs(_error(rows))
    order = np.argsort(absolute, kind="stable")
    ordered = absolute[order]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        reached = np.cumsum(weights.counts[order], axis=0)
        lower = (reached > (weights.total - 1) // 2).argmax(axis=0)
        upper = (reached > weights.total // 2).argmax(axis=0)
        return np.asarray((ordered[lower] + ordered[upper]) / 2)

    return statistic


def r2(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Coefficient of determination; NaN for a constant truth."""
    squared = _error(rows) ** 2
    centred = rows.truth - rows.truth.mean()  # first, so that large targets lose no digits
    scale = float(np.abs(rows.truth).max()) ** 2 * np.finfo(np.float64).eps

    def statistic(weights: Weights) -> NDArray[np.float64]:
        total = weights.total
        spread = centred**2 @ weights.counts - (centred @ weights.counts) ** 2 / total
        result = np.full(spread.shape, np.nan)
        np.divide(squared @ weights.counts, spread, out=result, where=spread > scale * total)
        return 1 - result

    return statistic


def mape(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean absolute percentage error, as a share, over rows whose truth is not near zero."""
    size = np.abs(rows.truth)
    usable = size > _NEAR_ZERO * max(float(size.max()), np.finfo(np.float64).tiny)
    if (~usable).mean() > _MOST_NEAR_ZERO:
        return lambda weights: np.full(weights.counts.shape[1], np.nan)
    share = np.zeros(rows.n)
    share[usable] = np.abs(_error(rows))[usable] / size[usable]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        counted = usable.astype(np.float64) @ weights.counts
        result = np.full(counted.shape, np.nan)
        np.divide(share @ weights.counts, counted, out=result, where=counted > 0)
        return result

    return statistic


def pinball_10(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Loss of a prediction of the tenth percentile."""
    return _pinball(rows, 0.1)


def pinball_90(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Loss of a prediction of the ninetieth percentile."""
    return _pinball(rows, 0.9)


def poisson_deviance(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean deviance of a Poisson."""
    y, mu = np.asarray(rows.truth, dtype=np.float64), np.asarray(rows.predicted, dtype=np.float64)
    if not is_count(rows):
        return lambda weights: np.full(weights.counts.shape[1], np.nan)
    deviance = 2 * (special.xlogy(y, y / mu) - y + mu)
    return lambda weights: deviance @ weights.counts / weights.total


def tweedie_deviance(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean deviance of power 1.5."""
    y, mu, power = np.asarray(rows.truth, dtype=np.float64), np.asarray(rows.predicted, dtype=np.float64), 1.5
    if not is_count(rows):
        return lambda weights: np.full(weights.counts.shape[1], np.nan)
    first = y ** (2 - power) / ((1 - power) * (2 - power))
    deviance = 2 * (first - y * mu ** (1 - power) / (1 - power) + mu ** (2 - power) / (2 - power))
    return lambda weights: deviance @ weights.counts / weights.total


def is_count(rows: Judged) -> bool:
    """Say whether no truth is below zero, and every prediction above."""
    return bool((rows.truth >= 0).all() and (rows.predicted > 0).all())


def _pinball(rows: Judged, share: float) -> Callable[[Weights], NDArray[np.float64]]:
    error = _error(rows)
    loss = np.maximum(share * error, (share - 1) * error)
    return lambda weights: loss @ weights.counts / weights.total


def _error(rows: Judged) -> NDArray[np.float64]:
    return np.asarray(rows.truth - rows.predicted, dtype=np.float64)
