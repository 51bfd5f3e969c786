"""Cron arithmetic against a walk forward through a whole year, and around clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from noria.automation.schedule import due

AMSTERDAM = "Europe/Amsterdam"


def fired(cron: str, start: datetime, end: datetime, *, step: timedelta, timezone: str = AMSTERDAM) -> list[datetime]:
    """Turn the loop every `step` and collect what fires."""
    found, since, now = [], start, start
    while now < end:
        now += step
        if moment := due(cron, since=since, now=now, timezone=timezone):
            found.append(moment.astimezone(UTC))
            since = moment
    return found


def test_the_hour_that_does_not_exist_fires_once() -> None:
    day = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = fired("30 2 * * *", day, day + timedelta(days=1), step=timedelta(minutes=10))
    assert found == [datetime(2026, 3, 29, 1, 0, tzinfo=UTC)]


def test_the_hour_that_comes_twice_fires_once() -> None:
    day = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = fired("30 2 * * *", day, day + timedelta(days=1), step=timedelta(minutes=10))
    assert found == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize("cron", ["0 * * * *", "30 2 * * *", "0 3 * * 1", "15,45 1-3 * * *"])
@pytest.mark.parametrize("start", [datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)])
def test_turns_around_a_clock_change_fire_as_the_calendar_says(cron: str, start: datetime) -> None:
    end = start + timedelta(days=5)
    wanted = []
    for moment in CronSim(cron, start.astimezone(ZoneInfo(AMSTERDAM))):
        if moment > end:
            break
        wanted.append(moment.astimezone(UTC))
    assert fired(cron, start, end, step=timedelta(minutes=5)) == wanted
    assert len(set(wanted)) == len(wanted)


def test_several_missed_times_are_one() -> None:
    monday = datetime(2026, 5, 4, tzinfo=UTC)
    found = due("0 3 * * *", since=monday, now=monday + timedelta(days=9, hours=5))
    assert found == monday + timedelta(days=9, hours=3)


def test_a_missed_time_can_be_skipped() -> None:
    monday = datetime(2026, 5, 4, tzinfo=UTC)
    late = {"since": monday, "now": monday + timedelta(hours=5), "catch_up": "skip"}
    assert due("0 3 * * *", **late) is None
    assert due("0 3 * * *", **{**late, "now": monday + timedelta(hours=3, seconds=40)}) is not None


@given(st.integers(0, 500_000), st.integers(1, 20_000))
def test_never_twice_and_never_early(begin: int, length: int) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=begin)
    now = since + timedelta(minutes=length, seconds=begin % 60)
    found = due("*/15 * * * *", since=since, now=now, timezone=AMSTERDAM)
    if found is not None:
        assert since < found <= now
        assert due("*/15 * * * *", since=found, now=now, timezone=AMSTERDAM) is None
