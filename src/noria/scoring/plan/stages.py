"""Steps of a preparation that work on a matrix of numbers: each the same operations, in the same order, as its library.

Subtract, then divide: a folded multiplication would save an instruction and change the last bit, and a tree whose
threshold lies on the imputed, scaled median would send every such row the other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noria.scoring.plan.outside import Outside
from noria.scoring.plan.powers import BoxCox, YeoJohnson
from noria.scoring.plan.unsound import Unsound, array, demand_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = [
    "Bound", "Impute", "Quantiles", "Scale", "SignedLog", "Stage", "Stretch", "keep_stage", "restore_stage", "through",
    "width_behind",
]  # fmt: skip


class Stage(Protocol):
    """A step from a matrix to a matrix, row by row."""

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the prepared matrix; the one given is not changed."""

    def width(self, columns: int) -> int:
        """Say how many columns come out of so many.

        Raises
        ------
        Unsound
            It is not for so many.
        """

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Give what must go in at a position for this to come out there, nearly; None: it cannot be said."""


@dataclass(frozen=True, eq=False)
class Impute:
    """Put a number where one is missing, and mark where that was.

    Parameters
    ----------
    fill : ndarray of float64, shape (n_columns,)
        NaN leaves the column as it is.
    marks : ndarray of int64
        Positions of the columns that get a mark, one column each behind the others.
    """

    fill: NDArray[np.float64]
    marks: NDArray[np.int64]

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the filled columns, then the marks."""
        missing = np.isnan(X)
        made = np.where(missing, self.fill, X)
        return np.concatenate((made, missing[:, self.marks]), axis=1) if len(self.marks) else made

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return demand_columns(columns, len(self.fill)) + len(self.marks)

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Give the same, but for a mark."""
        return values if position < len(self.fill) else None


@dataclass(frozen=True, eq=False)
class Scale:
    """Subtract, then divide: standard and robust scaling.

    Parameters
    ----------
    center, spread : ndarray of float64, shape (n_columns,)
        Either may be empty: it is left out.
    """

    center: NDArray[np.float64]
    spread: NDArray[np.float64]

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the scaled columns."""
        made = X - self.center if len(self.center) else X
        return made / self.spread if len(self.spread) else made

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        for part in (self.center, self.spread):
            if len(part):
                demand_columns(columns, len(part))
        return columns

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Multiply, then add."""
        made = values * self.spread[position] if len(self.spread) else values
        return made + self.center[position] if len(self.center) else made


@dataclass(frozen=True, eq=False)
class Stretch:
    """Multiply, then add: scaling to a range, as min-max scaling does it.

    Parameters
    ----------
    factor, offset : ndarray of float64, shape (n_columns,)
        The two.
    """

    factor: NDArray[np.float64]
    offset: NDArray[np.float64]

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the scaled columns."""
        return X * self.factor + self.offset

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return demand_columns(columns, len(self.factor), len(self.offset))

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Subtract, then divide."""
        factor = self.factor[position]
        return (values - self.offset[position]) / factor if factor else None


@dataclass(frozen=True, eq=False)
class Bound:
    """Bound each column from both sides; missing stays missing.

    Parameters
    ----------
    low, high : ndarray of float64, shape (n_columns,)
        The bounds.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the bounded columns."""
        return np.clip(X, self.low, self.high)

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return demand_columns(columns, len(self.low), len(self.high))

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Give the same."""
        return values


