"""The likeliest of a few normal groups, each of a shape of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from noria.scoring.plan.parts import floats
from noria.scoring.plan.product import EPS, demand_width, growth, product, product_bound
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Mixture"]


@dataclass(frozen=True, eq=False)
class Mixture:
    """The group under which a row is likeliest.

    Parameters
    ----------
    means : ndarray of float64, shape (n_groups, n_features)
        Their centers.
    roots : ndarray of float64, shape (n_groups, n_features, n_features)
        What a row, less the center, is multiplied with so that every direction has unit spread; each transposed.
    sizes : ndarray of float64, shape (n_groups,)
        Logarithm of share times the root's determinant.

    Examples
    --------
    >>> head = Mixture(np.array([[0.0], [9.0]]), np.array([[[1.0]], [[0.5]]]), np.array([0.0, 0.0]))
    >>> head.answer(np.array([[1.0], [8.0]])).tolist()
    [0, 1]
    """

    kind: ClassVar[str] = "mixture"
    means: NDArray[np.float64]
    roots: NDArray[np.float64]
    sizes: NDArray[np.float64]

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Answer rows."""
        return np.asarray(self._likelihood(X).argmax(axis=1), dtype=np.int64)

    def _likelihood(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        demand_width(X, self.means.shape[1])
        made = np.empty((len(X), len(self.means)))
        for group, (mean, root, size) in enumerate(zip(self.means, self.roots, self.sizes, strict=True)):
            made[:, group] = size - 0.5 * (product(X - mean, root) ** 2).sum(axis=1)
        return made

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the widest difference of groups where another order of sums may find another likeliest, else zero."""
        nothing = np.zeros(self.means.shape[1])
        doubt = np.empty((len(X), len(self.means)))
        with np.errstate(all="ignore"):
            said = self._likelihood(X)
            for group, (mean, root, size) in enumerate(zip(self.means, self.roots, self.sizes, strict=True)):
                apart, off = np.abs(product(X - mean, root)), product_bound(X - mean, root, nothing)
                squares = growth(X.shape[1]) * EPS * (apart**2).sum(axis=1)
                doubt[:, group] = ((2 * apart + off) * off).sum(axis=1) + squares + 4 * EPS * (abs(size) + squares)
            chosen = np.arange(len(X)), said.argmax(axis=1)
            rivals = said + doubt >= (said[chosen] - doubt[chosen])[:, None]
            unsure = (rivals.sum(axis=1) > 1) | ~np.isfinite(said + doubt).all(axis=1)
        return np.where(unsure, float(len(self.means) - 1), 0.0)

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give none: what jumps, jumps at no single value."""
        return {}

    def facts(self) -> Facts:
        """Give nothing."""
        return {}

    def arrays(self) -> Arrays:
        """Give what was fitted."""
        return {"means": self.means, "roots": self.roots, "sizes": self.sizes}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again."""
        means = floats(arrays, "means", None, None)
        if means.size == 0:
            raise Unsound("there is no group, or no feature")
        n_groups, n_features = means.shape
        return cls(means, floats(arrays, "roots", n_groups, n_features, n_features), floats(arrays, "sizes", n_groups))
