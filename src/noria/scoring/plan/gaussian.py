"""Naive Bayes of normal features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.parts import floats
from noria.scoring.plan.product import EPS, demand_width, growth
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["GaussianBayes"]


@dataclass(frozen=True, eq=False)
class GaussianBayes:
    """Probabilities of classes whose features are normal and independent.

    Parameters
    ----------
    mean, variance : ndarray of float64, shape (n_classes, n_features)
        Of each class and feature.
    scale : ndarray of float64, shape (n_classes,)
        ``-1/2 sum(log(2 pi variance))``.
    log_prior : ndarray of float64, shape (n_classes,)
        Of each class.
    """

    kind: ClassVar[str] = "gaussian_bayes"
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    scale: NDArray[np.float64]
    log_prior: NDArray[np.float64]

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows."""
        joint = self._joint(X)
        return np.asarray(np.exp(joint - _log_sum(joint)[:, None]))

    def _joint(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.log_prior + (self.scale - 0.5 * self._distance(X))

    def _distance(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        demand_width(X, self.mean.shape[1])
        made = np.empty((len(X), len(self.mean)))
        for n, (mean, variance) in enumerate(zip(self.mean, self.variance, strict=True)):
            made[:, n] = ((X - mean) ** 2 / variance).sum(axis=1)
        return made

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound what another order of summation makes of it."""
        with np.errstate(all="ignore"):
            joint = np.sort(self._joint(X), axis=1)
            size = self._distance(X) + np.abs(self.scale) + np.abs(self.log_prior)
            widest = np.nan_to_num(2 * growth(X.shape[1]) * EPS * size.max(axis=1), nan=np.inf, posinf=np.inf)
            lead = joint[:, -1] - joint[:, -2:-1].max(axis=1, initial=-np.inf)
            # However wide the doubt, the others together are at most this probable behind such a lead.
            others = np.nan_to_num(joint.shape[1] * np.exp(2 * widest - lead), nan=np.inf)
        return np.asarray(np.minimum(np.minimum(widest, others) + 8 * EPS, 1.0))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give none: nothing jumps."""
        return {}

    def facts(self) -> Facts:
        """Give nothing."""
        return {}

    def arrays(self) -> Arrays:
        """Give what was fitted."""
        return {"mean": self.mean, "variance": self.variance, "scale": self.scale, "log_prior": self.log_prior}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again."""
        mean = floats(arrays, "mean", None, None)
        variance = floats(arrays, "variance", *mean.shape)
        if len(mean) == 0 or (variance <= 0).any():
            raise Unsound("a variance is not positive, or there is no class")
        return cls(mean, variance, floats(arrays, "scale", len(mean)), floats(arrays, "log_prior", len(mean)))


def _log_sum(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give ``log(sum(exp(joint)))`` of each row, the greatest terms kept out of the exponential."""
    greatest = joint.max(axis=1, keepdims=True)
    is_greatest = joint == greatest
    number = is_greatest.sum(axis=1, dtype=np.float64)
    rest = np.exp(np.where(is_greatest, -np.inf, joint) - np.where(np.isfinite(greatest), greatest, 0)).sum(axis=1)
    return np.asarray(np.log1p(rest / np.maximum(number, 1)) + np.log(np.maximum(number, 1)) + greatest[:, 0])
