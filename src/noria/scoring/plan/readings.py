"""What nodes test: features read so that missing values, zeros and categories fall to the side their node sends them.

A node knows one question, "is it greater?". A feature whose missing values go right at some nodes and left at others is
two columns, one with infinity in their place; a split by categories is a column of noughts and ones. A step of the
descent then costs the same for every kind of split.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.unsound import Unsound, array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays

__all__ = ["ZERO", "Categories", "Reading", "Readings", "ordinary"]

ZERO = float(np.float32(1e-35))
"""LightGBM takes what lies this near to zero for zero."""

_ORDINARY = 1e76


def ordinary(X: NDArray[np.float64]) -> bool:
    """Say, with one pass, whether certainly no value is missing or beyond float32.

    The sum of squares is below (1e38)², so each value is below float32's 3.4e38. A request whose values are ordinary
    is spared four passes that look for others.

    Examples
    --------
    >>> ordinary(np.array([[1.0, 2.0]])), ordinary(np.array([[1.0, np.nan]]))
    (True, False)
    """
    return bool(np.vdot(X, X) <= _ORDINARY)  # `dot` would warn of an overflow


class Reading(IntEnum):
    """How a column reads its feature."""

    PLAIN = 0
    """As it is; missing values go left."""
    MISSING_RIGHT = 1
    MISSING_ZERO = 2
    """A missing value counts as zero."""
    ZERO_LEFT = 3
    """Zeros and missing values go left."""
    ZERO_RIGHT = 4
    IS_MISSING = 5
    """Missing values go right and all others left."""
    MEMBER = 6
    """Categories out of a set go right."""


_MISSING = {Reading.MISSING_RIGHT: np.inf, Reading.MISSING_ZERO: 0.0, Reading.ZERO_LEFT: -np.inf}
_MISSING[Reading.ZERO_RIGHT] = np.inf


@dataclass(frozen=True)
class Categories:
    """The categories of a feature and the sets that nodes send right.

    Parameters
    ----------
    values : ndarray of float64, shape (n_categories,)
        Known categories, ascending.
    right : ndarray of bool, shape (n_categories + 2, n_sets)
        Which sets hold them; the last two rows are any other value, and a missing one.
    whole : bool
        Whether the part after the point is dropped first.
    """

    values: NDArray[np.float64]
    right: NDArray[np.bool_]
    whole: bool

    def codes(self, x: NDArray[np.floating]) -> NDArray[np.intp]:
        """Give for each value its row of `right`."""
        known = self.values
        read = np.trunc(x) if self.whole else x
        place = np.minimum(np.searchsorted(known, read), max(len(known) - 1, 0))
        hit = known[place] == read if len(known) else np.zeros(len(x), dtype=np.bool_)
        return np.where(hit, place, np.where(np.isnan(x), len(known) + 1, len(known)))


@dataclass(frozen=True)
class Readings:
    """The columns that nodes test.

    Parameters
    ----------
    n_features : int
        Width of the matrix that is answered.
    source : ndarray of int32, shape (n_columns,)
        Feature behind each column.
    reading : ndarray of int8, shape (n_columns,)
        A `Reading` each. The n-th `MEMBER` column of a feature is the n-th of its sets.
    categories : mapping of int to Categories
        For the features that have `MEMBER` columns.
    narrow : bool
        Whether the library casts to float32 first.
    near_zero : bool
        Whether values next to zero count as zero.
    """

    n_features: int
    source: NDArray[np.int32]
    reading: NDArray[np.int8]
    categories: Mapping[int, Categories] = field(default_factory=dict)
    narrow: bool = False
    near_zero: bool = False

    def __post_init__(self) -> None:
        kinds = {kind: np.flatnonzero(self.reading == kind) for kind in Reading}
        dtype = np.float32 if self.narrow else np.float64
        missing = np.full(len(self.source), np.nan, dtype=dtype)
        for kind, value in _MISSING.items():
            missing[kinds[kind]] = value
        zeros = np.concatenate([kinds[Reading.ZERO_LEFT], kinds[Reading.ZERO_RIGHT]])
        as_is = len(self.source) == self.n_features and bool((self.source == np.arange(self.n_features)).all())
        put = object.__setattr__  # worked out once, because a request has only microseconds
        put(self, "_take", None if as_is else self.source.astype(np.intp))
        put(self, "_missing", None if bool(np.isnan(missing).all()) else missing)
        put(self, "_zeros", zeros)
        put(self, "_is_missing", kinds[Reading.IS_MISSING])
        by_set = kinds[Reading.MEMBER]
        members = {feature: by_set[self.source[by_set] == feature] for feature in self.categories}
        put(self, "_members", members)

    _take: NDArray[np.intp] | None = field(init=False, repr=False, compare=False)
    _missing: NDArray[np.floating] | None = field(init=False, repr=False, compare=False)
    _zeros: NDArray[np.intp] = field(init=False, repr=False, compare=False)
    _is_missing: NDArray[np.intp] = field(init=False, repr=False, compare=False)
    _members: Mapping[int, NDArray[np.intp]] = field(init=False, repr=False, compare=False)

    def cast(self, X: NDArray[np.float64], *, ordinary: bool = False) -> NDArray[np.floating]:
        """Give the matrix as the library sees it."""
        if self.narrow:
            with nullcontext() if ordinary else np.errstate(over="ignore"):
                return X.astype(np.float32)
        return np.where(np.abs(X) <= ZERO, 0.0, X) if self.near_zero else X

    def columns(self, X: NDArray[np.floating], *, ordinary: bool = False) -> NDArray[np.floating]:
        """Read a cast matrix, shape (n_rows, n_columns)."""
        made = X if self._take is None else X.take(self._take, axis=1)
        if self._missing is not None and not ordinary:
            made = np.where(np.isnan(made), self._missing, made)
        if len(self._zeros):
            self._send_zeros(made)
        if len(self._is_missing):
            made[:, self._is_missing] = np.isnan(X[:, self.source[self._is_missing]])
        for feature, columns in self._members.items():
            known = self.categories[feature]
            made[:, columns] = known.right[known.codes(X[:, feature])]
        return made

    def _send_zeros(self, made: NDArray[np.floating]) -> None:
        for column in self._zeros:
            values = made[:, column]
            values[values == 0] = np.inf if self.reading[column] == Reading.ZERO_RIGHT else -np.inf

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Give what `restore` takes."""
        made: dict[str, NDArray[np.generic]] = {"source": self.source, "reading": self.reading}
        for feature, known in self.categories.items():
            made[f"categories.{feature}"], made[f"right.{feature}"] = known.values, known.right
        return made

    @classmethod
    def restore(cls, arrays: Arrays, *, n_features: int, narrow: bool, near_zero: bool, whole: bool) -> Readings:
        """Build them again.

        Raises
        ------
        Unsound
            A column reads a feature that is not there, or in a way that does not exist.
        """
        source = array(arrays, "source", "int32", None).astype(np.int32)
        reading = array(arrays, "reading", "int8", len(source)).astype(np.int8)
        if len(source) and not (source.min() >= 0 and source.max() < n_features):
            raise Unsound("a column reads a feature that the matrix does not have")
        if not np.isin(reading, list(Reading)).all():
            raise Unsound("a column reads its feature in a way that does not exist")
        sets = source[reading == Reading.MEMBER]
        if np.isin(source[reading != Reading.MEMBER], sets).any():
            raise Unsound("a feature is read as a category and as a number")
        found = {int(feature): _categories(arrays, int(feature), sets, whole=whole) for feature in np.unique(sets)}
        return cls(n_features, source, reading, found, narrow, near_zero)


def _categories(arrays: Arrays, feature: int, sets: NDArray[np.int32], *, whole: bool) -> Categories:
    values = array(arrays, f"categories.{feature}", "float64", None).astype(np.float64)
    right = array(arrays, f"right.{feature}", "bool", len(values) + 2, int((sets == feature).sum()))
    if not (np.isfinite(values).all() and bool((np.diff(values) > 0).all())):
        raise Unsound(f"the categories of feature {feature} are not in order")
    return Categories(values, right.astype(np.bool_), whole)
