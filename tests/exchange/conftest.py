"""A store to import into, and sources in every form."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from noria.exchange.importing import Choice, Import
from noria.exchange.report import Report
from noria.exchange.source import Source
from noria.store.blobs import Blobs
from noria.store.database import Database

# Files here are imported by their plain names: pytest puts no folder of tests on the path.
sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parent.parent.parent
STOCK = {"newest": ROOT / ".venv-mlflow", "oldest": ROOT / ".venv-mlflow2"}


@pytest.fixture
def take(database: Database, blobs: Blobs) -> Callable[..., Report]:
    """Import a source into the store."""

    def run(source: Source, **choice: object) -> Report:
        try:
            return Import(source, database, blobs, Choice(**choice)).run()  # type: ignore[arg-type]
        finally:
            source.close()

    return run


def stock_python(which: str) -> Path | None:
    """Give the interpreter of an environment with the stock client and server, or None."""
    path = STOCK[which] / "bin" / "python"
    return path if path.exists() else None


def filled(which: str, uri: str, folder: Path) -> None:
    """Have the stock client fill a store."""
    python = stock_python(which)
    assert python is not None
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_PYTHON_REFRESH": "quiet"}
    script = Path(__file__).parent / "fill_stock.py"
    done = subprocess.run(
        [python, script, uri], cwd=folder, capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]


class StockServer:
    """A stock server over a folder of its own."""

    def __init__(self, which: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        python = stock_python(which)
        assert python is not None
        options = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts", "--port", str(port)]
        options += ["--artifacts-destination", str(folder / "artifacts"), "--workers", "1"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [python.parent / "mlflow", "server", *options],
                cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except OSError:
                assert self.process.poll() is None, (folder / "log").read_text()[-3000:]
                time.sleep(0.2)
        raise AssertionError("the stock server did not start")

    def stop(self) -> None:
        """End it and its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def stock_server(tmp_path: Path) -> Iterator[Callable[[str], StockServer]]:
    """Start stock servers."""
    started: list[StockServer] = []

    def start(which: str) -> StockServer:
        started.append(StockServer(which, tmp_path / f"stock-{len(started)}"))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def counted(database: Database, *tables: sa.Table) -> list[int]:
    """Count the rows of tables."""
    with database.reading() as connection:
        return [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]


def removed(folder: Path) -> None:
    """Remove a folder and all beneath."""
    shutil.rmtree(folder, ignore_errors=True)
