"""How long something lasts, as people write it."""

from __future__ import annotations

import re
from datetime import timedelta

from noria.errors import WrongSetting

__all__ = ["checked_duration", "parse_duration"]

_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
# Added to any date of today it is still a date.
_LONGEST = timedelta(days=36_525)


def parse_duration(text: str) -> timedelta:
    """Read ``90s``, ``10m``, ``1.5h``, ``30d``, ``2w``, ``1m 30s``; the units are ms, s, m, h, d and w.

    Raises
    ------
    WrongSetting
        The text is no duration, or is over a hundred years.

    Examples
    --------
    >>> parse_duration("10m"), parse_duration("1m 30s").total_seconds()
    (datetime.timedelta(seconds=600), 90.0)
    """
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text):
        raise WrongSetting(
            f"{text!r} is no duration", mend="write a number and a unit: 30s, 10m, 6h, 1d, 2w", code="N-DURATION-001"
        )
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise WrongSetting(
            f"{text!r} is longer than a hundred years", mend="write a shorter one", code="N-DURATION-002"
        )
    return timedelta(seconds=seconds)


def checked_duration(text: str) -> str:
    """Give a duration back as written, for settings types, which take a ValueError as the verdict.

    Raises
    ------
    ValueError
        As `parse_duration`.
    """
    try:
        parse_duration(text)
    except WrongSetting as error:
        raise ValueError(f"{error.what}: {error.mend}") from error
    return text
