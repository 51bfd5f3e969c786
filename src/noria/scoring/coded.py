"""A column that says the same few things over and over: each thing once, and which of them every row says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Coded"]


class Coded(Sequence[object]):
    """Values by code, so that what is done to a value is done once and not once a row.

    Parameters
    ----------
    values : sequence
        The distinct values, None where missing.
    codes : ndarray of integers, shape (n_rows,)
        For each row the position of its value.

    Examples
    --------
    >>> column = Coded(["A", None], np.array([0, 0, 1]))
    >>> list(column), list(column[1:])
    (['A', 'A', None], ['A', None])
    """

    __slots__ = ("codes", "values")

    def __init__(self, values: Sequence[object], codes: NDArray[np.integer]) -> None:
        self.values = values
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[object]:
        return (self.values[code] for code in self.codes.tolist())

    @overload
    def __getitem__(self, place: int) -> object: ...
    @overload
    def __getitem__(self, place: slice) -> Coded: ...
    def __getitem__(self, place: int | slice) -> object:
        return Coded(self.values, self.codes[place]) if isinstance(place, slice) else self.values[self.codes[place]]

    def numbers(self) -> NDArray[np.float64]:
        """Give the values as numbers, NaN where missing.

        Examples
        --------
        >>> Coded([False, True, None], np.array([1, 2, 0])).numbers().tolist()
        [1.0, nan, 0.0]
        """
        return np.array(self.values, np.float64).take(self.codes)
