"""How many groups stand out from none: the gap statistic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Gap", "gap_statistic"]


@dataclass(frozen=True)
class Gap:
    """What the gap statistic says.

    Parameters
    ----------
    k : int
        The smallest number of groups whose gap is within one error of the next; 1 where nothing stands out.
    gaps, errors : tuple of float
        For 1, 2, … groups.
    """

    k: int
    gaps: tuple[float, ...]
    errors: tuple[float, ...]


def gap_statistic(X: NDArray[np.float64], *, most: int = 10, references: int = 10, seed: int = 0) -> Gap:
    """Compare the spread within K-means groups with that of rows drawn evenly from a box around the data.

    Parameters
    ----------
    X : ndarray, shape (n_rows, n_features)
        Prepared rows.
    most : int
        Groups at most.
    references : int
        Even samples.
    seed : int
        Of what is drawn.

    References
    ----------
    Tibshirani, R., Walther, G. and Hastie, T. (2001). Estimating the number of clusters in a data set via the gap
    statistic. J. Royal Statistical Society B 63, 411-423.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = np.concatenate([rng.normal(at, 0.3, (60, 2)) for at in ((0, 0), (4, 0), (2, 4))])
    >>> gap_statistic(points).k
    3
    """
    rng = np.random.default_rng([abs(seed), 4])
    counts = range(1, min(most, len(np.unique(X, axis=0)) - 1) + 1)
    # The box lies along the principal axes, so that its shape is that of the data.
    centre = X.mean(axis=0)
    axes = np.linalg.svd(X - centre, full_matrices=False)[2]
    turned = (X - centre) @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    ours = _spreads(X, counts, seed)
    theirs = np.array([_spreads(rng.uniform(low, high, turned.shape) @ axes, counts, seed) for _ in range(references)])
    gaps = theirs.mean(axis=0) - ours
    errors = theirs.std(axis=0) * np.sqrt(1 + 1 / references)
    enough = [k for k in range(len(gaps) - 1) if gaps[k] >= gaps[k + 1] - errors[k + 1]]
    chosen = enough[0] if enough else len(gaps) - 1
    return Gap(counts[chosen], tuple(gaps.tolist()), tuple(errors.tolist()))


def _spreads(X: NDArray[np.float64], counts: Sequence[int], seed: int) -> NDArray[np.float64]:
    with threadpool_limits(1):  # on few rows threads wait for each other fifty times as long as they work
        made = [float(KMeans(k, n_init=2, random_state=seed).fit(X).inertia_) for k in counts]
    return np.log(np.maximum(made, np.finfo(np.float64).tiny))
