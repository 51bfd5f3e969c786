"""Intervals around values and sets of classes: what a server computes of conformal prediction, by NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from noria.evaluation.regions import Regions

__all__ = ["bounds", "gathered", "members", "quantiles"]

_TOLERANCE = 1e-9
"""A plan and its library may differ in the last digits: neither moves a class out of its set."""


def quantiles(regions: Regions, groups: Sequence[str | None] | None, n: int) -> NDArray[np.float64]:
    """Give the quantile of each of `n` rows: of its group, else of all.

    Examples
    --------
    >>> from noria.evaluation.regions import Regions
    >>> quantiles(Regions(0.9, 2.0, "kind", {"wild": 5.0}), ["wild", "calm", None], 3).tolist()
    [5.0, 2.0, 2.0]
    """
    if groups is None or not regions.quantiles:
        return np.full(n, regions.quantile)
    known, whole = regions.quantiles, regions.quantile
    return np.array([whole if group is None else known.get(group, whole) for group in groups], dtype=np.float64)


def bounds(values: NDArray[np.float64], quantile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give low and high around each value, shape (n_rows, 2)."""
    return np.column_stack([values - quantile, values + quantile])


def members(proba: NDArray[np.float64], quantile: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which classes are in each row's set, shape (n_rows, n_classes); the likeliest always is.

    Examples
    --------
    >>> members(np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([0.8, 0.8])).tolist()
    [[True, True], [True, False]]
    """
    inside = gathered(proba) <= quantile[:, None] + _TOLERANCE
    inside[np.arange(len(proba)), proba.argmax(axis=1)] = True
    return inside


def gathered(proba: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the probability of all likelier classes, and half of the class's own."""
    order = np.argsort(-proba, axis=1, kind="stable")
    ordered = np.take_along_axis(proba, order, axis=1)
    made = np.empty_like(proba)
    np.put_along_axis(made, order, np.cumsum(ordered, axis=1) - ordered / 2, axis=1)
    return made
