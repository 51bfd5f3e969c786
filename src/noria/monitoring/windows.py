"""Cutting a stream of answers into windows: half-open, in order, each judged once it is complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noria.store.columns import from_micros, to_micros

if TYPE_CHECKING:
    from datetime import datetime

    from noria.monitoring.span import Span

__all__ = ["Piece", "cut", "micros"]


@dataclass(frozen=True)
class Piece:
    """Some rows of the stream.

    Parameters
    ----------
    starts, ends : datetime
        Half-open: a row at `ends` belongs to the next window.
    rows : ndarray of int64
        Positions of its rows in what was cut.
    complete : bool
        Whether no more rows can come.
    """

    starts: datetime
    ends: datetime
    rows: np.ndarray = field(repr=False)
    complete: bool


def cut(moments: np.ndarray, span: Span, *, complete_until: datetime) -> list[Piece]:
    """Cut rows into windows.

    Parameters
    ----------
    moments : ndarray of int64, shape (n,)
        When each row happened, microseconds since 1970 in UTC. For windows of rows they are in order of arrival.
    span : Span
        Length of a window.
    complete_until : datetime
        Everything before this has come in. A window of time is complete once this reaches its end;
        a window of rows is complete when it is full.

    Returns
    -------
    list of Piece
        In order of time; at most the last ones are incomplete. Windows without rows are left out.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from noria.monitoring.span import parse_span
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> [(piece.rows.tolist(), piece.complete) for piece in cut(np.arange(5), parse_span("2 rows"), complete_until=now)]
    [([0, 1], True), ([2, 3], True), ([4], False)]
    """
    if not len(moments):
        return []
    if span.rows is not None:
        return _by_rows(moments, span.rows)
    return _by_time(moments, span, to_micros(complete_until))


def micros(values: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Give times as int64 microseconds since 1970; text is read as ISO 8601, numbers as such counts already.

    Missing times become the smallest integer, so that they sort first and are never complete in a window of time.
    """
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = values.cast(pa.timestamp("us", tz="UTC" if _zoned(values) else None))
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        zone = values.type.tz if pa.types.is_timestamp(values.type) else None
        values = values.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64())
    numbers: np.ndarray = np.asarray(
        values.cast(pa.int64(), safe=False).fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False),
        dtype=np.int64,
    )
    return numbers


def _by_rows(moments: np.ndarray, size: int) -> list[Piece]:
    pieces = []
    for first in range(0, len(moments), size):
        rows = np.arange(first, min(first + size, len(moments)))
        # The end is the first moment that is not in it any more.
        starts, ends = from_micros(int(moments[rows].min())), from_micros(int(moments[rows].max()) + 1)
        pieces.append(Piece(starts, ends, rows, len(rows) == size))
    return pieces


def _by_time(moments: np.ndarray, span: Span, complete_until: int) -> list[Piece]:
    length = span.micros
    known = np.flatnonzero(moments != np.iinfo(np.int64).min)
    if not len(known):
        return []
    origin = to_micros(span.start_of(from_micros(int(moments[known].min()))))
    number = (moments[known] - origin) // length
    pieces = []
    for index in np.unique(number):
        starts = origin + int(index) * length
        ends = starts + length
        pieces.append(Piece(from_micros(starts), from_micros(ends), known[number == index], ends <= complete_until))
    return pieces


def _zoned(values: pa.ChunkedArray | pa.Array) -> bool:
    first = next((value for value in values.drop_null().slice(0, 1).to_pylist()), "")
    return first.endswith("Z") or "+" in first[10:]
