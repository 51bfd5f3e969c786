"""Scores counted in bins that fit every model, and how far two such counts are apart."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["chance", "merged", "score_bin", "stability"]

_WIDTH = math.log(1.02)
_ZERO = 1e-9
_OFFSET = 100_000
_CLASSES = 10
_FLOOR = 1e-4


def score_bin(score: float) -> int:
    """Give the number of a score's bin: 2 % wide, whatever the scale of the model is, and in the order of the scores.

    Examples
    --------
    >>> score_bin(0.502) == score_bin(0.508), score_bin(0.5) < score_bin(0.6), score_bin(-3.0) < score_bin(0.0)
    (True, True, True)

    References
    ----------
    Masson, C., Rim, J. E. & Lee, H. K. (2019). DDSketch: a fast and fully-mergeable quantile sketch with
    relative-error guarantees. Proceedings of the VLDB Endowment 12.
    """
    size = abs(score)
    if not size > _ZERO:  # NaN too
        return 0
    place = _OFFSET + math.floor(math.log(min(size, 1e300)) / _WIDTH)
    return place if score > 0 else -place


def merged(reference: Mapping[int, int], current: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """Merge the bins of two counts into at most ten: as equally filled by the reference as its values allow.

    Examples
    --------
    >>> merged({1: 50, 2: 50}, {1: 10, 3: 30})
    ([50, 50], [10, 30])
    """
    total = sum(reference.values())
    bounds: list[int] = []
    below = 0
    for place in sorted(reference):
        below += reference[place]
        if below >= total * (len(bounds) + 1) / _CLASSES and below < total:
            bounds.append(place)
    sides = []
    for counts in (reference, current):
        side = [0] * (len(bounds) + 1)
        for place, count in counts.items():
            # A bound belongs to the class below it.
            side[bisect_right(bounds, place - 1)] += count
        sides.append(side)
    return sides[0], sides[1]


def stability(reference: Mapping[int, int], current: Mapping[int, int]) -> tuple[float, int] | None:
    """Give the population stability index of two counts in nats, and how many classes it was taken over.

    None where one of them is empty.

    Examples
    --------
    >>> index, classes = stability({1: 50, 2: 50}, {1: 60, 2: 40})
    >>> round(index, 4), classes
    (0.0405, 2)
    """
    before, after = merged(reference, current)
    n, m = sum(before), sum(after)
    if not n or not m:
        return None
    shares = [(max(a / n, _FLOOR), max(b / m, _FLOOR)) for a, b in zip(before, after, strict=True)]
    return sum((q - p) * math.log(q / p) for p, q in shares), len(before)


def chance(classes: int, n: int, m: int, z: float = 3.09) -> float:
    """Give what the index reaches by chance alone once in a thousand times, where nothing differs.

    Parameters
    ----------
    classes : int
        Classes it is taken over.
    n, m : int
        Scores on either side.
    z : float
        Quantile of the normal distribution.

    Notes
    -----
    The index times nm/(n+m) follows chi-squared with classes - 1 degrees of freedom (Yurdakul, 2018); its quantile
    is that of Wilson & Hilferty (1931).
    """
    k = classes - 1
    if k < 1:
        return 0.0
    quantile: float = k * (1 - 2 / (9 * k) + z * math.sqrt(2 / (9 * k))) ** 3
    return quantile * (1 / n + 1 / m)
