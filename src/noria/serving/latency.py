"""Latencies counted in fixed buckets, so that minutes, versions and processes add up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["BOUNDS_MS", "Histogram", "quantile"]

BOUNDS_MS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
"""Upper bounds of the buckets in milliseconds; one more bucket is above the last."""


class Histogram:
    """Counts per bucket, and the sum.

    Examples
    --------
    >>> histogram = Histogram()
    >>> histogram.add(0.0015)
    >>> histogram.counts[4], histogram.seconds
    (1, 0.0015)
    """

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one request."""
        self.counts[bisect_left(BOUNDS_MS, seconds * 1000.0)] += 1
        self.seconds += seconds


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Estimate a quantile in milliseconds, interpolating inside its bucket; None without requests.

    Examples
    --------
    >>> quantile([0, 0, 0, 0, 10] + [0] * 11, 0.5)
    1.5
    """
    total = sum(counts)
    if total == 0:
        return None
    wanted, below = share * total, 0
    for place, count in enumerate(counts):
        if count and below + count >= wanted:
            if place == len(BOUNDS_MS):
                return BOUNDS_MS[-1]
            low = BOUNDS_MS[place - 1] if place else 0.0
            return low + (BOUNDS_MS[place] - low) * (wanted - below) / count
        below += count
    return BOUNDS_MS[-1]
