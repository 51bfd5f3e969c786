"""What a rollout hears of labels, and the alerts it leaves for the loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.automation.response import Facts, respond
from noria.automation.rollouts import RolloutWatch
from noria.monitoring.alarms import Alarms
from noria.monitoring.alerts import Alerts
from noria.monitoring.settings import MonitorSettings
from noria.monitoring.tables import windows
from noria.serving.rollout import Rollout
from noria.serving.transitions import By, begun, paused, settled

if TYPE_CHECKING:
    from noria.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HALF = 1.959963984540054


def window(database: Database, version: int, hours: int, metric: str, value: float, error: float, rows: int) -> None:
    at = NOW + timedelta(hours=hours)
    found = {"metric": metric, "value": value, "low": value - HALF * error, "high": value + HALF * error, "rows": rows}
    row = {
        "model": "credit", "version": version, "arm": "live", "starts": at, "first_id": f"{version}-{hours}",
        "ends": at, "first_ts": at, "last_ts": at, "last_id": "z", "rows": rows, "judged": at,
        "state": "clean", "pooled": 1, "performance": found, "verdict": "fine", "matured": 1.0, "settled": True,
    }  # fmt: skip
    with database.transaction() as connection:
        connection.execute(sa.insert(windows), row)


def test_windows_of_both_versions_are_pooled_by_their_rows(database: Database) -> None:
    watch = RolloutWatch()
    window(database, 1, -5, "roc_auc", 0.10, 0.01, 1000)  # before the rollout
    window(database, 1, 1, "roc_auc", 0.80, 0.02, 300)
    window(database, 1, 2, "roc_auc", 0.84, 0.03, 100)
    assert watch.labelled(database, "credit", 2, 1, NOW) is None
    window(database, 2, 1, "roc_auc", 0.70, 0.04, 100)
    found = watch.labelled(database, "credit", 2, 1, NOW)
    assert found is not None
    champion, error = 0.81, ((300 * 0.02) ** 2 + (100 * 0.03) ** 2) ** 0.5 / 400
    assert found.difference == pytest.approx(0.70 - champion)
    assert found.high - found.difference == pytest.approx(2.5758293035489 * (error**2 + 0.04**2) ** 0.5)
    assert (found.metric, found.rows) == ("roc_auc", 100)


def test_an_error_that_is_smaller_is_better(database: Database) -> None:
    window(database, 1, 1, "rmse", 10.0, 0.1, 300)
    window(database, 2, 1, "rmse", 12.0, 0.1, 300)
    found = RolloutWatch().labelled(database, "credit", 2, 1, NOW)
    assert found is not None
    assert found.difference == pytest.approx(-2.0)
    assert found.high < 0


def test_one_alert_stays_open_until_the_rollout_is_answered(database: Database) -> None:
    watch, by = RolloutWatch(), By("deployment", "undecided", NOW)
    document = paused(
        begun(settled(None, 1, by, fallback=0), [2], Rollout("canary", (5, 100), 60.0), by), by, change="hold"
    )
    for text in ("it is held", "it is held again"):
        with database.transaction() as connection:
            watch.tell(connection, "credit", 2, document, text)
    # The champion is version 1, and the monitor must not close what is about version 2.
    Alarms(database, "credit", 1, MonitorSettings(), NOW).resolve_replaced()
    (alert,) = Alerts(database).open("credit")
    assert (alert.kind, alert.version, alert.text, alert.windows) == ("rollout", 2, "it is held again", 2)
    with database.transaction() as connection:
        watch.clear(connection, "credit", NOW, "somebody resumed")
    (closed,) = Alerts(database).list("credit")
    assert (closed.state, closed.resolution) == ("resolved", "somebody resumed")


def test_the_loop_tells_of_a_rollout_and_does_nothing_about_it() -> None:
    plan = respond(Facts("rollout"), on_drift="retrain", on_regression="rollback", retrain_rows=1, cooldown="1h")
    assert plan.action == "tell"
