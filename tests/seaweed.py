"""A real S3 server for tests: SeaweedFS, on free ports and in a folder of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
KEY, SECRET, BUCKET = "noria", "noria-tests-only", "noria"


def find() -> str | None:
    """Say where the program is."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.is_file() else shutil.which("weed")


@contextmanager
def serving(program: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run the server, and give the environment variables that lead to it."""
    ports = dict(zip((*PORTS, "s3.port", "s3.port.grpc"), _free(8), strict=True))
    identity = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    options = [f"-{name}={port}" for name, port in ports.items()]
    options += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-volume.max=0", "-master.volumeSizeLimitMB=64"]
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0"]  # their ports are fixed, and others may have them
    options += [f"-dir={folder}", f"-s3.config={folder / 's3.json'}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "server", *options], stdout=log, stderr=subprocess.STDOUT)
        try:
            endpoint = f"http://127.0.0.1:{ports['s3.port']}"
            _wait(server, endpoint, folder / "log")
            yield {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
            }
        finally:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            urlopen(endpoint, timeout=2).close()
        except HTTPError:
            return  # it refuses us, so it is there
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


def _free(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
