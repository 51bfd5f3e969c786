"""Calibration curves: from what a classifier decides to how often that came true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np

from noria.scoring.plan.decisions import sigmoid
from noria.scoring.plan.parts import floats, positions
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays

__all__ = ["Curves", "Isotonic", "Platt"]


class Curves(Protocol):
    """One monotone curve for each column of decisions."""

    method: ClassVar[str]

    def __len__(self) -> int:
        """Count the curves."""

    def __call__(self, column: int, decided: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read a column's curve, shape (n_rows,)."""

    def arrays(self) -> Arrays:
        """Give what it keeps."""


@dataclass(frozen=True, eq=False)
class Platt:
    """``1 / (1 + exp(slope z + intercept))``.

    Parameters
    ----------
    slope, intercept : ndarray of float64, shape (n_curves,)
        Fitted.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood
    methods. Advances in Large Margin Classifiers, 61-74.
    """

    method: ClassVar[str] = "sigmoid"
    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def __len__(self) -> int:
        """Count the curves."""
        return len(self.slope)

    def __call__(self, column: int, decided: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read a column's curve."""
        return sigmoid(-(self.slope[column] * decided + self.intercept[column]))

    def arrays(self) -> Arrays:
        """Give slopes and intercepts."""
        return {"slope": self.slope, "offset": self.intercept}

    @classmethod
    def restore(cls, arrays: Arrays) -> Self:
        """Build it again."""
        slope = floats(arrays, "slope", None)
        return cls(slope, floats(arrays, "offset", len(slope)))


@dataclass(frozen=True, eq=False)
class Isotonic:
    """Straight lines between steps, flat outside.

    Parameters
    ----------
    steps : sequence of (x, y)
        Of each curve, two ndarrays of float64, shape (n_steps,); the first ascends.

    References
    ----------
    Zadrozny, B. and Elkan, C. (2002). Transforming classifier scores into accurate multiclass probability estimates.
    KDD-02, 694-699.
    """

    method: ClassVar[str] = "isotonic"
    steps: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]

    def __len__(self) -> int:
        """Count the curves."""
        return len(self.steps)

    def __call__(self, column: int, decided: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read a column's curve."""
        return np.asarray(np.interp(decided, *self.steps[column]), dtype=np.float64)

    def arrays(self) -> Arrays:
        """Give all steps in one array each, and where each curve ends."""
        return {
            "x": np.concatenate([x for x, _ in self.steps]),
            "y": np.concatenate([y for _, y in self.steps]),
            "ends": np.cumsum([len(x) for x, _ in self.steps], dtype=np.int64),
        }

    @classmethod
    def restore(cls, arrays: Arrays) -> Self:
        """Build it again."""
        x = floats(arrays, "x", None)
        y, ends = floats(arrays, "y", len(x)), positions(arrays, "ends", below=len(x) + 1)
        starts = np.concatenate([[0], ends[:-1]])
        if len(ends) == 0 or ends[-1] != len(x) or (starts >= ends).any():
            raise Unsound("the curves of the calibration do not follow each other")
        steps = [(x[start:end], y[start:end]) for start, end in zip(starts, ends, strict=True)]
        if any((np.diff(own) <= 0).any() for own, _ in steps):
            raise Unsound("the steps of a calibration curve do not ascend")
        return cls(steps)
