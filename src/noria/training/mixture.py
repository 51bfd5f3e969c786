"""Groups that overlap: a mixture of normal distributions, their number chosen by the Bayesian criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.mixture import GaussianMixture

from noria.training.family import Estimator, Family, Fitting
from noria.training.space import Choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["MIXTURE", "MixtureClusters"]

MOST = 15
"""Groups at most."""
LEARNED_ROWS = 10_000
"""Of more rows a sample is learned from: the criterion needs a fit for each number of groups."""
_RISES = 2


class MixtureClusters(BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """A Gaussian mixture with as many groups as lower the Bayesian information criterion.

    Parameters
    ----------
    covariance : "full" or "diag"
        Whether the columns of a group may depend on each other.
    most : int
        Groups at most.
    seed : int
        Of the starts.

    References
    ----------
    Fraley, C. and Raftery, A. E. (2002). Model-based clustering, discriminant analysis, and density estimation.
    J. American Statistical Association 97, 611-631.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = np.concatenate([rng.normal(0, 1, (100, 1)), rng.normal(9, 1, (100, 1))])
    >>> MixtureClusters("diag").fit(points).predict(np.array([[0.0], [9.0]])).tolist()
    [0, 1]
    """

    def __init__(self, covariance: str = "full", most: int = MOST, seed: int = 0) -> None:
        self.covariance = covariance
        self.most = most
        self.seed = seed

    def fit(self, X: NDArray[np.float64], y: object = None) -> MixtureClusters:
        """Add groups until the criterion has risen twice; keep the best."""
        X = np.asarray(X, dtype=float)
        rows = np.random.default_rng(self.seed).permutation(len(X))[:LEARNED_ROWS]
        part = X[np.sort(rows)]
        best, lowest, risen = None, np.inf, 0
        for k in range(1, min(self.most, len(np.unique(part, axis=0))) + 1):
            made = GaussianMixture(
                k, covariance_type=self.covariance, reg_covar=1e-4, n_init=2, random_state=self.seed
            ).fit(part)
            found = float(made.bic(part))
            if found < lowest:
                best, lowest, risen = made, found, 0
            else:
                risen += 1
            if risen >= _RISES:
                break
        assert best is not None  # noqa: S101 - the criterion of one group is finite
        order = np.lexsort(best.means_.T[::-1])
        roots = best.precisions_cholesky_[order]
        # Of independent columns only the diagonal is kept; written out, both kinds are asked alike.
        self.roots_ = np.array([np.diag(root) for root in roots]) if self.covariance == "diag" else roots
        self.means_, self.weights_ = best.means_[order], best.weights_[order]
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how likely a row belongs to each group."""
        logs = self._logs(X)
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Place each row in its likeliest group."""
        return np.asarray(self._logs(X).argmax(axis=1), dtype=np.int64)

    def _logs(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        X = np.asarray(X, dtype=float)
        columns = []
        for mean, root, weight in zip(self.means_, self.roots_, self.weights_, strict=True):
            apart = (X - mean) @ root
            size = float(np.log(np.diag(root)).sum() + np.log(weight))
            columns.append(size - 0.5 * (apart**2).sum(axis=1))
        return np.column_stack(columns)


def _mixture(params: Params, fitting: Fitting) -> Estimator:
    return MixtureClusters(str(params.get("covariance", "full")), seed=fitting.seed)


MIXTURE = Family(
    "mixture",
    "Gaussian mixture",
    _mixture,
    space={"covariance": Choice(("full", "diag"))},
    portfolio=({"covariance": "full"}, {"covariance": "diag"}),
)
