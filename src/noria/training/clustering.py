"""Families that find groups, each able to place a new row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import DBSCAN as SklearnDBSCAN
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors

from noria.training.family import Estimator, Family, Fitting, as_float, as_int
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["DBSCAN", "KMEANS", "NOISE", "DensityClusters", "OneCluster", "knee"]

NOISE = -1
"""The label of rows that belong to no cluster."""


class DensityClusters(BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """DBSCAN that can place new rows: the cluster of the nearest core point within eps, else noise.

    Parameters
    ----------
    min_samples : int
        Rows within eps that make a core point.
    quantile : float or None
        eps is this quantile of the distances to the ``min_samples``-th neighbour; None: where they, sorted, bend.

    References
    ----------
    Ester, M., Kriegel, H.-P., Sander, J. and Xu, X. (1996). A density-based algorithm for discovering clusters in
    large spatial databases with noise. KDD-96, 226-231.

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> DensityClusters(min_samples=2, quantile=0.9).fit(points).predict(np.array([[0.15], [99.0]])).tolist()
    [0, -1]
    """

    def __init__(self, min_samples: int = 5, quantile: float | None = 0.9) -> None:
        self.min_samples = min_samples
        self.quantile = quantile

    def fit(self, X: NDArray[np.float64], y: object = None) -> DensityClusters:
        """Choose eps, cluster, keep the core points."""
        X = np.asarray(X, dtype=float)
        neighbours = min(self.min_samples, len(X) - 1)
        distances, _ = NearestNeighbors(n_neighbors=neighbours + 1).fit(X).kneighbors(X)
        furthest = distances[:, -1]
        spread = knee(furthest) if self.quantile is None else float(np.quantile(furthest, self.quantile))
        self.eps_ = max(spread, 1e-12)
        made = SklearnDBSCAN(eps=self.eps_, min_samples=self.min_samples).fit(X)
        self.core_points_ = np.asarray(X[made.core_sample_indices_])
        self.core_labels_ = np.asarray(made.labels_[made.core_sample_indices_], dtype=np.int64)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Place each row."""
        X = np.asarray(X, dtype=float)
        if len(self.core_points_) == 0:
            return np.full(len(X), NOISE, dtype=np.int64)
        nearest, distance = pairwise_distances_argmin_min(X, self.core_points_)
        return np.where(distance <= self.eps_, self.core_labels_[nearest], NOISE).astype(np.int64)


def knee(distances: NDArray[np.float64]) -> float:
    """Give the distance at which the sorted curve bends most: there it is furthest below the line between its ends.

    References
    ----------
    Satopaa, V., Albrecht, J., Irwin, D. and Raghavan, B. (2011). Finding a "kneedle" in a haystack. ICDCSW 2011.

    Examples
    --------
    >>> knee(np.array([1.0, 1.1, 1.2, 1.3, 5.0, 9.0]))
    1.3
    """
    rising = np.sort(distances)
    height = rising[-1] - rising[0]
    if height <= 0:
        return float(rising[-1])
    below = np.linspace(0, 1, len(rising)) - (rising - rising[0]) / height
    return float(rising[int(below.argmax())])


class OneCluster(BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Put every row into one cluster: the floor any clustering must beat."""

    def fit(self, X: NDArray[np.float64], y: object = None) -> OneCluster:
        """Learn nothing."""
        self.n_features_in_ = np.asarray(X).shape[1]
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give zeros."""
        return np.zeros(len(X), dtype=np.int64)


def _kmeans(params: Params, fitting: Fitting) -> Estimator:
    return KMeans(n_clusters=as_int(params, "k", 3), n_init=5, random_state=fitting.seed)  # type: ignore[no-any-return]


def _dbscan(params: Params, fitting: Fitting) -> Estimator:
    bends = params.get("quantile", 0.9) is None
    return DensityClusters(as_int(params, "min_samples", 5), None if bends else as_float(params, "quantile", 0.9))


KMEANS = Family(
    "kmeans",
    "K-means",
    _kmeans,
    space={"k": Uniform(2, 15, integer=True)},
    portfolio=tuple({"k": k} for k in (3, 2, 4, 5, 6, 7, 8, 9, 10)),
)
DBSCAN = Family(
    "dbscan",
    "DBSCAN",
    _dbscan,
    space={"min_samples": Choice((4, 5, 8, 12, 20)), "quantile": Uniform(0.5, 0.98)},
    portfolio=(
        {"min_samples": 5, "quantile": None},
        {"min_samples": 5, "quantile": 0.9},
        {"min_samples": 10, "quantile": 0.9},
        {"min_samples": 5, "quantile": 0.7},
    ),
    most_rows=50_000,
    growth=2.0,
)
