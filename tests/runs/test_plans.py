"""How the questions people ask most are answered: along an index that ends the search, never by sorting all runs.

A plan is pinned and not a time. On SQLite the statistics are left out as well as gathered: a new project has none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.runs.runs import Runs
from noria.runs.search import Question
from noria.runs.tables import experiments, metric_latest, metric_points, run_params, runs

if TYPE_CHECKING:
    from noria.store.database import Database

START = datetime(2026, 11, 1, tzinfo=UTC)
RUNS = 4_000


@pytest.fixture
def filled(database: Database) -> Database:
    """Enough runs that a planner does not take them all in at once."""
    numbers = range(1, RUNS + 1)
    with database.transaction() as connection:
        connection.execute(
            sa.insert(experiments),
            [{"id": 1, "name": "other", "artifact_location": "", "created": START, "updated": START}],
        )
        connection.execute(
            sa.insert(runs),
            [
                {
                    "rid": rid,
                    "id": f"{rid * 7919 % 10_007:032x}",
                    "experiment_id": rid % 10 == 0,
                    "kind": "logged",
                    "name": "x",
                    "status": "finished",
                    "started": START + timedelta(seconds=rid),
                    "process": "",
                    "trigger": "",
                    "user_id": "",
                }
                for rid in numbers
            ],
        )
        connection.execute(
            sa.insert(metric_latest),
            [
                {
                    "rid": rid,
                    "name": name,
                    "experiment_id": rid % 10 == 0,
                    "value": rid * factor % 1_009 / 1_009,
                    "nan": 0,
                    "step": 0,
                    "at_ms": 0,
                }
                for rid in numbers
                for name, factor in (("auc", 31), ("loss", 57))
            ],
        )
        connection.execute(
            sa.insert(run_params),
            [
                {"rid": rid, "name": name, "value": str(rid % parts), "json": 0}
                for rid in numbers
                for name, parts in (("kind", 3), ("seed", 1_000))
            ],
        )
        connection.execute(
            sa.insert(metric_points),
            [
                {"rid": rid, "name": "loss", "at_ms": step, "step": step, "value": 0.5, "nan": 0}
                for rid in range(1, 41)
                for step in range(100)
            ],
        )
    return database


@pytest.fixture(params=["told", "untold"])
def statistics(request: pytest.FixtureRequest, filled: Database) -> Database:
    """Runs, with and without what the database knows of how many there are."""
    if request.param == "told":
        with filled.transaction() as connection:
            connection.exec_driver_sql("ANALYZE")
    elif filled.dialect == "postgresql":
        pytest.skip("PostgreSQL gathers its statistics by itself")
    return filled


def _plan(database: Database, question: Question, limit: int = 100, *, second_page: bool = False) -> str:
    """Give the plan of the last statement of a search: the one that finds the page."""
    book = Runs(database)
    token = book.search(question, limit).token if second_page else None
    said = _said(database, lambda: book.search(question, limit, token))
    return _explained(database, *next(one for one in reversed(said) if "LIMIT" in one[0]))


def _said(database: Database, work: object) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []

    def hear(_connection: object, _cursor: object, statement: str, values: object, *_more: object) -> None:
        found.append((statement, values))

    sa.event.listen(database._engine, "before_cursor_execute", hear)
    try:
        work()  # type: ignore[operator]
    finally:
        sa.event.remove(database._engine, "before_cursor_execute", hear)
    return found


def _explained(database: Database, statement: str, values: object) -> str:
    with database.reading() as connection:
        if database.dialect == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
            return "\n".join(row[3] for row in rows)
        rows = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", values)  # type: ignore[arg-type]
        return "\n".join(row[0] for row in rows)


def _walks(database: Database, plan: str, index: str, table: str) -> None:
    """See that the rows come in order out of an index, and that no more than ties are sorted."""
    if database.dialect == "sqlite":
        assert re.search(rf"SEARCH {table} USING (COVERING )?INDEX {index} ", plan), plan
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
        assert "SCAN" not in plan, plan
    else:
        assert re.search(rf"Index (Only )?Scan (Backward )?using {index} on {table}", plan), plan
        assert "Seq Scan" not in plan, plan
        assert not re.search(r"(?<!Incremental )Sort$", plan, re.MULTILINE), plan


def test_the_newest_and_the_best_come_along_an_index(statistics: Database) -> None:
    for second_page in (False, True):
        for order in ([], ["start_time DESC"], ["start_time ASC"]):
            for chosen, index in ((None, "ix_runs_started"), ((0,), "ix_runs_experiment")):
                newest = Question.read("", order, experiments=chosen)
                _walks(statistics, _plan(statistics, newest, second_page=second_page), index, "runs")
        for direction in ("ASC", "DESC"):
            best = Question.read("", [f"metrics.auc {direction}"], experiments=(0,))
            plan = _plan(statistics, best, second_page=second_page)
            _walks(statistics, plan, "ix_metric_latest_value", "metric_latest")
    both = _plan(statistics, Question.read("", ["metrics.auc"], experiments=(0, 1)))
    assert both.count("ix_metric_latest_value") == 2, both


def test_what_many_runs_meet_is_asked_along_the_way(statistics: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noria.runs.search._FEW", 200)
    monkeypatch.setattr("noria.runs.search._LOOK", 1_000)
    for where in (
        "metrics.loss > 0.2 and params.kind = '1'",
        "params.kind != '1' or metrics.loss < 0.5",
        "status = 'FINISHED' and metrics.auc > 0.3",
    ):
        plan = _plan(statistics, Question.read(where, ["metrics.auc DESC"], experiments=(0,)), 10)
        _walks(statistics, plan, "ix_metric_latest_value", "metric_latest")


def test_a_rare_condition_is_where_the_search_begins(statistics: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noria.runs.search._FEW", 200)
    for where, index in (
        ("params.seed = '7' and metrics.loss > 0.1", "ix_run_params_value"),
        ("params.seed LIKE '99%' and metrics.loss > 0.1", "ix_run_params_value"),
        ("params.kind = '1' and metrics.loss > 0.999", "ix_metric_latest_value"),
    ):
        for order in ([], ["metrics.auc DESC"], ["params.kind"]):
            plan = _plan(statistics, Question.read(where, order, experiments=(0,)))
            assert index in plan, plan
            assert "ix_runs_" not in plan, plan
            assert not re.search(r"SCAN runs|Seq Scan on runs", plan), plan


def test_a_history_is_one_stretch_of_its_table(statistics: Database) -> None:
    book = Runs(statistics)
    run = book.search(Question.read("", ["start_time"], experiments=(0,)), 1).rows[0].id
    everything = book.history(run, "loss")
    assert len(everything) == 100
    for after in (None, everything[50]):
        said = _said(statistics, lambda after=after: book.history(run, "loss", limit=20, after=after))
        plan = _explained(statistics, *said[-1])
        if statistics.dialect == "sqlite":
            assert "USING PRIMARY KEY (rid=? AND name=?" in plan, plan
            assert "TEMP B-TREE" not in plan, plan
        else:
            assert re.search(r"Index (Only )?Scan using pk_metric_points", plan), plan
            assert "Sort" not in plan, plan
