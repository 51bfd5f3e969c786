"""Stretches of rows summed up, each by itself: no running total carries the rounding of one into the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["measured"]

_AT_ONCE = 4_000_000
"""Values held at a time: 32 MB."""

Look = Callable[["NDArray[np.int64]", "NDArray[np.int64]"], "NDArray[np.float64]"]
"""Rows that ask and places they look at in, values out; NaN where nothing is known."""


def measured(measure: str, start: NDArray[np.int64], stop: NDArray[np.int64], look: Look) -> NDArray[np.float64]:
    """Sum up what each row sees from its start up to, and without, its stop.

    Parameters
    ----------
    measure : {"mean", "std", "min", "max", "sum", "count"}
        Of the known values; ``std`` with n - 1.
    start, stop : ndarray of int64, shape (n_rows,)
        Places; equal for a row that sees nothing.
    look : callable
        Gives the values.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        NaN where too little is known: nothing, or a single value for a spread. A count is never missing.

    Examples
    --------
    >>> series = np.array([1.0, 3.0, np.nan])
    >>> measured("mean", np.array([0, 0, 0]), np.array([0, 1, 3]), lambda rows, at: series[at]).tolist()
    [nan, 1.0, 2.0]
    """
    made = np.full(len(start), 0.0 if measure == "count" else np.nan)
    length = stop - start
    asking = np.flatnonzero(length > 0)
    ends = np.cumsum(length[asking])
    begun = 0
    while begun < len(asking):
        held = ends[begun - 1] if begun else 0
        until = max(begun + 1, int(np.searchsorted(ends, held + _AT_ONCE, side="right")))
        rows = asking[begun:until]
        made[rows] = _of(measure, rows, start[rows], length[rows], look)
        begun = until
    return made


def _of(
    measure: str, rows: NDArray[np.int64], start: NDArray[np.int64], length: NDArray[np.int64], look: Look
) -> NDArray[np.float64]:
    heads = np.cumsum(length) - length
    at = np.arange(int(length.sum())) - np.repeat(heads - start, length)
    values = look(np.repeat(rows, length), at)
    known = ~np.isnan(values)
    count = np.add.reduceat(known.astype(np.int64), heads)
    if measure == "count":
        return count.astype(np.float64)
    if measure in ("min", "max"):
        reduce, empty = (np.minimum, np.inf) if measure == "min" else (np.maximum, -np.inf)
        return np.asarray(np.where(count > 0, reduce.reduceat(np.where(known, values, empty), heads), np.nan))
    total = np.add.reduceat(np.where(known, values, 0.0), heads)
    if measure == "sum":
        return np.asarray(np.where(count > 0, total, np.nan))
    mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    if measure == "mean":
        return np.asarray(mean)
    away = np.where(known, values - np.repeat(mean, length), 0.0)
    squares = np.add.reduceat(away * away, heads)
    return np.asarray(np.sqrt(np.divide(squares, count - 1, out=np.full(len(total), np.nan), where=count > 1)))
