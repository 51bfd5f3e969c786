"""What the tests of sources share: places that rows are put, and read back as a source."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

MYSQL = os.environ.get("NORIA_TEST_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/test")
POSTGRES = os.environ.get("NORIA_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


def missing(what: str) -> None:
    """Skip visibly, or fail where services are demanded."""
    if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is not here, and NORIA_REQUIRE_SERVICES=1 demands it")
    pytest.skip(f"{what} is not here")


@dataclass
class Server:
    """A database."""

    kind: str
    engine: sa.Engine
    url: str

    def run(self, *statements: str, **values: object) -> None:
        """Change something."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement), values)

    def source(self, **options: str) -> str:
        """Write the source."""
        mark = "&" if "?" in self.url else "?"
        return f"sql:{self.url}{mark}" + "&".join(f"{name}={value}" for name, value in options.items())


@dataclass
class Bucket:
    """A bucket."""

    name: str
    endpoint: str
    store: Any

    def put(self, key: str, data: bytes) -> None:
        """Put an object."""
        self.store.put(key, data)

    def delete(self, key: str) -> None:
        """Take an object out."""
        self.store.delete(key)


def noria(
    root: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a project."""
    return subprocess.run(
        [sys.executable, "-m", "noria", *arguments], cwd=root, capture_output=True, text=True, timeout=300,
        env={**os.environ, **(environment or {})}, check=False,
    )  # fmt: skip


class Wire:
    """Stands between a client and a server, and breaks connections.

    Parameters
    ----------
    port : int
        Where the server is, on this machine.
    refuse : int
        So many connections are closed at once.
    cut : int, optional
        Each connection ends after so many bytes of answers.
    """

    def __init__(self, port: int, *, refuse: int = 0, cut: int | None = None) -> None:
        self._target, self.refuse, self.cut = port, refuse, cut
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []

    def drop(self) -> None:
        """End every connection there is."""
        for one in self._open:
            _end(one)
        self._open = []

    def __enter__(self) -> Wire:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.drop()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.connections <= self.refuse:
                # A reset, as of a server that is going down.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            threading.Thread(target=_pump, args=(client, server, None), daemon=True).start()
            threading.Thread(target=_pump, args=(server, client, self.cut), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, cut: int | None) -> None:
    left = cut
    try:
        while data := source.recv(65_536 if left is None else min(65_536, left)):
            target.sendall(data)
            if left is not None and (left := left - len(data)) <= 0:
                break
    except OSError:
        pass
    _end(source)
    _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
