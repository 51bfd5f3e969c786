"""A quick look at values that are as training knew them, which nearly all are.

It only ever says "plain" or "look closer". What it calls plain, the check of `noria.scoring.column` would have let
through unchanged and without a flag; whatever else there is to say is said there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import NoneType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from noria.scoring.column import SignatureColumn

__all__ = ["plain_column", "plain_value"]

_INT64 = 2**63


def plain_value(column: SignatureColumn) -> Callable[[object], bool]:
    """Make the look at one value.

    Examples
    --------
    >>> from noria.scoring.column import SignatureColumn
    >>> is_plain = plain_value(SignatureColumn("age", "int", min=18, max=75))
    >>> [is_plain(value) for value in (30, 30.0, True, 80, None)]
    [True, False, False, False, False]
    """
    may_lack = column.missing == "impute"
    if column.type in ("float", "int"):
        kind: type = float if column.type == "float" else int
        low, high = _bounds(column)

        def number(value: object) -> bool:
            # A comparison with NaN is false, so that it is no plain number.
            return (type(value) is kind and low <= value <= high) or (value is None and may_lack)  # type: ignore[operator]

        return number
    if column.type in ("category", "text"):
        known = _known(column)

        def text(value: object) -> bool:
            return (type(value) is str and (known is None or value in known)) or (value is None and may_lack)

        return text
    if column.type == "bool":
        return lambda value: value is True or value is False or (value is None and may_lack)
    return lambda value: value is None and may_lack  # a time is never left as it came


def plain_column(column: SignatureColumn) -> Callable[[Sequence[object]], bool]:
    """Make the look at all values of a column at once, none of them a list or an object.

    Examples
    --------
    >>> from noria.scoring.column import SignatureColumn
    >>> is_plain = plain_column(SignatureColumn("age", "int", min=18, max=75))
    >>> is_plain([18, 75]), is_plain([18, 76]), is_plain([18, None])
    (True, False, False)
    """
    may_lack = column.missing == "impute"
    of_kind: Callable[[Sequence[object]], bool]
    if column.type in ("float", "int"):
        wanted: type = float if column.type == "float" else int
        low, high = _bounds(column)

        def of_kind(values: Sequence[object]) -> bool:
            numbers = cast("Sequence[float]", values)
            # Smallest and largest mean nothing beside a NaN, but it makes every sum one.
            return low <= min(numbers) and max(numbers) <= high and (wanted is int or math.isfinite(sum(numbers)))

    elif column.type in ("category", "text"):
        wanted, known = str, _known(column)

        def of_kind(values: Sequence[object]) -> bool:
            return known is None or known.issuperset(values)

    elif column.type == "bool":
        wanted = bool

        def of_kind(values: Sequence[object]) -> bool:
            return True

    else:
        return lambda values: may_lack and all(value is None for value in values)

    def is_plain(values: Sequence[object]) -> bool:
        kinds = set(map(type, values))
        if NoneType in kinds:
            if not may_lack:
                return False
            kinds.discard(NoneType)
            values = [value for value in values if value is not None]
        return not kinds or (kinds == {wanted} and of_kind(values))

    return is_plain


def _bounds(column: SignatureColumn) -> tuple[float, float]:
    """Give training's range, or that of numbers that every reader of JSON takes for the same."""
    most: float = math.nextafter(_INT64, 0.0) if column.type == "float" else _INT64 - 1
    low = -_INT64 if column.min is None else max(column.min, -_INT64)
    high = most if column.max is None else min(column.max, most)
    return low, high


def _known(column: SignatureColumn) -> frozenset[str] | None:
    limited = column.type == "category" and column.categories is not None and column.unseen != "ignore"
    return frozenset(column.categories or ()) if limited else None
