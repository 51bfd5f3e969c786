"""The book of runs on both databases."""

from __future__ import annotations

import math
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import GateFailed, RunNotFound, WrongArgument
from noria.runs.recording import Point
from noria.runs.run import MetricPoint
from noria.runs.runs import EXPIRY, Runs
from noria.runs.tables import runs as table
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
    assert [(point.step, point.value, point.at) for point in book.history(run, "auc")] == [
        (0, 0.7, NOW),
        (10, 0.8, NOW + timedelta(seconds=1)),
        (5, 0.75, NOW + timedelta(seconds=2)),
    ]


@pytest.mark.parametrize("value", [math.inf, -math.inf, 5e-324, 1.7976931348623157e308, -0.0, 0.1 + 0.2])
def test_numbers_are_kept_exactly(book: Runs, value: float) -> None:
    run = book.start("pipeline", "x")
    book.log_metrics(run, {"loss": value})
    assert book.get(run).metrics == {"loss": value}
    assert [point.value for point in book.history(run, "loss")] == [value]


def test_nan_is_kept_and_counts_as_zero_where_the_latest_is_chosen(book: Runs) -> None:
    run = book.start("pipeline", "x")
    book.log_batch(run, points=[Point("up", math.nan, 5, 1), Point("up", -1.0, 5, 1), Point("down", math.nan, 5, 1)])
    book.log_batch(run, points=[Point("down", 1.0, 5, 1), Point("up", math.nan, 5, 1)])
    found = book.get(run).metrics
    assert math.isnan(found["up"])
    assert found["down"] == 1.0
    assert [math.isnan(point.value) for point in book.history(run, "up")] == [False, True]


def test_an_exact_repeat_is_there_already_and_a_late_point_is_not_the_latest(book: Runs) -> None:
    run = book.start("pipeline", "x")
    for _ in range(3):
        book.log_batch(run, points=[Point("m", 1.0, 10, 3), Point("m", 2.0, 10, 3)])
    book.log_batch(run, points=[Point("m", 9.0, 99, 2)])
    assert book.get(run).latest["m"] == MetricPoint(3, 2.0, 10)
    assert book.history(run, "m") == (MetricPoint(3, 1.0, 10), MetricPoint(3, 2.0, 10), MetricPoint(2, 9.0, 99))


def test_steps_and_times_are_whole_numbers_of_64_bits(book: Runs) -> None:
    run = book.start("pipeline", "x")
    far = [Point("m", 1.0, -(2**63), 2**63 - 1), Point("m", 2.0, 2**63 - 1, -(2**63))]
    book.log_batch(run, points=far)
    assert [(point.step, point.at_ms) for point in book.history(run, "m")] == [
        (2**63 - 1, -(2**63)),
        (-(2**63), 2**63 - 1),
    ]
    assert [point.at.year for point in book.history(run, "m")] == [1, 9999]
    with pytest.raises(WrongArgument, match="64 bits"):
        book.log_batch(run, points=[Point("m", 1.0, 0, 2**63)])


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3), st.sampled_from([math.nan, -1.0, 0.0, 2.0, math.inf])))
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_latest_is_the_greatest_however_the_points_come(book: Runs, logged: list[tuple[int, int, float]]) -> None:
    run = book.start("pipeline", "x")
    best: tuple[tuple[int, int, float], float] | None = None
    for step, at_ms, value in logged:
        book.log_batch(run, points=[Point("m", value, at_ms, step)])
        rank = (step, at_ms, 0.0 if math.isnan(value) else value)
        if best is None or rank > best[0]:
            best = rank, value
    together = book.start("pipeline", "x")
    book.log_batch(together, points=[Point("m", value, at_ms, step) for step, at_ms, value in logged])
    for one in (run, together):
        found = book.get(one).latest.get("m")
        if best is None:
            assert found is None
        else:
            assert found is not None
            assert (found.step, found.at_ms) == best[0][:2]
            assert found.value == best[1] or (math.isnan(found.value) and math.isnan(best[1]))
    distinct = {(step, at_ms, repr(value)) for step, at_ms, value in logged}
    assert len(book.history(run, "m")) == len(distinct)


