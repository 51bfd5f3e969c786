"""The values of a feature cut where answers may jump: all values of one cell are answered alike."""

from __future__ import annotations

from math import modf
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.readings import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.nodes import Nodes
    from noria.scoring.plan.readings import Categories, Readings

__all__ = ["Cells", "Codes", "Intervals", "cells"]

_NO_NUMBER = (Reading.MEMBER, Reading.IS_MISSING)
_CUT_AT_ZERO = (Reading.ZERO_LEFT, Reading.ZERO_RIGHT)


class Intervals:
    """Cells that end at thresholds, one above them all, and one for missing values.

    Examples
    --------
    >>> Intervals(np.array([1.0, 2.0])).many(np.array([1.0, 1.5, 9.0, np.nan])).tolist()
    [0, 1, 2, 3]
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self.edges = edges
        self.samples = np.concatenate([edges, [np.inf, np.nan]])

    def many(self, values: NDArray[np.floating]) -> NDArray[np.intp]:
        """Say in which cells values lie."""
        return np.where(np.isnan(values), len(self.edges) + 1, np.searchsorted(self.edges, values))


class Codes:
    """A cell for each category, one for any other value, and one for missing values."""

    def __init__(self, known: Categories) -> None:
        self.known = known
        self.samples = np.concatenate([known.values, [known.values.max(initial=0.0) + 1, np.nan]])
        self._code = {value: code for code, value in enumerate(known.values.tolist())}

    def one(self, value: float) -> int:
        """Say in which cell a value lies, faster than `many` would."""
        if value != value:
            return len(self._code) + 1
        return self._code.get(modf(value)[1] if self.known.whole else value, len(self._code))

    def many(self, values: NDArray[np.floating]) -> NDArray[np.intp]:
        """Say in which cells values lie."""
        return self.known.codes(values)


Cells = Intervals | Codes
"""How a feature is cut. ``samples`` holds a value out of each cell, in order."""


def cells(nodes: Nodes, readings: Readings) -> dict[int, Cells]:
    """Cut every feature that some node tests.

    Parameters
    ----------
    nodes : Nodes
        The trees.
    readings : Readings
        What their columns mean.

    Returns
    -------
    dict
        Cells by feature, ascending.
    """
    tested = nodes.records[nodes.inner]
    if not len(tested):
        return {}
    source, reading = readings.source[tested["column"]], readings.reading[tested["column"]]
    order = np.argsort(source, kind="stable")
    features, starts = np.unique(source[order], return_index=True)
    made: dict[int, Cells] = {}
    for feature, mine in zip(features.tolist(), np.split(order, starts[1:]), strict=True):
        if feature in readings.categories:
            made[feature] = Codes(readings.categories[feature])
            continue
        edges = tested["threshold"][mine[~np.isin(reading[mine], _NO_NUMBER)]].astype(np.float64)
        if np.isin(reading[mine], _CUT_AT_ZERO).any():
            edges = np.concatenate([edges, [np.nextafter(0.0, -1.0), 0.0]])
        made[feature] = Intervals(np.unique(edges))
    return made
