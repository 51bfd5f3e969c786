"""Axes: where the ticks go, how they are written, and where a value lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["Axis", "band_axis", "finite", "numeric_axis", "share_axis", "tick_texts", "ticks", "time_axis"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TIME_STEPS = (
    (1, "%H:%M:%S"), (5, "%H:%M:%S"), (15, "%H:%M:%S"), (30, "%H:%M:%S"), (_MINUTE, "%H:%M"), (5 * _MINUTE, "%H:%M"),
    (15 * _MINUTE, "%H:%M"), (30 * _MINUTE, "%H:%M"), (_HOUR, "%H:%M"), (3 * _HOUR, "%H:%M"), (6 * _HOUR, "%H:%M"),
    (12 * _HOUR, "%d %b %H:%M"), (_DAY, "%d %b"), (2 * _DAY, "%d %b"), (3 * _DAY, "%d %b"), (7 * _DAY, "%d %b"),
    (14 * _DAY, "%d %b"),
)  # fmt: skip
_LARGEST = 8e307
"""Ends of an axis, so that the way between them is a number too."""
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True)
class Axis:
    """One direction of a drawing.

    Attributes
    ----------
    low, high : float
        Values at the ends.
    ticks : tuple of (float, str)
        Where marks are, and what they say.
    title : str
        What is measured, with its unit.
    grid : bool
        Whether ticks are drawn across.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str = ""
    grid: bool = True

    def share(self, value: float) -> float:
        """Say how far along the axis a value lies, from 0 to 1.

        Examples
        --------
        >>> Axis(10, 20, ()).share(12.5), Axis(-8e307, 8e307, ()).share(1.6e308)
        (0.25, 1.5)
        """
        way = (value - self.low) / (self.high - self.low)
        # Only at the ends of all numbers is the way longer than any of them.
        return way if math.isfinite(way) else value / (self.high - self.low) - self.low / (self.high - self.low)


def finite(values: Iterable[float | None]) -> list[float]:
    """Keep the values that can be drawn."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Choose round values inside a range, about so many.

    Examples
    --------
    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(3, 97, 4)
    [25.0, 50.0, 75.0]
    """
    if not high > low:
        return [low]
    raw = high / max(count, 1) - low / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 0.0
    if power == 0:
        return [low]  # denormal numbers: nothing rounder lies between them
    step = min((1, 2, 2.5, 5, 10), key=lambda nice: abs(math.log(nice * power / raw))) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{position * step:.12g}") + 0.0 for position in range(first, last + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Write ticks alike: the same number of decimals, thousands and millions shortened.

    Examples
    --------
    >>> tick_texts([0, 0.5, 1.0]), tick_texts([0, 20000, 40000])
    (['0.0', '0.5', '1.0'], ['0', '20k', '40k'])
    """
    largest = max((abs(value) for value in values), default=0.0)
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if largest >= limit:
            scale = {"G": 1e9, "M": 1e6, "k": 1e3}[unit]
            texts = _alike([value / scale for value in values])
            return ["0" if value == 0 else text + unit for value, text in zip(values, texts, strict=True)]
    if 0 < largest < 1e-3:
        return [f"{value:.3g}" for value in values]
    return _alike(values)


def numeric_axis(
    values: Iterable[float | None],
    title: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    count: int = 5,
    room: float = 0.05,
    grid: bool = True,
    whole: bool = False,
) -> Axis:
    """Make an axis that holds some values.

    Parameters
    ----------
    values : iterable of float or None
        What must fit; None and NaN are left out.
    low, high : float, optional
        Ends that are given instead of found.
    count : int
        About how many ticks.
    room : float
        Share of the range left free at each end that was found.
    whole : bool
        Whether only whole numbers are marked, as for counts.
    """
    found = finite(values)
    least = max(low if low is not None else min(found, default=0.0), -_LARGEST)
    most = min(high if high is not None else max(found, default=1.0), _LARGEST)
    if most <= least:
        half = abs(least) * 0.1 or 0.5
        least, most = (least if low is not None else least - half), most + half
    spread = most - least
    start = least if low is not None else least - room * spread
    end = most if high is not None else most + room * spread
    if low is None and 0 <= least < 0.1 * spread:
        start = 0.0  # a range that nearly reaches zero may as well show it
    chosen = [value for value in ticks(start, end, count) if not whole or value == math.floor(value)]
    return Axis(start, end, tuple(zip(chosen, tick_texts(chosen), strict=True)), title, grid)


def share_axis(values: Iterable[float | None] = (0.0, 1.0), title: str = "", *, count: int = 5) -> Axis:
    """Make an axis of shares from zero, written in percent."""
    most = max(finite(values), default=1.0)
    end = 1.0 if most > 0.9 else max(most * 1.08, 1e-6)
    chosen = ticks(0.0, end, count)
    texts = _alike([100 * value for value in chosen])
    return Axis(0.0, end, tuple((value, f"{text} %") for value, text in zip(chosen, texts, strict=True)), title)


def band_axis(labels: Sequence[str], title: str = "") -> Axis:
    """Make an axis of names: the first lies at 0, the next at 1."""
    return Axis(-0.5, len(labels) - 0.5, tuple((float(at), label) for at, label in enumerate(labels)), title, False)


def time_axis(moments: Sequence[datetime], title: str = "", *, count: int = 6) -> Axis:
    """Make an axis of time in UTC; values are seconds since 1970.

    Examples
    --------
    >>> days = [datetime(2024, 3, day, tzinfo=UTC) for day in (1, 5)]
    >>> [text for _, text in time_axis(days).ticks]
    ['01 Mar', '02 Mar', '03 Mar', '04 Mar', '05 Mar']
    """
    low, high = min(moments).timestamp(), max(moments).timestamp()
    if high <= low:
        low, high = low - _HOUR, high + _HOUR
    span = high - low
    for step, pattern in _TIME_STEPS:
        if span / step <= count * 1.3:
            first = math.ceil(low / step) * step
            places = [float(at) for at in range(int(first), int(high) + 1, step)]
            return Axis(low, high, tuple((at, _when(at, pattern)) for at in places), title, False)
    months = next((step for step in _MONTHS if span / (step * 30.4 * _DAY) <= count * 1.3), _MONTHS[-1])
    return Axis(low, high, tuple(_month_ticks(low, high, months)), title, False)


def _month_ticks(low: float, high: float, step: int) -> Iterable[tuple[float, str]]:
    start = datetime.fromtimestamp(low, UTC)
    month = start.year * 12 + start.month - 1
    month = math.ceil(month / step) * step
    while True:
        at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if at.timestamp() > high:
            return
        if at.timestamp() >= low:
            yield at.timestamp(), at.strftime("%Y" if step >= 12 else "%b %Y")
        month += step


def _when(at: float, pattern: str) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)
    if pattern == "%H:%M" and moment.hour == moment.minute == 0:
        return moment.strftime("%d %b")
    return moment.strftime(pattern)


def _alike(values: Sequence[float]) -> list[str]:
    for decimals in range(7):
        if all(abs(round(value, decimals) - value) <= 1e-9 * max(1.0, abs(value)) for value in values):
            break
    return [f"{value + 0.0:,.{decimals}f}" for value in values]
