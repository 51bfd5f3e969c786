"""The greatest value seen of a column, kept as JSON and given back as what it was."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from noria.errors import WrongData, WrongSetting

__all__ = ["mark_of", "set_back", "unmark"]

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:(?P<between>[T ])(?P<minute>\d\d:\d\d)(?:(?P<second>:\d\d)(?P<part>\.\d+)?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?"
)


def mark_of(value: object) -> object:
    """Write a value of a database or a table as JSON; None stays None.

    Raises
    ------
    WrongData
        It is nothing that grows.

    Examples
    --------
    >>> mark_of(datetime(2026, 5, 1)), mark_of(7)
    ({'datetime': '2026-05-01T00:00:00'}, {'number': '7'})
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return {"decimal" if isinstance(value, Decimal) else "number": str(value)}
    if isinstance(value, str):
        return {"text": value}
    raise WrongData(
        f"[data] incremental names a column of {type(value).__name__}, which does not grow",
        mend="name a column of times or whole numbers that each change moves up",
        code="N-SOURCE-044",
    )


def set_back(value: Any, seconds: float) -> Any:  # noqa: ANN401 - a time, or a text that says one, as it was
    """Go back from a time; a text that says one is given in the form it had, so that a database orders both alike.

    Parameters
    ----------
    value : datetime, date, str or None
        The greatest value of a column.
    seconds : float
        How far; a text or date that says no such parts goes back to the next whole one before.

    Raises
    ------
    WrongSetting
        It is no time.

    Examples
    --------
    >>> set_back("2026-05-01 00:30:00", 3600), set_back("2026-05-01", 3600), set_back("2026-05-01T12:00Z", 60)
    ('2026-04-30 23:30:00', '2026-04-30', '2026-05-01T11:59Z')
    """
    if value is None or not seconds:
        return value
    if isinstance(value, datetime):
        return value - timedelta(seconds=seconds)
    if isinstance(value, date):
        return value - timedelta(days=math.ceil(seconds / 86_400))
    told = _told_earlier(value, seconds) if isinstance(value, str) else None
    if told is None:
        what = "text that is no time" if isinstance(value, str) else f"{type(value).__name__}, not times"
        raise WrongSetting(
            f"[data] incremental has a lag, and its column holds {what}",
            why=f"its greatest value is {value!r}" if isinstance(value, str) else "",
            mend="leave lag out, or name a column of times; as text they are written 2026-05-01 12:00:00",
            code="N-SOURCE-045",
        )
    return told


def _told_earlier(text: str, seconds: float) -> str | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    day, between, minute, second, part, zone = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{minute or '00:00'}{second or ':00'}{(part or '.0')[:7]:0<7}")
        at -= timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    if between is None:
        return f"{at:%Y-%m-%d}"
    rest = f"{at::%S}" if second else ""
    fraction = f"{at:.%f}"[: len(part)].ljust(len(part), "0") if part else ""
    return f"{at:%Y-%m-%d}{between}{at:%H:%M}{rest}{fraction}{zone or ''}"


def unmark(mark: object) -> Any:  # noqa: ANN401 - a time, a number or text, as it was
    """Read a value back.

    Examples
    --------
    >>> [unmark(mark_of(value)) for value in (7, 0.5, Decimal("1.50"), "b", date(2026, 5, 1), None)]
    [7, 0.5, Decimal('1.50'), 'b', datetime.date(2026, 5, 1), None]
    """
    if not isinstance(mark, dict):
        return None
    ((kind, text),) = mark.items()
    if kind == "datetime":
        return datetime.fromisoformat(text)
    if kind == "date":
        return date.fromisoformat(text)
    if kind == "decimal":
        return Decimal(text)
    if kind == "number":
        return int(text) if text.lstrip("-").isdigit() else float(text)
    return text
