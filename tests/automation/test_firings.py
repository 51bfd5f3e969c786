"""Two loops at once do not fire twice, and a dead one does not hold the next run back."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.automation.firings import Firings
from noria.automation.tables import firings

if TYPE_CHECKING:
    from noria.store.database import Database

NOW = datetime(2026, 5, 4, 3, tzinfo=UTC)


def test_of_many_loops_one_gets_the_claim(database: Database) -> None:
    claims = Firings(database, "credit")
    claims.note("cron:0 3 * * *", now=NOW - timedelta(days=1))
    last = claims.last("cron:0 3 * * *")
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: claims.claim("cron:0 3 * * *", after=last, due=NOW, now=NOW), range(6)))
    assert sum(claim is not None for claim in found) == 1


def test_a_late_loop_cannot_claim_what_is_done(database: Database) -> None:
    claims = Firings(database, "credit")
    claims.note("data:changed", now=NOW, token="a")
    before = claims.last("data:changed")
    first = claims.claim("data:changed", after=before, due=NOW, now=NOW, token="b")
    claims.finish(first, state="done", now=NOW)
    assert claims.claim("data:changed", after=before, due=NOW, now=NOW, token="b") is None


def test_data_that_changes_back_fires_again(database: Database) -> None:
    claims = Firings(database, "credit")
    claims.note("data:changed", now=NOW, token="a")
    for token in ("b", "a", "b"):
        claim = claims.claim("data:changed", after=claims.last("data:changed"), due=NOW, now=NOW, token=token)
        assert claim is not None
        claims.finish(claim, state="done", now=NOW)


def test_one_automatic_run_of_a_model_at_a_time(database: Database) -> None:
    claims = Firings(database, "credit")
    going = claims.claim("alert:1", after=None, due=NOW, now=NOW)
    assert claims.claim("alert:2", after=None, due=NOW, now=NOW) is None
    assert Firings(database, "sensors").claim("alert:2", after=None, due=NOW, now=NOW) is not None
    claims.finish(going, state="done", now=NOW)
    assert claims.claim("alert:2", after=None, due=NOW, now=NOW) is not None


def test_the_claim_of_a_dead_process_is_given_up(database: Database) -> None:
    claims = Firings(database, "credit")
    dead = subprocess.run(
        [sys.executable, "-c", "from noria.store.process import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    claims.claim("alert:1", after=None, due=NOW, now=NOW)
    with database.transaction() as connection:
        connection.execute(sa.update(firings), {"holder": dead})
    assert claims.claim("alert:2", after=None, due=NOW, now=NOW) is not None
    assert claims.last("alert:1").state == "lost"


def test_a_claim_on_another_machine_is_given_up_after_half_a_day(database: Database) -> None:
    claims = Firings(database, "credit")
    claims.claim("alert:1", after=None, due=NOW, now=NOW)
    with database.transaction() as connection:
        connection.execute(sa.update(firings), {"holder": "elsewhere 12 34"})
    assert claims.claim("alert:2", after=None, due=NOW, now=NOW + timedelta(hours=11)) is None
    assert claims.claim("alert:2", after=None, due=NOW, now=NOW + timedelta(hours=13)) is not None
