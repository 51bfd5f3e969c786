"""What makes each group of a clustering different from all other rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation.wording import figure

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Mark", "Profile", "profiles"]

_MOST_LEVELS = 20
_WORTH_SAYING = 0.2
"""Standard deviations below which a difference is none."""


_Measured = tuple[str, "NDArray[np.float64]", bool]


@dataclass(frozen=True)
class Mark:
    """One thing that is different about a group.

    Parameters
    ----------
    name : str
        The column, or ``column = level``.
    difference : float
        Mean of the group less that of all other rows, in standard deviations of all rows.
    text : str
        In words.
    """

    name: str
    difference: float
    text: str


@dataclass(frozen=True)
class Profile:
    """A group.

    Parameters
    ----------
    group : int
        Its number; -1 is noise.
    rows : int
        Test rows in it.
    share : float
        Of all test rows.
    marks : tuple of Mark
        The largest differences first.
    """

    group: int
    rows: int
    share: float
    marks: tuple[Mark, ...]

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {"group": self.group, "rows": self.rows, "share": self.share, "marks": [vars(one) for one in self.marks]}


def profiles(
    frame: pd.DataFrame, labels: NDArray[np.generic], *, personal: Collection[str] = (), most: int = 6
) -> tuple[Profile, ...]:
    """Describe each group by its standardised differences.

    Parameters
    ----------
    frame : DataFrame
        Features as they are, not prepared: people read these.
    labels : ndarray, shape (n_rows,)
        The group of each row, -1 for noise.
    personal : collection of str
        Columns of which no value may be shown: they are left out.
    most : int
        Marks of a group.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"age": [20.0, 22.0, 60.0, 62.0], "idle": [1.0, 2.0, 1.0, 2.0]})
    >>> found = profiles(X, np.array([0, 0, 1, 1]))
    >>> [(each.group, each.marks[0].text) for each in found]
    [(0, 'age 21, others 61'), (1, 'age 61, others 21')]
    """
    named: list[_Measured] = []
    for column in frame.columns:
        if str(column) not in personal:
            named += _measured(str(column), frame[column])
    made = []
    for group in np.unique(labels):
        inside = labels == group
        marks = [mark for mark in (_mark(*each, inside) for each in named) if mark is not None]
        marks.sort(key=lambda mark: -abs(mark.difference))
        made.append(Profile(int(group), int(inside.sum()), float(inside.mean()), tuple(marks[:most])))
    return tuple(made)


def _measured(name: str, column: pd.Series[float]) -> list[_Measured]:
    """Give a column as numbers; a category as one column a level, each 0 or 1."""
    if column.dtype.kind in "biuf":
        return [(name, np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan)), False)]
    if column.dtype.kind == "M":
        return []
    texts = column.astype(object).where(column.notna(), "missing").astype(str)
    counts = texts.value_counts()
    if len(counts) > _MOST_LEVELS:
        return []
    return [(f"{name} = {level}", np.asarray(texts.eq(level), dtype=np.float64), True) for level in counts.index]


def _mark(name: str, values: NDArray[np.float64], is_share: bool, inside: NDArray[np.bool_]) -> Mark | None:
    known = np.isfinite(values)
    ours, others = values[inside & known], values[~inside & known]
    spread = float(values[known].std()) if known.any() else 0.0
    if len(ours) == 0 or len(others) == 0 or spread <= 0:
        return None
    difference = float(ours.mean() - others.mean()) / spread
    if abs(difference) < _WORTH_SAYING:
        return None
    said = (f"{one:.0%}" if is_share else figure(float(one)) for one in (ours.mean(), others.mean()))
    return Mark(name, difference, "{} {}, others {}".format(name, *said))
