"""The record: only appended to, in one order, and a change anywhere is found."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from noria.security.audit import Who, entries, first_broken, record
from noria.security.tables import security_events as table
from noria.store.database import Database

from .conftest import AT

CHANGES = (
    table.update().where(table.c.seq == 3).values(actor="eve"),
    table.update().where(table.c.seq == 3).values(detail={"n": 4}),
    table.delete().where(table.c.seq == 3),
    table.update().where(table.c.seq == 3).values(hash="0" * 64),
)


@pytest.fixture
def kept(database: Database) -> Database:
    for number in range(5):
        with database.transaction() as connection:
            record(connection, Who("ada", "203.0.113.7"), "login", "ada", at=AT, detail={"n": number, "é": None})
    return database


def test_entries_follow_from_each_other(kept: Database) -> None:
    assert first_broken(kept) is None
    found = entries(kept, limit=3)
    assert [entry.seq for entry in found] == [5, 4, 3]
    assert found[0].detail == {"n": 4, "é": None}
    assert found[0].to_json()["at"] == AT.isoformat()


@pytest.mark.parametrize("change", [*CHANGES, sa.text("TRUNCATE security_events")], ids=str)
def test_the_database_refuses_to_change_it(kept: Database, change: sa.Executable) -> None:
    if "TRUNCATE" in str(change) and kept.dialect == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(sa.exc.DBAPIError, match="only appended to"), kept.transaction() as connection:
        connection.execute(change)
    assert len(entries(kept)) == 5


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_who_gets_round_that_is_found(kept: Database, change: sa.Executable) -> None:
    with kept.transaction() as connection:
        if kept.dialect == "sqlite":
            connection.execute(sa.text("DROP TRIGGER security_events_update"))
            connection.execute(sa.text("DROP TRIGGER security_events_delete"))
        else:
            connection.execute(sa.text("ALTER TABLE security_events DISABLE TRIGGER ALL"))
        connection.execute(change)
    assert first_broken(kept) == 3


def test_many_writers_make_one_chain(database: Database) -> None:
    def write(name: str) -> None:
        for _ in range(10):
            with database.transaction() as connection:
                record(connection, Who(name), "login", name, at=AT)

    threads = [threading.Thread(target=write, args=(f"user{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first_broken(database) is None
    assert [entry.seq for entry in entries(database)] == list(range(50, 0, -1))


def test_what_is_rolled_back_is_not_told(kept: Database) -> None:
    def fail(connection: sa.Connection) -> None:
        record(connection, Who("ada"), "login", "ada", at=AT)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept.write(fail)
    assert first_broken(kept) is None
    assert len(entries(kept)) == 5
