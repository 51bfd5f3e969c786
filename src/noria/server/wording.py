"""How numbers, times and sizes are written on a page: short, with units, the exact value beside it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

__all__ = ["after", "ago", "exact", "integer", "number", "percent", "plain", "seconds", "short", "size"]

_DASH = "–"
_STEPS = (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("h", 3_600), ("min", 60))


def number(value: object, digits: int = 4) -> str:
    """Write a number with `digits` significant digits, never in a form that hides its size.

    Examples
    --------
    >>> number(0.812345), number(1234567.8), number(0.00001234), number(None), number(3)
    ('0.8123', '1,234,568', '1.234e-05', '–', '3')
    """
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return _DASH if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size_of = abs(value)
    if size_of >= 10**digits:
        return f"{value:,.0f}"
    if size_of < 1e-3:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - 1 - math.floor(math.log10(size_of)))
    return f"{value:,.{min(places, digits)}f}"


def integer(value: object) -> str:
    """Write a count with thousands apart.

    Examples
    --------
    >>> integer(100001), integer(None)
    ('100,001', '–')
    """
    return _DASH if value is None else f"{int(str(value)):,}"


def percent(value: float | None, places: int = 1) -> str:
    """Write a share as percent.

    Examples
    --------
    >>> percent(0.1234), percent(None), percent(1.0)
    ('12.3 %', '–', '100 %')
    """
    if value is None or not math.isfinite(value):
        return _DASH
    if value in (0.0, 1.0):
        return f"{value * 100:.0f} %"
    return f"{value * 100:.{places}f} %"


def seconds(value: float | None) -> str:
    """Write a duration in the unit a reader would say it in.

    Examples
    --------
    >>> seconds(0.0123), seconds(3.21), seconds(75), seconds(7500), seconds(None)
    ('12 ms', '3.2 s', '1 min 15 s', '2 h 5 min', '–')
    """
    if value is None or not math.isfinite(value):
        return _DASH
    if value < 1:
        millis = value * 1000
        return f"{millis:.1f} ms" if 0 < millis < 10 else f"{millis:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def size(count: int | None) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> size(512), size(20_480), size(5_000_000)
    ('512 B', '20.0 KiB', '4.8 MiB')
    """
    if count is None:
        return _DASH
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def ago(moment: datetime | None, now: datetime) -> str:
    """Write how long ago a moment was, or how soon it comes.

    Examples
    --------
    >>> from datetime import timedelta
    >>> now = datetime(2026, 1, 2, tzinfo=UTC)
    >>> ago(now - timedelta(minutes=5), now), ago(now + timedelta(hours=3), now), ago(now, now)
    ('5 min ago', 'in 3 h', 'just now')
    >>> ago(now - timedelta(days=40), now)
    '1 month ago'
    """
    if moment is None:
        return _DASH
    distance = (now - moment).total_seconds()
    for name, length in _STEPS:
        count = int(abs(distance) // length)
        if count:
            plural = "s" if count > 1 and name in ("year", "month", "day") else ""
            text = f"{count} {name}{plural}"
            return f"{text} ago" if distance > 0 else f"in {text}"
    if abs(distance) < 10:
        return "just now"
    return f"{int(distance)} s ago" if distance > 0 else f"in {int(-distance)} s"


def exact(moment: datetime | None) -> str:
    """Write a moment to the second, in UTC.

    Examples
    --------
    >>> exact(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02 03:04:05 UTC'
    """
    return _DASH if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short(identifier: str | None, length: int = 8) -> str:
    """Shorten a digest or id to its first characters.

    Examples
    --------
    >>> short("0123456789abcdef")
    '01234567'
    """
    return _DASH if not identifier else identifier[:length]


def plain(value: object) -> str:
    """Write any JSON value on one line, as a parameter table shows it.

    Examples
    --------
    >>> plain(["a", 1]), plain({"k": True}), plain(0.25), plain(None)
    ('a, 1', 'k = yes', '0.25', '–')
    """
    if value is None:
        return _DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return "; ".join(f"{key} = {plain(item)}" for key, item in value.items()) or _DASH
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or _DASH
    return str(value)


def after(text: object, beginning: object) -> str:
    """Take the beginning that is said elsewhere, and the verdict with it, off a message.

    Examples
    --------
    >>> after("auc >= 0.75 passed: 0.81 on 600 rows", "auc >= 0.75"), after("0.81", "auc")
    ('0.81 on 600 rows', '0.81')
    """
    left = str(text).removeprefix(str(beginning)).lstrip()
    for verdict in ("passed:", "failed:", "not passed:"):
        left = left.removeprefix(verdict).lstrip()
    return left
