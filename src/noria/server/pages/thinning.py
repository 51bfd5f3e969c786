"""Fewer points of a long curve, without losing what can be seen of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["thin"]


def thin(values: Sequence[float], most: int) -> list[int]:
    """Choose the points of a curve that its drawing needs.

    The curve is cut into stretches of equal length; of each stays the first, the least, the greatest and the last
    finite value, and the first that is not finite, so that peaks and gaps stay where they are.

    Parameters
    ----------
    values : sequence of float
        In order; NaN and infinities are gaps.
    most : int
        How many to keep at most, five or more.

    Returns
    -------
    list of int
        Places in `values`, upwards; all of them when there are no more than `most`.

    Examples
    --------
    >>> thin([0.0, 5.0, 1.0], 10)
    [0, 1, 2]
    >>> peak = [0.0] * 1000
    >>> peak[437] = 9.0
    >>> kept = thin(peak, 50)
    >>> len(kept) <= 50, 437 in kept, kept[0], kept[-1]
    (True, True, 0, 999)
    """
    count = len(values)
    if count <= most:
        return list(range(count))
    stretches = max(1, most // 5)
    kept: list[int] = []
    for number in range(stretches):
        places = range(number * count // stretches, (number + 1) * count // stretches)
        finite = [place for place in places if math.isfinite(values[place])]
        chosen: set[int] = set()
        if finite:
            chosen |= {finite[0], finite[-1], min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)}
        if len(finite) < len(places):
            chosen.add(next(place for place in places if not math.isfinite(values[place])))
        kept += sorted(chosen)
    return kept
