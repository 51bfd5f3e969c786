"""Where values are missing, and which columns are missing together."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from noria.datasets.profiled import Association, MissingPattern

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Gaps"]

_MOST = 62  # columns: one bit of a whole number each
_PATTERNS = 10
_PAIRS = 30
_LEAST = 0.1


class Gaps:
    """One bit a row and column that has gaps; a million rows of a column are 125 kB.

    Parameters
    ----------
    rows : int
        Of the table.

    Examples
    --------
    >>> gaps = Gaps(4)
    >>> gaps.add("a", np.array([False, True, True, False]))
    >>> gaps.add("b", np.array([False, True, True, False]))
    >>> [(pattern.columns, pattern.rows) for pattern in gaps.patterns()], gaps.pairs()[0].value
    ([((), 2), (('a', 'b'), 2)], 1.0)
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._bits: dict[str, NDArray[np.uint8]] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, absent: NDArray[np.bool_] | None) -> None:
        """Take in where a column has gaps; one without any, or with nothing else, says nothing."""
        count = 0 if absent is None else int(absent.sum())
        if absent is not None and 0 < count < self._rows:
            self._bits[name] = np.packbits(absent)
            self._counts[name] = count

    def patterns(self) -> tuple[MissingPattern, ...]:
        """Count the rows of each pattern of gaps, exactly; of more than 62 columns those with the most gaps."""
        if not self._bits:
            return ()
        names = sorted(self._bits, key=lambda name: -self._counts[name])[:_MOST]
        names = [name for name in self._bits if name in set(names)]
        touched = np.zeros_like(self._bits[names[0]])
        for name in names:
            touched |= self._bits[name]
        places = np.flatnonzero(np.unpackbits(touched, count=self._rows))
        marks = np.zeros(len(places), dtype=np.int64)
        for at, name in enumerate(names):
            marks |= np.unpackbits(self._bits[name], count=self._rows)[places].astype(np.int64) << at
        found, counts = np.unique(marks, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:_PATTERNS]
        made = [
            MissingPattern(
                tuple(name for at, name in enumerate(names) if int(found[place]) >> at & 1), int(counts[place])
            )
            for place in order
        ]
        complete = MissingPattern((), self._rows - len(places))
        return tuple(sorted([complete, *made], key=lambda each: -each.rows)) if complete.rows else tuple(made)

    def pairs(self) -> tuple[Association, ...]:
        """Measure how far the gaps of two columns lie in the same rows: the correlation of two truths (phi)."""
        names = sorted(self._bits, key=lambda name: -self._counts[name])[:_MOST]
        made = []
        for a, b in combinations([name for name in self._bits if name in set(names)], 2):
            both = int(np.bitwise_count(self._bits[a] & self._bits[b]).sum(dtype=np.int64))
            p, q, together = self._counts[a] / self._rows, self._counts[b] / self._rows, both / self._rows
            phi = (together - p * q) / np.sqrt(p * (1 - p) * q * (1 - q))
            if abs(phi) >= _LEAST:
                made.append(Association(a, b, "missing", round(float(phi), 4)))
        return tuple(sorted(made, key=lambda each: -abs(each.value))[:_PAIRS])
