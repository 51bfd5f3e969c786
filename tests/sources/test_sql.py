"""Databases as they are: their types, their refusals, and connections that are lost."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from pulling import Server, Wire

from noria.errors import WorkFailed, WrongData
from noria.sources.reference import parse
from noria.sources.source import read, token

COLUMNS = {
    "postgresql": "share NUMERIC(8,2), whole NUMERIC(20,0), day DATE, at TIMESTAMP, zoned TIMESTAMPTZ, ok BOOLEAN,"
    " f REAL, name TEXT, ident UUID, deep JSONB",
    "mysql": "share DECIMAL(8,2), whole DECIMAL(20,0), day DATE, at DATETIME(6), zoned DATETIME, ok BOOLEAN, f DOUBLE,"
    " name VARCHAR(20) CHARACTER SET utf8mb4, ident CHAR(36), deep JSON",
    "sqlite": "share NUMERIC(8,2), whole BIGINT, day DATE, at TIMESTAMP, zoned TEXT, ok BOOLEAN, f REAL, name TEXT,"
    " ident TEXT, deep TEXT",
}  # fmt: skip
ZONED = {"postgresql": "12:30:00+02", "mysql": "10:30:00", "sqlite": "12:30:00+02:00"}
VALUES = (
    "INSERT INTO kinds VALUES (9007199254740993, 10.50, 9007199254740993, '2026-05-01', '2026-05-01 12:30:00.000001',"
    " '2026-05-01 {zoned}', true, 0.5, 'Zoë', '00000000-0000-0000-0000-000000000001', '[1]', NULL)"
)


@pytest.fixture
def url(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ROWS_DB", server.url)
    return "sql:env:ROWS_DB"


def test_types_are_kept(server: Server, url: str, tmp_path: Path) -> None:
    with server.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE kinds (id BIGINT, {COLUMNS[server.kind]}, none INTEGER)")
        connection.exec_driver_sql(VALUES.format(zoned=ZONED[server.kind]))
        connection.exec_driver_sql("INSERT INTO kinds (id) VALUES (NULL)")
    table = read(f"{url}?table=kinds", root=tmp_path)
    first, second = table.to_pylist()
    assert first == {
        "id": 9007199254740993, "share": 10.5, "whole": 9007199254740993, "day": datetime(2026, 5, 1),
        "at": datetime(2026, 5, 1, 12, 30, 0, 1), "zoned": datetime(2026, 5, 1, 10, 30), "ok": True, "f": 0.5,
        "name": "Zoë", "ident": "00000000-0000-0000-0000-000000000001", "deep": "[1]",
        "none": None,
    }  # fmt: skip
    assert set(second.values()) == {None}
    assert table.schema.field("whole").type == table.schema.field("id").type == pa.int64()
    assert table.schema.field("ok").type == pa.bool_()
    assert table.schema.field("at").type == table.schema.field("day").type == pa.timestamp("us")


def test_bytes_are_refused_by_name(server: Server, url: str, tmp_path: Path) -> None:
    kind = "BYTEA" if server.kind == "postgresql" else "BLOB"
    server.run(f"CREATE TABLE pictures (id INTEGER, picture {kind})")
    with server.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO pictures VALUES (1, :data)"), {"data": b"\x89PNG"})
    with pytest.raises(WrongData, match="column 'picture' holds bytes") as caught:
        read(f"{url}?table=pictures", root=tmp_path)
    assert "?query=SELECT" in caught.value.mend
    assert read(f"{url}?query=SELECT id FROM pictures", root=tmp_path).to_pylist() == [{"id": 1}]


def test_numbers_that_lose_digits_are_told(server: Server, url: str, tmp_path: Path) -> None:
    if server.kind == "sqlite":
        pytest.skip("SQLite keeps decimals as doubles itself")
    server.run("CREATE TABLE sums (a NUMERIC(30, 10), b NUMERIC(30, 10))",
               "INSERT INTO sums VALUES (12345678901234567.1234567891, 1.5)")  # fmt: skip
    notes: list[str] = []
    read(f"{url}?table=sums", root=tmp_path, note=notes.append)
    assert len(notes) == 1
    assert "column a: numbers with more digits than are kept" in notes[0]


def test_columns_that_change_type_between_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite lets a column hold anything: what the parts say together counts, not the first of them."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a, b, c)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, NULL, 1), (2, NULL, 2), (3.5, 7, 3.0), (NULL, 8, 'x')")
    engine.dispose()
    whole = read("sql:sqlite:///a.db?table=t", root=tmp_path)
    monkeypatch.setattr("noria.sources.sql._FETCH", 2)
    parts = read("sql:sqlite:///a.db?table=t", root=tmp_path)
    assert parts.to_pydict() == whole.to_pydict() == {
        "a": [1.0, 2.0, 3.5, None], "b": [None, None, 7, 8], "c": ["1", "2", "3", "x"]
    }  # fmt: skip


def test_asking_changes_nothing(server: Server, url: str, tmp_path: Path) -> None:
    server.run("CREATE TABLE loans (id INTEGER)", "INSERT INTO loans VALUES (1)")
    query = "DELETE FROM loans" + ("" if server.kind == "mysql" else " RETURNING id")
    with pytest.raises(WrongData):
        read(f"{url}?query={query}", root=tmp_path)
    assert read(f"{url}?table=loans", root=tmp_path).num_rows == 1


BIG = {
    "postgresql": "SELECT i AS id, repeat('x', 200) AS pad FROM generate_series(1, 500000) AS g(i)",
    "mysql": "SELECT seq AS id, repeat('x', 200) AS pad FROM seq_1_to_500000",
}
KILL = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'noria_killed'",
    "mysql": "SELECT CONCAT('KILL ', id) FROM information_schema.processlist WHERE info LIKE '%seq_1_to_500000%'"
    " AND id <> connection_id()",
}  # fmt: skip


def test_a_connection_that_is_killed_while_rows_come(
    server: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server.kind == "sqlite":
        pytest.skip("there is no connection to lose")
    if server.kind == "postgresql":
        monkeypatch.setenv("ROWS_DB", f"{server.url}&application_name=noria_killed")
    told: list[str] = []

    def kill(_done: float | None, text: str) -> None:
        told.append(text)
        if len(told) == 1:
            with server.engine.begin() as connection:
                for found in connection.execute(sa.text(KILL[server.kind])).scalars().all():
                    if server.kind == "mysql":
                        connection.exec_driver_sql(found)

    with pytest.raises(WorkFailed, match="was lost while rows were read") as caught:
        read(f"{url}?query={BIG[server.kind]}", root=tmp_path, progress=kill)
    assert told[0].endswith(" rows")
    assert caught.value.code == "N-SOURCE-056"


_MEASURE = """
import resource, sys
from pathlib import Path
from noria.sources.source import read
read(sys.argv[1].replace("500000", "5"), root=Path("."))  # what has to be loaded is loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = read(sys.argv[1], root=Path("."))
print(table.num_rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / table.nbytes)
"""


def test_rows_come_bit_by_bit(server: Server, url: str, tmp_path: Path) -> None:
    """As Python values half a million rows would take several times what they take as columns."""
    if server.kind == "sqlite":
        pytest.skip("read alike")
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, f"{url}?query={BIG[server.kind]}"], capture_output=True, text=True, check=True
    )
    rows, times = done.stdout.split()
    assert int(rows) == 500_000
    assert float(times) < 2.5


def test_a_server_that_comes_back_is_asked_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server.kind == "sqlite":
        pytest.skip("there is no server")
    monkeypatch.setattr("noria.sources.retrying.FIRST_SECONDS", 0.05)
    server.run("CREATE TABLE loans (id INTEGER)", "INSERT INTO loans VALUES (1)")
    url = sa.make_url(server.url)
    with Wire(url.port or 0, refuse=2) as wire:
        monkeypatch.setenv("ROWS_DB", url.set(port=wire.port).render_as_string(hide_password=False))
        notes: list[str] = []
        assert read("sql:env:ROWS_DB?table=loans", root=tmp_path, note=notes.append).num_rows == 1
        assert len(notes) == 2
        assert "tried again" in notes[0]
        wire.refuse = 99
        with pytest.raises(WorkFailed, match="does not answer"):
            token("sql:env:ROWS_DB?table=loans", root=tmp_path)


def test_a_wrong_password_is_told_once_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulling import MYSQL

    pytest.importorskip("pymysql")
    url = sa.make_url(MYSQL)
    monkeypatch.setenv("DB_PASSWORD", "hunter2-7Q2x")
    source = f"sql:mysql://noria_nobody@{url.host}:{url.port}/{url.database}?table=t&password=env:DB_PASSWORD"
    notes: list[str] = []
    with pytest.raises(WorkFailed, match="does not answer") as caught:
        read(source, root=tmp_path, note=notes.append)
    assert notes == []
    shown = f"{caught.value.render()} {caught.value.__cause__} {parse(source)!r}"
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "source",
    [
        "sql:postgresql://me:hunter2@host/db?table=t",
        "sql:postgresql://me@host/db?password=hunter2&table=t",
        "sql:mysql://me@host/db?table=t&sslpassword=hunter2",
    ],
)
def test_a_password_written_out_is_refused(source: str) -> None:
    with pytest.raises(Exception, match="holds a password") as caught:
        parse(source)
    assert "hunter2" not in str(caught.value.__notes__) + str(caught.value)


def test_a_query_may_speak_of_passwords() -> None:
    assert parse("sql:sqlite:///a.db?query=SELECT * FROM t WHERE password=hunter2").kind == "sql"
