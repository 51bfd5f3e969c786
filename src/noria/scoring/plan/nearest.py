"""The point that is nearest: K-means centers, core points within reach, rows of groups that reach differently far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np

from noria.scoring.plan.parts import floats
from noria.scoring.plan.product import EPS, apart, growth
from noria.scoring.plan.unsound import Unsound, array, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["NOISE", "Nearest"]

NOISE = -1
"""The cluster of rows that are near none."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The cluster of the nearest point, or noise where that is too far.

    Parameters
    ----------
    points : ndarray of float64, shape (n_points, n_features)
        Centers or core points.
    clusters : ndarray of int64, shape (n_points,)
        What each stands for.
    reach : float, ndarray of float64, shape (n_points,), or None
        The furthest that a row may be, of all points or of each; None for any distance.

    Examples
    --------
    >>> head = Nearest(np.array([[0.0], [5.0]]), np.array([0, 1]), reach=1.0)
    >>> head.answer(np.array([[0.5], [4.5], [99.0]])).tolist()
    [0, 1, -1]
    """

    kind: ClassVar[str] = "nearest"
    points: NDArray[np.float64]
    clusters: NDArray[np.int64]
    reach: float | NDArray[np.float64] | None = None

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Answer rows."""
        far = apart(X, self.points)
        nearest = far.argmin(axis=1)
        placed = np.asarray(self.clusters[nearest])
        reach = self._reach(nearest)
        if reach is None:
            return placed
        return np.where(np.sqrt(far[np.arange(len(X)), nearest]) <= reach, placed, NOISE)

    def _reach(self, nearest: NDArray[np.intp]) -> float | NDArray[np.float64] | None:
        return self.reach[nearest] if isinstance(self.reach, np.ndarray) else self.reach

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the widest difference of clusters where the library may find another point nearest, else zero.

        It computes ``x² - 2xp + p²``, so its doubt grows with the squares and not with the distance.
        """
        with np.errstate(all="ignore"):
            far = apart(X, self.points)
            size = (np.abs(X) ** 2).sum(axis=1)[:, None] + (self.points**2).sum(axis=1)
            doubt = np.nan_to_num(2 * growth(X.shape[1]) * EPS * size, nan=np.inf, posinf=np.inf)
            chosen = np.arange(len(X)), far.argmin(axis=1)
            rivals = far - doubt <= (far[chosen] + doubt[chosen])[:, None]
            said = self.clusters[chosen[1]]
            unsure = (rivals & (self.clusters != said[:, None])).any(axis=1)
            unsure |= ~np.isfinite(far + doubt).all(axis=1)  # squares overflow, and nobody knows what is nearest
            reach = self._reach(chosen[1])
            if reach is not None:
                limit = reach**2
                unsure |= np.abs(far[chosen] - limit) <= doubt[chosen] + 4 * EPS * limit
        return np.where(unsure, float(self.clusters.max() - NOISE), 0.0)

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give none: what jumps, jumps at no single value."""
        return {}

    def facts(self) -> Facts:
        """Give the reach, where there is one of all points."""
        return {} if isinstance(self.reach, np.ndarray) else {"reach": self.reach}

    def arrays(self) -> Arrays:
        """Give points and clusters, and how far each point reaches."""
        each = {"reaches": self.reach} if isinstance(self.reach, np.ndarray) else {}
        return {"points": self.points, "clusters": self.clusters, **each}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again."""
        points = floats(arrays, "points", None, None)
        clusters = cast("NDArray[np.int64]", array(arrays, "clusters", "int64", len(points)))
        reach: float | NDArray[np.float64] | None = None if facts.get("reach") is None else number(facts, "reach")
        if "reaches" in arrays:
            reach = floats(arrays, "reaches", len(points))
        if len(points) == 0 or (reach is not None and not (0 <= np.min(reach) <= np.max(reach) < math.inf)):
            raise Unsound(f"{len(points)} points within {reach} answer nothing")
        return cls(points, clusters, reach)
