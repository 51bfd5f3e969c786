"""How long a window lasts: a stretch of time or a number of rows."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from noria.duration import parse_duration
from noria.errors import WrongSetting

__all__ = ["Span", "parse_span"]

_ROWS = re.compile(r"^\s*(\d[\d_]*)\s*rows?\s*$")
# Weeks begin on Monday: 1970-01-05 was one. Shorter spans divide the day, so the same origin suits them.
_ORIGIN = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """Either a duration or a number of rows; the other one is None.

    Examples
    --------
    >>> parse_span("1d")
    Span(duration=datetime.timedelta(days=1), rows=None)
    >>> parse_span("500 rows").rows
    500
    """

    duration: timedelta | None = None
    rows: int | None = None

    @property
    def micros(self) -> int:
        """Length in microseconds; 0 for a number of rows."""
        return 0 if self.duration is None else self.duration // timedelta(microseconds=1)

    def start_of(self, moment: datetime) -> datetime:
        """Begin of the half-open window of time that holds a moment, aligned to UTC midnights and Mondays.

        Examples
        --------
        >>> parse_span("1h").start_of(datetime(2026, 5, 4, 13, 37, tzinfo=UTC)).isoformat()
        '2026-05-04T13:00:00+00:00'
        """
        if self.duration is None:
            raise ValueError("a window of rows has no aligned start")
        return moment - (moment - _ORIGIN) % self.duration


def parse_span(text: str) -> Span:
    """Read the length of a window: ``1d``, ``1h`` or ``500 rows``.

    Raises
    ------
    WrongSetting
        The text is neither, or the window would be empty.
    """
    rows = _ROWS.match(text)
    if rows is not None:
        count = int(rows[1].replace("_", ""))
        if count > 0:
            return Span(rows=count)
    else:
        with suppress(WrongSetting):
            duration = parse_duration(text)
            if duration > timedelta(0):
                return Span(duration=duration)
    raise WrongSetting(
        f"{text!r} is no window",
        mend='write a duration ("1h", "1d", "1w") or a number of rows ("500 rows")',
        code="N-MONITOR-002",
    )
