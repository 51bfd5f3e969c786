"""Powers that bring a column near to a normal distribution: Yeo-Johnson and Box-Cox, operation by operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.unsound import demand_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BoxCox", "YeoJohnson"]

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class YeoJohnson:
    """Raise each column to its power, on both sides of zero; missing stays missing.

    Parameters
    ----------
    powers : ndarray of float64, shape (n_columns,)
        One a column; NaN for a column that had no value.

    References
    ----------
    Yeo, I.-K. and Johnson, R. A. (2000). A new family of power transformations to improve normality or symmetry.
    Biometrika 87(4), 954-959.
    """

    powers: NDArray[np.float64]

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the raised columns."""
        return np.column_stack([_raised(X[:, place], power) for place, power in enumerate(self.powers.tolist())])

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return demand_columns(columns, len(self.powers))

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Take the root."""
        power = float(self.powers[position])
        with np.errstate(all="ignore"):
            above = np.expm1(values) if abs(power) < _EPS else np.expm1(np.log1p(power * values) / power)
            rest = 2 - power
            below = -np.expm1(-values) if abs(rest) <= _EPS else -np.expm1(np.log1p(-rest * values) / rest)
        return np.where(values >= 0, above, below)


def _raised(values: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    made = np.zeros_like(values)
    above = values >= 0
    if abs(power) < _EPS:
        made[above] = np.log1p(values[above])
    else:
        made[above] = np.expm1(power * np.log1p(values[above])) / power
    if abs(power - 2) > _EPS:
        made[~above] = -np.expm1((2 - power) * np.log1p(-values[~above])) / (2 - power)
    else:
        made[~above] = -np.log1p(-values[~above])
    return made


@dataclass(frozen=True, eq=False)
class BoxCox:
    """Raise each column of numbers above zero to its power; missing stays missing.

    Parameters
    ----------
    powers : ndarray of float64, shape (n_columns,)
        One a column.

    References
    ----------
    Box, G. E. P. and Cox, D. R. (1964). An analysis of transformations. Journal of the Royal Statistical Society B 26,
    211-252.
    """

    powers: NDArray[np.float64]

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the raised columns."""
        from scipy.special import boxcox  # noqa: PLC0415 - heavy, and only this needs it

        return np.column_stack([boxcox(X[:, place], power) for place, power in enumerate(self.powers.tolist())])

    def width(self, columns: int) -> int:
        """Say how many columns come out."""
        return demand_columns(columns, len(self.powers))

    def back(self, position: int, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Take the root."""
        from scipy.special import inv_boxcox  # noqa: PLC0415 - as above

        return np.asarray(inv_boxcox(values, float(self.powers[position])))
