"""The same queries on SQLite and PostgreSQL; transactions that are whole or nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import StoreUnavailable, WrongArgument
from noria.store.columns import Json, UtcTime, from_micros, to_micros
from noria.store.database import Database, upsert

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    _metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime),
    sa.Column("detail", Json),
)


@pytest.fixture
def store(store_url: str) -> Iterator[Database]:
    opened = Database(store_url)
    with opened.transaction() as connection:
        _metadata.create_all(connection)
    yield opened
    opened.close()


def test_rows_come_back_as_they_went_in(store: Database) -> None:
    at = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    row = {"name": "a", "count": 2**62, "at": at, "detail": {"x": [1, 0.1, None, "ü"]}}
    with store.transaction() as connection:
        connection.execute(sa.insert(notes).values(row))
    with store.reading() as connection:
        got = connection.execute(sa.select(notes)).one()
    assert got == ("a", 2**62, at, {"x": [1, 0.1, None, "ü"]})
    assert got.at.tzinfo is UTC


@pytest.mark.parametrize("name", ["a\x00b", "\udcff"])
def test_what_is_no_text_is_refused_alike(store: Database, name: str) -> None:
    def write(rows: list[dict[str, object]]) -> None:
        with store.transaction() as connection:
            connection.execute(sa.insert(notes), rows)

    for rows in ([{"name": name, "count": 1}], [{"name": "a", "count": 1}, {"name": name, "count": 2}]):
        with pytest.raises(WrongArgument) as refused:
            write(rows)
        assert refused.value.code == "N-STORE-014"
    with store.reading() as connection:
        assert connection.execute(sa.select(notes)).all() == []


def test_an_error_inside_leaves_nothing_behind(store: Database) -> None:
    def insert_and_fail() -> None:
        with store.transaction() as connection:
            connection.execute(sa.insert(notes).values(name="a", count=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        insert_and_fail()
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(notes)).scalar_one() == 0


def test_upsert_overwrites_or_leaves(store: Database) -> None:
    with store.transaction() as connection:
        upsert(connection, notes, [{"name": "a", "count": 1}, {"name": "b", "count": 2}], key=["name"])
        upsert(connection, notes, {"name": "a", "count": 10}, key=["name"])
        upsert(connection, notes, {"name": "b", "count": 20}, key=["name"], update=())
        upsert(connection, notes, [], key=["name"])
    with store.reading() as connection:
        got = {
            row.name: row.count_ for row in connection.execute(sa.select(notes.c.name, notes.c.count.label("count_")))
        }
    assert got == {"a": 10, "b": 2}


def test_writers_wait_for_each_other_and_lose_nothing(store: Database) -> None:
    with store.transaction() as connection:
        connection.execute(sa.insert(notes).values(name="n", count=0))

    def add(_: int) -> None:
        with store.transaction() as connection:
            query = sa.select(notes.c.count).where(notes.c.name == "n").with_for_update()
            count = connection.execute(query).scalar_one()
            connection.execute(sa.update(notes).where(notes.c.name == "n").values(count=count + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(80)))
    with store.reading() as connection:
        assert connection.execute(sa.select(notes.c.count)).scalar_one() == 80


def test_committed_rows_survive_kill_9(store: Database, store_url: str) -> None:
    script = textwrap.dedent(
        """
        import sys, sqlalchemy as sa
        from noria.store.database import Database
        store, number = Database(sys.argv[1]), 0
        while True:
            with store.transaction() as connection:
                connection.execute(sa.text("INSERT INTO notes (name, count) VALUES (:n, 1)"), {"n": f"k{number}"})
            print(number, flush=True)
            number += 1
        """
    )
    writer = subprocess.Popen([sys.executable, "-c", script, store_url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(20):
        writer.stdout.readline()
    writer.kill()
    last = max((int(line) for line in writer.communicate()[0].split("\n")[:-1]), default=19)
    with store.reading() as connection:
        names = set(connection.execute(sa.select(notes.c.name)).scalars())
    assert {f"k{number}" for number in range(last + 1)} <= names


def test_a_time_without_zone_is_refused(store: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="without zone"), store.transaction() as connection:
        connection.execute(sa.insert(notes).values(name="a", count=1, at=datetime(2026, 1, 1)))


@given(st.datetimes(timezones=st.just(UTC)))
def test_micros_are_exact(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


def test_sqlite_is_durable_and_concurrent(tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path}/noria.db")
    with store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    store.close()


@pytest.mark.parametrize("url", ["mysql://root@localhost/test", "nonsense", "sqlite3:///x", ""])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(WrongArgument, match="not a database noria can use"):
        Database(url)


def test_a_damaged_file_is_told_not_thrown(tmp_path: Path) -> None:
    path = tmp_path / "noria.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreUnavailable, match="cannot use the database") as caught:
        Database(f"sqlite:///{path}").reading().__enter__()
    assert "backup" in caught.value.mend


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        Database("postgresql://noria:secret@127.0.0.1:1/none").reading().__enter__()
    assert "secret" not in caught.value.render()


def test_a_reader_never_waits_for_a_writer_on_sqlite(tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path}/noria.db")
    with store.transaction() as connection:
        _metadata.create_all(connection)
    with store.transaction() as writer:
        writer.execute(sa.insert(notes).values(name="a", count=1))
        other = sqlite3.connect(tmp_path / "noria.db", timeout=0)
        assert other.execute("SELECT count(*) FROM notes").fetchone() == (0,)
        other.close()
    store.close()


def test_a_path_is_taken_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "which? 100%25 #1" / "noria.db"
    store = Database(f"sqlite:///{file}")
    with store.transaction() as connection:
        _metadata.create_all(connection)
    store.close()
    assert file.is_file()
    assert [entry.name for entry in tmp_path.iterdir()] == [file.parent.name]
