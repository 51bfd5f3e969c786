"""The book of runs on both databases."""

from __future__ import annotations

import math
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.errors import GateFailed, RunNotFound, WrongArgument
from noria.runs.run import MetricPoint, RunArtifact
from noria.runs.runs import EXPIRY, Runs
from noria.runs.tables import runs as table
from noria.store.blobs import Digest
from noria.store.process import this_process

if TYPE_CHECKING:
    from noria.store.database import Database

NOW = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.fixture
def book(database: Database) -> Runs:
    return Runs(database)


def test_what_is_recorded_is_read_back(book: Runs) -> None:
    run = book.start(
        "pipeline", "credit", tags={"by": "me"}, git_commit="c" * 40, git_clean=True, trigger="cron", at=NOW
    )
    book.log_params(run, {"depth": 3, "names": ["a"], "none": None})
    book.log_params(run, {"depth": 4})
    book.log_metrics(run, {"auc": 0.7, "loss": 1.0}, step=0, at=NOW)
    book.log_metrics(run, {"auc": 0.8}, step=10, at=NOW + timedelta(seconds=1))
    book.log_metrics(run, {"auc": 0.75}, step=5, at=NOW + timedelta(seconds=2))
    book.set_tag(run, "note", "first")
    book.set_tag(run, "note", "second")
    error = GateFailed("too low", code="N-GATE-001").to_dict()
    book.finish(run, "failed", error=error, at=NOW + timedelta(minutes=1))
    found = book.get(run)
    assert (found.kind, found.name, found.status, found.trigger) == ("pipeline", "credit", "failed", "cron")
    assert (found.git_commit, found.git_clean) == ("c" * 40, True)
    assert (found.started, found.seconds) == (NOW, 60.0)
    assert found.params == {"depth": 4, "names": ["a"], "none": None}
    assert found.metrics == {"auc": 0.8, "loss": 1.0}
    assert found.tags == {"by": "me", "note": "second"}
    assert found.error == error
    assert book.history(run, "auc") == (
        MetricPoint(0, 0.7, NOW),
        MetricPoint(5, 0.75, NOW + timedelta(seconds=2)),
        MetricPoint(10, 0.8, NOW + timedelta(seconds=1)),
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_kept_as_none(book: Runs, value: float) -> None:
    run = book.start("pipeline", "x")
    book.log_metrics(run, {"loss": value})
    assert book.get(run).metrics == {"loss": None}


def test_nothing_to_record_is_fine(book: Runs) -> None:
    run = book.start("pipeline", "x")
    book.log_metrics(run, {})
    book.log_params(run, {})
    assert book.get(run).metrics == {}


def test_artifacts_are_listed_by_path(book: Runs) -> None:
    run = book.start("pipeline", "x")
    book.add_artifact(run, "report.html", Digest("a" * 64), 10, "text/html")
    book.add_artifact(run, "a.bin", Digest("b" * 64), 1)
    book.add_artifact(run, "report.html", Digest("c" * 64), 12, "text/html")
    assert book.artifacts(run) == (
        RunArtifact("a.bin", "b" * 64, 1, "application/octet-stream"),
        RunArtifact("report.html", "c" * 64, 12, "text/html"),
    )


def test_runs_are_listed_latest_first_page_by_page(book: Runs) -> None:
    # Three of them start in the same microsecond, as runs of one trigger may.
    made = [book.start("pipeline", f"r{number}", at=NOW + timedelta(seconds=number // 3)) for number in range(9)]
    first = book.list(limit=4)
    second = book.list(limit=4, before=first[-1])
    third = book.list(limit=4, before=second[-1])
    listed = [run.id for run in (*first, *second, *third)]
    assert sorted(listed) == sorted(made)
    assert [run.started for run in (*first, *second, *third)] == sorted(
        (run.started for run in (*first, *second, *third)), reverse=True
    )
    assert book.list(limit=4, before=third[-1]) == ()


def test_runs_are_found_by_what_they_are(book: Runs) -> None:
    one = book.start("pipeline", "a", tags={"team": "risk"}, at=NOW)
    two = book.start("monitor", "b", at=NOW)
    book.finish(two, "finished")
    assert [run.id for run in book.list(where={"status": "finished"})] == [two]
    assert [run.id for run in book.list(where={"kind": "pipeline", "tags.team": "risk"})] == [one]
    assert book.list(where={"tags.team": "other"}) == ()
    with pytest.raises(WrongArgument, match="searched by 'colour'"):
        book.list(where={"colour": "blue"})


def test_the_first_digits_are_enough(book: Runs, database: Database) -> None:
    run = book.start("pipeline", "x")
    assert book.get(run[:8]).id == run
    with database.transaction() as connection:
        twin = {"id": run[:8] + "f" * 24, "kind": "k", "name": "n", "status": "running", "started": NOW, "beat": NOW}
        connection.execute(sa.insert(table), [{**twin, "process": "", "trigger": ""}])
    with pytest.raises(WrongArgument, match="more than one run"):
        book.get(run[:8])


@pytest.mark.parametrize("name", ["", "abc", "nothere", "%%%%", "____"])
def test_a_run_that_is_not_there(book: Runs, name: str) -> None:
    book.start("pipeline", "x")
    with pytest.raises(RunNotFound):
        book.get(name)
    with pytest.raises(RunNotFound):
        book.finish(name, "finished")


def test_a_run_whose_process_is_gone_is_lost_at_once(book: Runs, database: Database) -> None:
    mine = book.start("pipeline", "mine", at=NOW)
    other = book.start("pipeline", "other", at=NOW)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    place = " ".join(this_process().split(" ")[:3])
    with database.transaction() as connection:
        connection.execute(sa.update(table).where(table.c.id == other).values(process=f"{place} {gone.pid} 1"))
    assert book.mark_lost(NOW + 100 * EXPIRY) == (other,)
    lost = book.get(other)
    assert (lost.status, lost.ended) == ("lost", NOW)
    assert book.get(mine).status == "running"
    assert book.mark_lost(NOW) == ()


def test_a_run_of_another_machine_is_lost_by_its_silence(book: Runs, database: Database) -> None:
    run = book.start("pipeline", "far", at=NOW)
    with database.transaction() as connection:
        connection.execute(sa.update(table).values(process="elsewhere boot pid:[1] 7 7"))
    book.heartbeat(run, NOW + EXPIRY)
    assert book.mark_lost(NOW + 1.5 * EXPIRY) == ()
    assert book.mark_lost(NOW + 2.5 * EXPIRY) == (run,)


def test_a_closed_run_no_longer_beats(book: Runs, database: Database) -> None:
    run = book.start("pipeline", "x", at=NOW)
    book.finish(run, "finished", at=NOW)
    book.heartbeat(run, NOW + EXPIRY)
    with database.reading() as connection:
        assert connection.scalar(sa.select(table.c.beat)) == NOW
