"""What a plan ends in: a prepared matrix turned into answers by arithmetic on arrays alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Arrays", "Facts", "Head"]

Facts = Mapping[str, object]
"""What a part of a plan keeps as JSON."""

Arrays = Mapping[str, "NDArray[np.generic]"]
"""What it keeps as arrays, by name."""


class Head(Protocol):
    """A fitted estimator without its library.

    A row's answer has the same bits whatever batch it comes in, so nothing here may use a product of matrices (BLAS
    rounds differently for different shapes): sums go over the last axis of a C-ordered array, or are accumulated.

    Attributes
    ----------
    kind : str
        Its name in ``plan.json``.
    """

    kind: ClassVar[str]

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Answer the rows of a matrix, shape (n_rows, n_features), C-ordered, n_rows >= 1.

        Returns
        -------
        ndarray
            Probabilities, float64 of shape (n_rows, n_classes), of a classification; values, float64 of shape
            (n_rows,), of a regression; numbers of clusters, int64 of shape (n_rows,), of a clustering.
        """

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Say how far an answer may be from the library's by the order of rounding alone, shape (n_rows,).

        Zero where the bits must be the same.
        """

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give, for a position in the matrix, the values at which answers jump: thresholds of trees."""

    def facts(self) -> Facts:
        """Give what it keeps as JSON."""

    def arrays(self) -> Arrays:
        """Give what it keeps as arrays."""

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again from what was kept.

        Raises
        ------
        Unsound
            The parts do not fit together, or one is missing; nothing in them can make `answer` read elsewhere.
        """
