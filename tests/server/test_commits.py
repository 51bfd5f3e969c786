"""Group commit: shared by many, spoilt by none, durable when it answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.errors import NoriaError, StoreBusy, StoreUnavailable, WrongArgument
from noria.runs.runs import Runs
from noria.runs.tables import runs
from noria.server.commits import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.store.database import Database


@pytest.fixture
def commits(database: Database) -> Iterator[GroupCommit]:
    with GroupCommit(database) as opened:
        yield opened


def _hold(commits: GroupCommit) -> threading.Event:
    """Keep the writer busy, so that what is asked for meanwhile lands in one batch."""
    free = threading.Event()
    commits.submit(lambda _connection: free.wait(10))
    return free


def test_a_failure_spoils_only_itself(database: Database, commits: GroupCommit) -> None:
    book = Runs(database)
    run = book.start("logged", "x")

    def half_done(connection: sa.Connection) -> None:
        connection.execute(sa.update(runs).values(name="half"))
        raise WrongArgument("no", code="N-RUNS-003")

    def no_such_table(connection: sa.Connection) -> None:
        connection.execute(sa.update(runs).values(name="half"))
        connection.execute(sa.text("SELECT * FROM not_there"))

    free = _hold(commits)
    works = [lambda c, n=n: c.execute(sa.update(runs).values(trigger=f"t{n}")) and n for n in range(3)]
    futures = [commits.submit(works[0]), commits.submit(half_done), commits.submit(works[1])]
    futures += [commits.submit(no_such_table), commits.submit(works[2])]
    free.set()
    assert [futures[place].result(10) for place in (0, 2, 4)] == [0, 1, 2]
    with pytest.raises(WrongArgument):
        futures[1].result(10)
    with pytest.raises(Exception, match="not_there"):
        futures[3].result(10)
    found = book.get(run)
    assert (found.name, found.trigger) == ("x", "t2")


def test_a_lone_failure_leaves_nothing(database: Database, commits: GroupCommit) -> None:
    book = Runs(database)
    run = book.start("logged", "x")

    def half_done(connection: sa.Connection) -> None:
        connection.execute(sa.update(runs).values(name="half"))
        raise WrongArgument("no", code="N-RUNS-003")

    with pytest.raises(WrongArgument):
        commits(half_done)
    assert book.get(run).name == "x"
    commits(lambda connection: connection.execute(sa.update(runs).values(name="whole")) and None)
    assert book.get(run).name == "whole"


def test_when_the_commit_fails_everybody_is_told(
    database: Database, commits: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __enter__(self) -> sa.Connection:
            return opened.__enter__()

        def __exit__(self, *_: object) -> None:
            opened.__exit__(StoreUnavailable, StoreUnavailable("x"), None)
            raise StoreUnavailable("the disk is full", code="N-STORE-011")

    run = Runs(database).start("logged", "x")
    free = _hold(commits)
    opened = database.transaction()
    monkeypatch.setattr(database, "transaction", Broken)
    futures = [commits.submit(lambda c: c.execute(sa.update(runs).values(name="lost")) and None) for _ in range(3)]
    free.set()
    for future in futures:
        with pytest.raises(NoriaError, match="disk is full"):
            future.result(10)
    monkeypatch.undo()
    assert Runs(database).get(run).name == "x"


def test_what_waits_is_finished_before_it_stops(database: Database) -> None:
    commits = GroupCommit(database)
    free = _hold(commits)
    futures = [commits.submit(lambda c, n=n: c.execute(sa.text("SELECT 1")).scalar() + n) for n in range(20)]
    threading.Timer(0.05, free.set).start()
    commits.close()
    assert [future.result(0) for future in futures] == list(range(1, 21))
    with pytest.raises(StoreBusy, match="stopping"):
        commits.submit(lambda _connection: None)
