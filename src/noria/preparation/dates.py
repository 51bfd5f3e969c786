"""Timestamps as numbers: days since 1970, and year, week and day as positions on a circle; or parts of one's choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FIELDS", "PARTS", "date_fields", "date_parts", "field_names"]

PARTS = ("days", "year_sin", "year_cos", "week_sin", "week_cos", "day_sin", "day_cos")

_MICROSECONDS_A_DAY = 86_400_000_000


def date_parts(stamps: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Give seven numbers for each timestamp, NaN where it is missing.

    Parameters
    ----------
    stamps : ndarray of datetime64[us], shape (n_rows,)
        NaT is missing.

    Returns
    -------
    ndarray of float64, shape (n_rows, 7)
        In the order of `PARTS`.

    Examples
    --------
    >>> date_parts(np.array(["1970-01-05", "NaT"], dtype="datetime64[us]"))[:, [0, 3, 4]].tolist()
    [[4.0, 0.0, 1.0], [nan, nan, nan]]
    """
    missing = np.isnat(stamps)
    days = np.where(missing, 0, stamps.astype("int64")) / _MICROSECONDS_A_DAY
    turns = np.column_stack([days / 365.2425, (days + 3) / 7, days])  # 1970-01-01 was a Thursday
    angles = 2 * np.pi * (turns - np.floor(turns))
    circles = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(days), -1)
    parts = np.column_stack([days, circles])
    parts[missing] = np.nan
    return parts


def date_fields(stamps: NDArray[np.datetime64], fields: Sequence[str], *, cyclic: bool = False) -> NDArray[np.float64]:
    """Give parts of each timestamp, NaN where it is missing.

    Parameters
    ----------
    stamps : ndarray of datetime64[us], shape (n_rows,)
        NaT is missing.
    fields : sequence of str
        Of `FIELDS`.
    cyclic : bool
        Sine and cosine of the parts that come round.

    Examples
    --------
    >>> moment = np.array(["2024-02-29T18:30"], dtype="datetime64[us]")
    >>> date_fields(moment, ["year", "month", "dow", "doy", "hour"]).tolist()
    [[2024.0, 2.0, 3.0, 60.0, 18.0]]
    >>> date_fields(moment, ["hour"], cyclic=True).round(6).tolist()
    [[-1.0, -0.0]]
    """
    missing = np.isnat(stamps)
    known = np.where(missing, np.datetime64(0, "us"), stamps)
    columns = []
    for name in fields:
        first, period, take = FIELDS[name]
        values = take(known).astype(np.float64)
        if cyclic and period is not None:
            angles = 2 * np.pi * ((values - first) / period(known))
            columns += [np.sin(angles), np.cos(angles)]
        else:
            columns.append(values)
    made = np.column_stack(columns)
    made[missing] = np.nan
    return made


def field_names(fields: Sequence[str], *, cyclic: bool = False) -> tuple[str, ...]:
    """Name what `date_fields` gives.

    Examples
    --------
    >>> field_names(["year", "hour"], cyclic=True)
    ('year', 'hour_sin', 'hour_cos')
    """
    made: list[str] = []
    for name in fields:
        made += [f"{name}_sin", f"{name}_cos"] if cyclic and FIELDS[name][1] is not None else [name]
    return tuple(made)


def _since(stamps: NDArray[np.datetime64], unit: str) -> NDArray[np.int64]:
    """Count days since the year or the month began."""
    days = stamps.astype("datetime64[D]")
    return np.asarray((days - days.astype(f"datetime64[{unit}]").astype("datetime64[D]")).astype(np.int64))


def _length(stamps: NDArray[np.datetime64], unit: str) -> NDArray[np.int64]:
    """Count the days of the year or the month."""
    begun = stamps.astype(f"datetime64[{unit}]")
    return np.asarray(((begun + 1).astype("datetime64[D]") - begun.astype("datetime64[D]")).astype(np.int64))


def _weekday(stamps: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return (stamps.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday


def _week(stamps: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Give the week of ISO 8601: that of its Thursday."""
    thursday = stamps.astype("datetime64[D]") + (3 - _weekday(stamps)).astype("timedelta64[D]")
    return _since(thursday, "Y") // 7 + 1


def _within(stamps: NDArray[np.datetime64], unit: str, of: int) -> NDArray[np.int64]:
    return stamps.astype(f"datetime64[{unit}]").astype(np.int64) % of


Period = Callable[["NDArray[np.datetime64]"], "NDArray[np.int64] | int"]

FIELDS: Mapping[str, tuple[int, Period | None, Callable[[NDArray[np.datetime64]], NDArray[np.generic]]]] = {
    "year": (0, None, lambda t: t.astype("datetime64[Y]").astype(np.int64) + 1970),
    "quarter": (1, lambda t: 4, lambda t: _within(t, "M", 12) // 3 + 1),
    "month": (1, lambda t: 12, lambda t: _within(t, "M", 12) + 1),
    "week": (1, lambda t: 53, _week),
    "day": (1, lambda t: _length(t, "M"), lambda t: _since(t, "M") + 1),
    "dow": (0, lambda t: 7, _weekday),
    "doy": (1, lambda t: _length(t, "Y"), lambda t: _since(t, "Y") + 1),
    "hour": (0, lambda t: 24, lambda t: _within(t, "h", 24)),
    "minute": (0, lambda t: 60, lambda t: _within(t, "m", 60)),
    "weekend": (0, None, lambda t: _weekday(t) >= 5),
    "days": (0, None, lambda t: t.astype(np.int64) / _MICROSECONDS_A_DAY),
}
"""Parts of a timestamp: where each begins to count, how long until it comes round, and how it is found."""
