"""A project to record in, and a server over it that can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = """
[project]
name = "credit"
[data]
source = "data.csv"
target = "status"
positive = "bad"
"""


class Served:
    """A server of a project, always on one port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        command = [sys.executable, "-m", "noria.server", "--root", str(self.root), "--host", "127.0.0.1"]
        self.process = subprocess.Popen([*command, "--port", str(self.port)])
        while wait:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(autouse=True)
def nothing_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in [name for name in os.environ if name.startswith("NORIA_TRACKING")]:
        monkeypatch.delenv(name)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and the folder that the test is in."""
    folder = tmp_path / "credit"
    folder.mkdir()
    (folder / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def workspace(root: Path) -> Iterator[Workspace]:
    opened = Workspace(root)
    _ = opened.database
    yield opened
    opened.close()


@pytest.fixture
def served(workspace: Workspace) -> Iterator[Served]:
    server = Served(workspace.root)
    server.start()
    yield server
    server.kill()
