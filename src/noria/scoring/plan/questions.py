"""What the splits of oblivious trees ask of a row: numbers first, then categories, then combinations of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

import numpy as np

from noria.scoring.plan.combinations import Combinations, codes_of
from noria.scoring.plan.parts import count, positions
from noria.scoring.plan.unsound import Unsound, array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Questions"]


@dataclass(frozen=True, eq=False)
class Questions:
    """Splits, each one once, however many trees ask it.

    Parameters
    ----------
    n_features : int
        Width of the matrix.
    column : ndarray of int64, shape (n_borders,)
        Feature of each split by a number.
    border : ndarray of float32, shape (n_borders,)
        Yes is what is greater, once it is rounded to float32; a missing value is not.
    high : ndarray of int64
        Features whose missing values are greater than every border.
    category, code : ndarray of int64, shape (n_codes,)
        Feature of each split by one category, and the code that is a yes.
    combinations : Combinations, optional
        Splits by statistics of categories.

    Examples
    --------
    >>> none = np.empty(0, dtype=np.int64)
    >>> asked = Questions(1, np.array([0, 0]), np.array([0.5, 2.0], dtype=np.float32), none, none, none)
    >>> asked.truths(np.array([[1.0]])).ravel().tolist()
    [True, False, False]
    """

    n_features: int
    column: NDArray[np.int64]
    border: NDArray[np.float32]
    high: NDArray[np.int64]
    category: NDArray[np.int64]
    code: NDArray[np.int64]
    combinations: Combinations | None = None
    _borders: NDArray[np.float32] = field(init=False, repr=False)
    _codes: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_borders", self.border[:, None])
        object.__setattr__(self, "_codes", self.code[:, None].astype(np.float64))

    @property
    def total(self) -> int:
        """How many splits there are."""
        return self._n_simple + (0 if self.combinations is None else len(self.combinations.of))

    @property
    def _n_simple(self) -> int:
        return len(self.column) + len(self.category)

    def truths(self, X: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Answer every split and, last, what is always a no; shape (n_splits + 1, n_rows)."""
        with np.errstate(over="ignore"):
            narrow = X.astype(np.float32).T
        if len(self.high):
            narrow[self.high] = np.where(np.isnan(narrow[self.high]), np.inf, narrow[self.high])
        n_borders, n_simple = len(self.column), self._n_simple
        made = np.zeros((self.total + 1, len(X)), dtype=np.bool_)
        np.greater(narrow.take(self.column, axis=0), self._borders, made[:n_borders])
        if len(self.category):
            np.equal(codes_of(X.take(self.category, axis=1).T), self._codes, made[n_borders:n_simple])
        if self.combinations is not None:
            made[n_simple:-1] = self.combinations.truths(X, made[:n_simple])
        return made

    def columns(self) -> list[frozenset[int]]:
        """Name for each split the features that it hangs on."""
        made = [frozenset([one]) for one in (*self.column.tolist(), *self.category.tolist())]
        if self.combinations is not None:
            simple = list(made)
            made += [self.combinations.columns_of(split, simple) for split in range(len(self.combinations.of))]
        return made

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give where the answers jump: at borders, and the next float32 above each; at codes."""
        made: dict[int, NDArray[np.float64]] = {}
        with np.errstate(over="ignore"):  # behind the largest number, where missing values count as larger still
            above = np.nextafter(self.border, np.float32(np.inf)).astype(np.float64)
        for feature in np.unique(self.column).tolist():
            mine = self.column == feature
            edges = np.unique(np.concatenate([self.border[mine].astype(np.float64), above[mine]]))
            made[feature] = edges[np.isfinite(edges)]
        for feature in np.unique(self.category).tolist():
            made[feature] = np.unique(self.code[self.category == feature]).astype(np.float64)
        return made

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Give what `restore` takes."""
        made: dict[str, NDArray[np.generic]] = {
            "column": self.column,
            "border": self.border,
            "high": self.high,
            "category": self.category,
            "code": self.code,
        }
        return made if self.combinations is None else {**made, **self.combinations.arrays()}

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build them again.

        Raises
        ------
        Unsound
            A part is missing, or a split asks for what is not there.
        """
        n_features = count(facts, "features", at_least=1)
        column, category = positions(arrays, "column", n_features), positions(arrays, "category", n_features)
        border = cast("NDArray[np.float32]", array(arrays, "border", "float32", len(column)))
        if not np.isfinite(border).all():
            raise Unsound("a border is no number")
        combinations = None
        if "keys" in arrays:
            n_others = len(column) + len(category)
            combinations = Combinations.restore(arrays, n_features=n_features, n_others=n_others)
        return cls(
            n_features,
            column,
            border,
            positions(arrays, "high", n_features),
            category,
            cast("NDArray[np.int64]", array(arrays, "code", "int64", len(category))),
            combinations,
        )
