"""Fixtures every room's tests share: real databases, a blob folder, services that are there or are demanded."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

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


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database: a SQLite file, then a schema of its own on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/noria.db"
        return
    schema = f"noria_test_{uuid.uuid4().hex}"
    try:
        engine = sa.create_engine(POSTGRES)
        with engine.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    except (sa.exc.OperationalError, ModuleNotFoundError):
        missing("PostgreSQL")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """An empty database with every room's tables."""
    opened = Database(store_url)
    upgrade(opened, ROOMS)
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An empty blob folder."""
    return Blobs(tmp_path / "objects")
