"""How far two sets of counts are apart: descriptive figures, no test.

All of them take the same bins on both sides. None depends on how many rows there are, except through noise:
with few rows each is above zero by chance, which is why the drift test (`noria.monitoring.drift`) decides.
"""

from __future__ import annotations

import numpy as np

from noria.errors import EmptyWindow

__all__ = [
    "kolmogorov_smirnov",
    "population_stability_index",
    "shares",
    "total_variation",
    "wasserstein",
]

_FLOOR = 1e-4


def shares(counts: np.ndarray) -> np.ndarray:
    """Turn counts into shares that sum to one.

    Raises
    ------
    EmptyWindow
        There are no rows, so there are no shares.

    Examples
    --------
    >>> shares(np.array([1, 3])).tolist()
    [0.25, 0.75]
    """
    total = counts.sum()
    if not total:
        raise EmptyWindow(
            "a window without rows has no shares to compare",
            mend="wait for predictions, or choose a longer [monitor] window",
            code="N-MONITOR-010",
        )
    result: np.ndarray = counts / total
    return result


def kolmogorov_smirnov(reference: np.ndarray, window: np.ndarray) -> float:
    """Largest distance of the two cumulated distributions, for ordered bins.

    Parameters
    ----------
    reference, window : ndarray of int, shape (n_bins,)
        Rows per bin.

    Examples
    --------
    >>> round(kolmogorov_smirnov(np.array([50, 30, 20]), np.array([20, 30, 50])), 3)
    0.3

    References
    ----------
    Smirnov, N. (1948). Table for estimating the goodness of fit of empirical distributions.
    Annals of Mathematical Statistics 19.
    """
    return float(np.abs(np.cumsum(shares(window) - shares(reference))).max())


def total_variation(reference: np.ndarray, window: np.ndarray) -> float:
    """Share of the rows that would have to change category: half the summed distance of the shares.

    Examples
    --------
    >>> round(total_variation(np.array([50, 50]), np.array([60, 40])), 3)
    0.1
    """
    return float(np.abs(shares(window) - shares(reference)).sum() / 2)


def wasserstein(reference: np.ndarray, window: np.ndarray, means: np.ndarray, sd: float) -> float:
    """Mean distance the values moved, in standard deviations of the reference.

    Parameters
    ----------
    reference, window : ndarray of int, shape (n_bins,)
        Rows per bin.
    means : ndarray of float, shape (n_bins,)
        Mean of the reference's values in each bin. A value beyond the reference's range counts as its end bin.
    sd : float
        Standard deviation of the reference; 0 gives 0.

    References
    ----------
    Ramdas, A., Garcia Trillos, N. & Cuturi, M. (2017). On Wasserstein two-sample testing. Entropy 19.
    """
    if sd <= 0 or len(means) < 2:
        return 0.0
    apart = np.abs(np.cumsum(shares(window) - shares(reference)))[:-1]
    return float((apart * np.diff(means)).sum() / sd)


def population_stability_index(reference: np.ndarray, window: np.ndarray) -> float:
    """Measure how far the shares moved, in nats.

    By chance alone it is about (bins - 1)(1/n + 1/N), so it is quoted on ten merged bins.

    Parameters
    ----------
    reference, window : ndarray of int, shape (n_bins,)
        Rows per bin. Shares below 0.0001 count as that.

    Examples
    --------
    >>> round(population_stability_index(np.array([50, 50]), np.array([60, 40])), 4)
    0.0405

    References
    ----------
    Yurdakul, B. (2018). Statistical properties of population stability index.
    Western Michigan University.
    """
    p = np.maximum(shares(reference), _FLOOR)
    q = np.maximum(shares(window), _FLOOR)
    return float(((q - p) * np.log(q / p)).sum())
