"""Parts of a plan that do not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from noria.errors import UntrustedFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Unsound", "array", "demand_columns", "number"]


class Unsound(UntrustedFormat):
    """A plan's files do not describe a plan."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "the compiled plan of the model cannot be used",
            why=why,
            mend="noria models compile MODEL@VERSION    makes it again from the model's own files",
            code="N-SCORING-010",
        )


def array(arrays: Arrays, name: str, dtype: str, *shape: int | None) -> NDArray[np.generic]:
    """Take an array that must be there, of this type and shape; None stands for any length.

    Examples
    --------
    >>> import numpy as np
    >>> array({"bias": np.zeros(3)}, "bias", "float64", None).shape
    (3,)
    """
    found = arrays.get(name)
    if found is None:
        raise Unsound(f"the array {name!r} is missing")
    fits = len(found.shape) == len(shape) and all(
        wanted is None or length == wanted for length, wanted in zip(found.shape, shape, strict=True)
    )
    if found.dtype.name != dtype or not fits:
        raise Unsound(f"the array {name!r} is {found.dtype.name} {found.shape}, not {dtype} {shape}")
    return found


def number(facts: Facts, name: str) -> float:
    """Take a number that must be there."""
    found = facts.get(name)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise Unsound(f"{name!r} is {found!r}, not a number")
    return cast("float", found)


def demand_columns(columns: int, *lengths: int) -> int:
    """Hold that a stage's arrays are for so many columns.

    Examples
    --------
    >>> demand_columns(2, 2)
    2
    """
    for length in lengths:
        if length != columns:
            raise Unsound(f"a stage is for {length} columns, and gets {columns}")
    return columns