def test_a_history_comes_in_pages(book: Runs) -> None:
    run = book.start("pipeline", "x")
    book.log_batch(run, points=[Point("m", value, 7, 1) for value in (3.0, math.nan, 1.0, 0.0, 2.0, -math.inf)])
    whole = book.history(run, "m")
    paged: list[MetricPoint] = []
    while page := book.history(run, "m", limit=2, after=paged[-1] if paged else None):
        paged += page
    assert [str(point) for point in paged] == [str(point) for point in whole]
    assert len(whole) == 6


def test_a_param_is_written_once(book: Runs) -> None:
    run = book.start("pipeline", "x")
    book.log_params(run, {"depth": 3, "kind": "svm"}, replace=False)
    book.log_params(run, {"depth": 3}, replace=False)
    with pytest.raises(WrongArgument, match="is 'svm' and cannot become 'tree'"):
        book.log_batch(run, params={"new": 1, "kind": "tree"}, points=[Point("m", 1.0, 0)], tags={"t": "v"})
    found = book.get(run)
    assert (found.params, found.metrics, found.tags) == ({"depth": 3, "kind": "svm"}, {}, {})


def test_runs_go_into_the_bin_and_out(book: Runs) -> None:
    one, two = book.start("pipeline", "a"), book.start("pipeline", "b")
    assert book.delete([one, one]) == 1
    assert book.delete([one]) == 0
    assert [run.id for run in book.list()] == [two]
    assert book.get(one).deleted is not None
    with pytest.raises(WrongArgument, match="deleted"):
        book.set_tag(one, "a", "b")
    with pytest.raises(RunNotFound):
        book.restore([one, "f" * 32])
    assert book.get(one).deleted is not None
    assert book.restore([one]) == 1
    book.set_tag(one, "a", "b")
    book.delete_tag(one, "a")
    with pytest.raises(RunNotFound, match="no tag"):
        book.delete_tag(one, "a")


def test_a_run_that_was_given_up_and_speaks_again_was_not_lost(book: Runs, database: Database) -> None:
    run = book.start("pipeline", "far", at=NOW)
    with database.transaction() as connection:
        connection.execute(sa.update(table).values(process="elsewhere boot pid:[1] 7 7", beat=NOW))
    assert book.mark_lost(NOW + 2 * EXPIRY) == (run,)
    book.heartbeat(run)
    assert (book.get(run).status, book.get(run).ended) == ("running", None)
    assert book.mark_lost(datetime.now(UTC) + 2 * EXPIRY) == (run,)
    book.log_metrics(run, {"m": 1.0})
    assert book.get(run).status == "running"
    assert book.mark_lost(datetime.now(UTC)) == ()


def test_a_run_without_a_heart_is_left_alone(book: Runs) -> None:
    run = book.start("logged", "client", beats=False, at=NOW)
    assert book.mark_lost(NOW + 1000 * EXPIRY) == ()
    assert book.get(run).status == "running"


def test_nothing_to_record_is_fine(book: Runs) -> None:
    run = book.start("pipeline", "x")
    book.log_metrics(run, {})
    book.log_params(run, {})
    assert book.get(run).metrics == {}


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


def test_the_first_digits_are_enough(book: Runs, database: Database) -> None:
    run = book.start("pipeline", "x")
    assert book.get(run[:8]).id == run
    with database.transaction() as connection:
        twin = {"id": run[:8] + "f" * 24, "kind": "k", "name": "n", "status": "running", "started": NOW, "beat": NOW}
        rest = {"process": "", "trigger": "", "user_id": "", "experiment_id": 0}
        connection.execute(sa.insert(table), [{**twin, **rest}])
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
        connection.execute(sa.update(table).values(beat=NOW))
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
    with database.reading() as connection:
        before = connection.scalar(sa.select(table.c.beat))
    book.heartbeat(run, NOW + EXPIRY)
    with database.reading() as connection:
        assert connection.scalar(sa.select(table.c.beat)) == before
    assert book.get(run).status == "finished"
