"""Groups that are known by their centers: mini-batch K-means, and merging by Ward's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import AgglomerativeClustering, MiniBatchKMeans
from sklearn.metrics import pairwise_distances_argmin

from noria.training.family import Estimator, Family, Fitting, as_int
from noria.training.space import Uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["AGGLOMERATIVE", "MINIBATCH", "CenterClusters"]


class CenterClusters(BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Groups found in one of two ways; a row belongs to the nearest center.

    Merging has no rule for new rows of its own. The mean of each group is its center, and every row, also one that
    was learned from, is placed by it: the same row always gets the same answer.

    Parameters
    ----------
    k : int
        Groups.
    method : "minibatch" or "ward"
        How they are found.
    seed : int
        Of the mini-batches.

    References
    ----------
    Sculley, D. (2010). Web-scale k-means clustering. WWW 2010, 1177-1178.
    Ward, J. H. (1963). Hierarchical grouping to optimize an objective function. J. American Statistical Association 58.

    Examples
    --------
    >>> points = np.array([[0.0], [0.2], [5.0], [5.2]])
    >>> CenterClusters(2, "ward").fit(points).cluster_centers_.ravel().tolist()
    [0.1, 5.1]
    """

    def __init__(self, k: int = 3, method: str = "minibatch", seed: int = 0) -> None:
        self.k = k
        self.method = method
        self.seed = seed

    def fit(self, X: NDArray[np.float64], y: object = None) -> CenterClusters:
        """Find the groups, keep their centers in order of their first coordinate."""
        X = np.asarray(X, dtype=float)
        if self.method == "ward":
            found = AgglomerativeClustering(self.k, linkage="ward").fit(X).labels_
            centers = np.array([X[found == label].mean(axis=0) for label in np.unique(found)])
        else:
            made = MiniBatchKMeans(self.k, n_init=3, random_state=self.seed, batch_size=1024).fit(X)
            centers = np.asarray(made.cluster_centers_, dtype=np.float64)
        self.cluster_centers_ = np.ascontiguousarray(centers[np.lexsort(centers.T[::-1])])
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Place each row."""
        return np.asarray(pairwise_distances_argmin(np.asarray(X, dtype=float), self.cluster_centers_), dtype=np.int64)


def _minibatch(params: Params, fitting: Fitting) -> Estimator:
    return CenterClusters(as_int(params, "k", 3), "minibatch", fitting.seed)


def _agglomerative(params: Params, fitting: Fitting) -> Estimator:
    return CenterClusters(as_int(params, "k", 3), "ward")


MINIBATCH = Family(
    "minibatch_kmeans",
    "K-means in mini-batches",
    _minibatch,
    space={"k": Uniform(2, 15, integer=True)},
    portfolio=tuple({"k": k} for k in (3, 2, 4, 5, 6, 8)),
)
AGGLOMERATIVE = Family(
    "agglomerative",
    "merging (Ward)",
    _agglomerative,
    space={"k": Uniform(2, 15, integer=True)},
    portfolio=tuple({"k": k} for k in (3, 2, 4, 5, 6, 8)),
    most_rows=10_000,
    growth=2.0,
)