@dataclass(frozen=True, eq=False)
class SignedLog:
    """Compress long tails: ``sign(x) log(1 + |x|)``; missing stays missing."""

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the compressed columns."""
        return np.asarray(np.sign(X) * np.log1p(np.abs(X)))

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return columns

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Stretch the tails again."""
        return np.asarray(np.sign(values) * np.expm1(np.abs(values)))


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Map each column through its quantiles, to shares or to a normal distribution.

    Parameters
    ----------
    quantiles : ndarray of float64, shape (n_quantiles, n_columns)
        Of the training rows.
    references : ndarray of float64, shape (n_quantiles,)
        Their shares.
    normal : bool
        Whether shares become values of the standard normal distribution.
    """

    quantiles: NDArray[np.float64]
    references: NDArray[np.float64]
    normal: bool

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the mapped columns."""
        return np.column_stack([self._mapped(X[:, number], self.quantiles[:, number]) for number in range(X.shape[1])])

    def _mapped(self, values: NDArray[np.float64], quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
        made = values.copy()
        known = ~np.isnan(values)
        one = values[known]
        # Up and down, and the mean: with many equal quantiles either alone would take one end of the step.
        up = np.interp(one, quantiles, self.references)
        down = np.interp(-one, -quantiles[::-1], -self.references[::-1])
        made[known] = 0.5 * (up - down)
        lowest, highest = quantiles[0], quantiles[-1]
        with np.errstate(invalid="ignore"):
            if self.normal:
                below, above = values - _EDGE < lowest, values + _EDGE > highest
            else:
                below, above = values == lowest, values == highest
        made[above], made[below] = 1.0, 0.0
        return _normal(made, known) if self.normal else made

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return demand_columns(columns, self.quantiles.shape[1])

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Give nothing: a step of the map has no way back."""
        return None


_EDGE = 1e-7


def _normal(shares: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    from scipy.special import ndtri  # noqa: PLC0415 - heavy, and only this needs it

    low, high = ndtri(_EDGE - np.spacing(1)), ndtri(1 - (_EDGE - np.spacing(1)))
    made = shares.copy()
    made[known] = np.clip(ndtri(shares[known]), low, high)
    return made


_KINDS: dict[str, tuple[type[Stage], dict[str, tuple[str, int]], tuple[str, ...]]] = {
    "impute": (Impute, {"fill": ("float64", 1), "marks": ("int64", 1)}, ()),
    "scale": (Scale, {"center": ("float64", 1), "spread": ("float64", 1)}, ()),
    "stretch": (Stretch, {"factor": ("float64", 1), "offset": ("float64", 1)}, ()),
    "bound": (Bound, {"low": ("float64", 1), "high": ("float64", 1)}, ()),
    "signed_log": (SignedLog, {}, ()),
    "yeo_johnson": (YeoJohnson, {"powers": ("float64", 1)}, ()),
    "box_cox": (BoxCox, {"powers": ("float64", 1)}, ()),
    "outside": (Outside, {"low": ("float64", 1), "high": ("float64", 1)}, ("mark",)),
    "quantiles": (Quantiles, {"quantiles": ("float64", 2), "references": ("float64", 1)}, ("normal",)),
}
_NAMES = {kind: name for name, (kind, _, _) in _KINDS.items()}


def keep_stage(stage: Stage) -> tuple[Facts, Arrays]:
    """Give what a stage keeps: facts with its kind, and arrays."""
    name = _NAMES[type(stage)]
    _, arrays, flags = _KINDS[name]
    return {"kind": name, **{flag: getattr(stage, flag) for flag in flags}}, {
        one: getattr(stage, one) for one in arrays
    }


def restore_stage(facts: Facts, arrays: Arrays) -> Stage:
    """Build a stage again.

    Raises
    ------
    Unsound
        The parts do not fit together.
    """
    name = facts.get("kind")
    if not isinstance(name, str) or name not in _KINDS:
        raise Unsound(f"there is no stage of the kind {name!r}")
    kind, wanted, flags = _KINDS[name]
    parts: dict[str, object] = {
        one: array(arrays, one, dtype, *(None,) * dimensions) for one, (dtype, dimensions) in wanted.items()
    }
    for flag in flags:
        if not isinstance(facts.get(flag), bool):
            raise Unsound(f"{flag!r} of a stage is {facts.get(flag)!r}, neither true nor false")
        parts[flag] = facts[flag]
    made = kind(**parts)
    if isinstance(made, Impute) and not np.all((made.marks >= 0) & (made.marks < len(made.fill))):
        raise Unsound("a mark of missing values is for a column that is not there")
    if isinstance(made, Quantiles) and len(made.quantiles) != len(made.references):
        raise Unsound("quantiles and their shares are not equally many")
    return made


def through(stages: Sequence[Stage], X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a matrix through stages, one after the other."""
    for stage in stages:
        X = stage(X)
    return X


def width_behind(stages: Sequence[Stage], columns: int) -> int:
    """Say how many columns come out of so many."""
    for stage in stages:
        columns = stage.width(columns)
    return columns
