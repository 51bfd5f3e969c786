"""Rows of Python values turned into Arrow columns, each of one type."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["column_of", "columns_of"]


def columns_of(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Make a table of rows; a key that a row lacks is missing there.

    Examples
    --------
    >>> columns_of([{"a": 1}, {"a": 2.5, "b": "x"}]).to_pylist()
    [{'a': 1.0, 'b': None}, {'a': 2.5, 'b': 'x'}]
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table([column_of([row.get(name) for row in rows]) for name in names], names=[str(name) for name in names])


def column_of(values: Sequence[object]) -> pa.Array:
    """Make one column; where kinds of values are mixed, each is written out as text.

    Examples
    --------
    >>> column_of([1, None, 3]).type, column_of([1, "x"]).to_pylist()
    (DataType(int64), ['1', 'x'])
    """
    kinds = {*map(type, values)} - {type(None)}
    if not kinds:
        return pa.array(values, pa.string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64())
        except (OverflowError, pa.ArrowInvalid):  # beyond 64 bits: a number that long is a code
            return pa.array([_text(value) for value in values], pa.string())
    if kinds <= {int, Decimal} and kinds != {int} and _whole(values):
        # Sums and NUMERIC(18) come as decimals without a fraction; as doubles their last digits would go.
        return pa.array([None if value is None else int(value) for value in values], pa.int64())  # type: ignore[call-overload]
    if kinds <= {int, float, Decimal} and kinds != {int}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())  # type: ignore[arg-type]
    if kinds == {str}:
        return pa.array(values, pa.string())
    if kinds == {date}:
        return pa.array(values, pa.date32()).cast(pa.timestamp("us"))
    if kinds <= {datetime, date}:
        return _times(values)
    return pa.array([_text(value) for value in values], pa.string())


def _whole(values: Iterable[object]) -> bool:
    for value in values:
        if isinstance(value, Decimal) and (not value.is_finite() or int(value.as_tuple().exponent) < 0):
            return False
        if isinstance(value, (int, Decimal)) and not -(2**63) <= value < 2**63:
            return False
    return True


def _times(values: Sequence[object]) -> pa.Array:
    if datetime in {*map(type, values)} and all(value is None or _naive(value) for value in values):
        return pa.array(values, pa.timestamp("us"))
    made: list[datetime | None] = []
    for value in values:
        if isinstance(value, datetime):
            made.append(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)
        else:
            made.append(datetime.combine(value, time()) if isinstance(value, date) else None)
    return pa.array(made, pa.timestamp("us"))


def _naive(value: object) -> bool:
    return type(value) is datetime and value.tzinfo is None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)
