"""Cron arithmetic: which time has come. Clock changes fire neither twice nor never."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["due"]

_PUNCTUAL = timedelta(minutes=5)
_DAY = timedelta(hours=25)


def due(
    cron: str,
    *,
    since: datetime,
    now: datetime,
    timezone: str = "UTC",
    catch_up: Literal["skip", "once"] = "once",
) -> datetime | None:
    """Give the scheduled time to fire for, if one has come.

    Parameters
    ----------
    cron : str
        Five fields: minute hour day month weekday.
    since : datetime
        The time fired for last; only later ones count.
    now : datetime
        Aware.
    timezone : str
        Zone of the fields.
    catch_up : str
        Several times missed are one firing, for the last of them; ``skip`` drops it if it is over five minutes old.

    Returns
    -------
    datetime or None

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> monday = datetime(2026, 5, 4, tzinfo=UTC)
    >>> due("0 3 * * *", since=monday, now=monday.replace(hour=4)).hour
    3
    >>> due("0 3 * * *", since=monday, now=monday.replace(hour=2)) is None
    True
    """
    from cronsim import CronSim  # noqa: PLC0415 - only projects with a schedule need it

    zone = ZoneInfo(timezone)
    # In UTC throughout: two times of one zone compare by their wall clocks, which a clock change turns back.
    since, now = since.astimezone(UTC), now.astimezone(UTC)
    # From a day ago, not from the last firing: a walk that begins in the hour that comes twice skips its second half.
    begin = now - _DAY
    found = since
    for moment in CronSim(cron, begin.astimezone(zone)):
        if moment > now:
            break
        found = max(found, moment.astimezone(UTC))
    if found == since < begin:
        # Nothing for a day: one step back from there, however long noria was away.
        found = next(CronSim(cron, begin.astimezone(zone), reverse=True)).astimezone(UTC)
    if found <= since or (catch_up == "skip" and now - found > _PUNCTUAL):
        return None
    return found
