"""The part of a fit's own training rows that says when to stop, as far from what is learned as a fold's rows are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bonds", "inner_part"]

INNER_SHARE = 0.2
FEWEST_LEARNED = 0.5
"""Share of the rows that must be left to learn from; of fewer, the number of rounds would not hold for all."""
FEWEST_INNER = 0.05

Part = tuple["NDArray[np.bool_]", "NDArray[np.bool_]"]


@dataclass(frozen=True, eq=False)
class Bonds:
    """What binds rows to one another, so that a part of them is judged as strangers are.

    Parameters
    ----------
    groups : ndarray of int, shape (n_rows,), optional
        Rows of one group know each other.
    times : ndarray of datetime64, shape (n_rows,), optional
        Later rows are judged by earlier ones.
    gap : timedelta
        Stretch before what is judged that is left out of what is learned from.
    """

    groups: NDArray[np.int64] | None = None
    times: NDArray[np.datetime64] | None = None
    gap: timedelta = timedelta(0)

    @classmethod
    def of(
        cls,
        groups: NDArray[np.object_] | None,
        times: NDArray[np.datetime64] | None = None,
        gap: timedelta = timedelta(0),
    ) -> Bonds:
        """Number the groups once for all fits."""
        coded = None if groups is None else np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)
        return cls(coded, times, gap)

    def take(self, rows: NDArray[np.int64]) -> Bonds:
        """Give the bonds of some rows."""
        groups = None if self.groups is None else self.groups[rows]
        return Bonds(groups, None if self.times is None else self.times[rows], self.gap)


def inner_part(y: NDArray[np.generic], bonds: Bonds, *, seed: int, stratify: bool) -> Part | None:
    """Divide training rows into those to learn from and those to stop by.

    The newest fifth where there are times, whole groups where there are groups, else rows drawn at random. A part
    drawn across the bonds knows its neighbours: on it ever more rounds help, which they do not with strangers. Where
    the newest fifth leaves too little to learn from, groups or rows are drawn instead.

    Parameters
    ----------
    y : ndarray, shape (n_rows,)
        The encoded target.
    bonds : Bonds
        Of these rows.
    seed : int
        Draws what is drawn.
    stratify : bool
        Keep about the shares of the classes.

    Returns
    -------
    learned, inner : ndarray of bool, or None
        No row is in both; rows in a gap or of a group that would straddle are in neither. None where the groups
        cannot be divided.

    Examples
    --------
    >>> times = np.arange(10).astype("datetime64[D]")
    >>> learned, inner = inner_part(np.zeros(10), Bonds(times=times), seed=1, stratify=False)
    >>> np.flatnonzero(inner).tolist(), int(learned.sum())
    ([8, 9], 8)
    """
    classes = np.unique(y) if stratify else None
    newest = _newest(bonds) if bonds.times is not None else None
    if newest is not None and _usable(newest, y, classes):
        return newest
    if bonds.groups is None:
        return _rows(y, classes, seed)
    whole = _whole(bonds.groups, y, classes, seed)
    return whole if _usable(whole, y, classes) else None


def _usable(part: Part, y: NDArray[np.generic], classes: NDArray[np.generic] | None) -> bool:
    learned, inner = part
    if learned.mean() < FEWEST_LEARNED or inner.mean() < FEWEST_INNER:
        return False
    return classes is None or (len(np.unique(y[learned])) == len(classes) and len(np.unique(y[inner])) > 1)


def _newest(bonds: Bonds) -> Part:
    times = bonds.times
    assert times is not None  # noqa: S101 - asked for with times only
    place = min(len(times) - 1, round(len(times) * (1 - INNER_SHARE)))
    cut = np.partition(times, place)[place]
    inner = times >= cut
    learned = times < cut - np.timedelta64(bonds.gap)
    if bonds.groups is not None:
        judged = np.zeros(int(bonds.groups.max()) + 1, dtype=bool)
        judged[bonds.groups[inner]] = True
        learned &= ~judged[bonds.groups]
    return learned, inner


def _rows(y: NDArray[np.generic], classes: NDArray[np.generic] | None, seed: int) -> Part:
    rng = np.random.default_rng(seed)
    inner = np.zeros(len(y), dtype=bool)
    for rows in [np.arange(len(y))] if classes is None else [np.flatnonzero(y == value) for value in classes]:
        inner[rng.permutation(rows)[: int(len(rows) * INNER_SHARE)]] = True
    return ~inner, inner


def _whole(groups: NDArray[np.int64], y: NDArray[np.generic], classes: NDArray[np.generic] | None, seed: int) -> Part:
    _, code = np.unique(groups, return_inverse=True)
    sizes = np.bincount(code)
    layer = np.zeros(len(sizes), dtype=np.int64)
    if classes is not None:
        # A group counts for the rarest class it holds: that one must not be left to chance.
        of_row = np.searchsorted(classes, y)
        rank = np.argsort(np.argsort(np.bincount(of_row), kind="stable"))
        layer[:] = len(classes)
        np.minimum.at(layer, code, rank[of_row])
    rng = np.random.default_rng(seed)
    taken = np.zeros(len(sizes), dtype=bool)
    for value in np.unique(layer):
        order = rng.permutation(np.flatnonzero(layer == value))
        wanted = INNER_SHARE * sizes[order].sum()
        order = order[np.argsort(sizes[order] > wanted, kind="stable")]  # one large group would take every place
        taken[order[np.cumsum(sizes[order]) - sizes[order] / 2 < wanted]] = True
    inner = taken[code]
    return ~inner, inner
