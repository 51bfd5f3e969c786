"""Groups of different density: HDBSCAN, with a rule for rows that come later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import HDBSCAN as SklearnHDBSCAN
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors

from noria.training.clustering import NOISE
from noria.training.family import Estimator, Family, Fitting, as_float
from noria.training.space import Uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["HDBSCAN", "HierarchyClusters"]

FEWEST = 5
_NEIGHBOURS = 5
_WITHIN = 0.95


class HierarchyClusters(BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """HDBSCAN that can place new rows: the group of the nearest row that has one, if it is near enough for that group.

    Near enough is measured group by group, as groups may be of different density: the distance to the fifth neighbour
    that 95 of 100 rows of the group keep to. All rows are placed by that rule, also those that were learned from.

    Parameters
    ----------
    share : float
        Rows of the smallest group, of all rows.

    References
    ----------
    Campello, R. J. G. B., Moulavi, D. and Sander, J. (2013). Density-based clustering based on hierarchical density
    estimates. PAKDD 2013, 160-172.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = np.concatenate([rng.normal(0, 0.1, (50, 2)), rng.normal(9, 2, (50, 2))])
    >>> made = HierarchyClusters(0.1).fit(points)
    >>> len(set(made.predict(np.array([[0.0, 0.0], [9.0, 9.0], [99.0, 99.0]])).tolist()))
    3
    """

    def __init__(self, share: float = 0.02) -> None:
        self.share = share

    def fit(self, X: NDArray[np.float64], y: object = None) -> HierarchyClusters:
        """Find the groups; keep their rows and how far each group reaches."""
        X = np.asarray(X, dtype=float)
        smallest = min(max(FEWEST, round(self.share * len(X))), max(2, len(X) // 2))
        found = SklearnHDBSCAN(min_cluster_size=smallest, min_samples=min(_NEIGHBOURS, smallest), copy=True).fit(X)
        labels = np.asarray(found.labels_, dtype=np.int64)
        placed = labels >= 0
        self.points_, self.labels_ = np.ascontiguousarray(X[placed]), labels[placed]
        self.reaches_ = self._reaches(X)
        self.n_features_in_ = X.shape[1]
        return self

    def _reaches(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(self.points_) == 0:
            return np.empty(0)
        neighbours = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(X) - 1) + 1).fit(X)
        distance = neighbours.kneighbors(self.points_)[0][:, -1]
        groups = range(int(self.labels_.max()) + 1)
        return np.array([np.quantile(distance[self.labels_ == label], _WITHIN) for label in groups])

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Place each row."""
        X = np.asarray(X, dtype=float)
        if len(self.points_) == 0:
            return np.full(len(X), NOISE, dtype=np.int64)
        nearest, distance = pairwise_distances_argmin_min(X, self.points_)
        label = self.labels_[nearest]
        return np.where(distance <= self.reaches_[label], label, NOISE).astype(np.int64)


def _hdbscan(params: Params, fitting: Fitting) -> Estimator:
    return HierarchyClusters(as_float(params, "share", 0.02))


HDBSCAN = Family(
    "hdbscan",
    "HDBSCAN",
    _hdbscan,
    space={"share": Uniform(0.005, 0.15, log=True)},
    portfolio=({"share": 0.02}, {"share": 0.05}, {"share": 0.1}),
    most_rows=20_000,
    growth=2.0,
)
