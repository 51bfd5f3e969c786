"""Several workers on one socket, as processes, over the store of a test."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
FLEET = """
import os, sys
from noria.scoring.policies import Policies
from noria.security.bind import listen_together
from noria.serving.board import create
from noria.serving.rollout import Rollout
from noria.serving.supervisor import become
from noria.serving.worker import Work, command, environment
root, workers, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sockets = listen_together("127.0.0.1", 0, workers)
port = sockets[0].getsockname()[1]
os.environ.update(environment(Work(
    board=create(workers), fleet="f" * 12, database=f"sqlite:///{root}/noria.db",
    objects=f"{root}/objects", predictions=f"{root}/predictions", model="credit", endpoint="credit-risk",
    alias="champion", rollout=Rollout(), policies=Policies(), max_in_flight=most)))
become(command(), sockets, announce=f"http://127.0.0.1:{port}", farewell="ended")
"""


@contextmanager
def fleet(root: Path, workers: int = 2, *, max_in_flight: int = 256) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run workers under their supervisor; give it and their address. Nothing of them is left at the end."""
    child = subprocess.Popen(
        [sys.executable, "-c", FLEET, str(root), str(workers), str(max_in_flight)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert child.stdout is not None
    assert child.stderr is not None
    pids: list[int] = []
    try:
        url = child.stdout.readline().strip()
        assert url, child.stderr.read()
        pids = workers_of(child.pid)
        yield child, url
    finally:
        pids += workers_of(child.pid)
        child.kill()
        for pid in pids:
            if _is_worker(pid):
                os.kill(pid, 9)
        child.communicate()


def workers_of(pid: int) -> list[int]:
    """Name the processes that a supervisor has started and that still run."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()] if path.exists() else []


def _is_worker(pid: int) -> bool:
    try:
        return b"noria.serving.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def is_running(pid: int) -> bool:
    """Say whether a worker is there and no zombie."""
    return _is_worker(pid)


class Asker:
    """Asks over one kept connection, opened anew where the server has closed it."""

    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._netloc, timeout=90)

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def predict(self, age: int) -> tuple[int, dict[str, object]]:
        """Ask about one record; 0 where the connection broke."""
        body = json.dumps({"age": age, "grade": "A"})
        try:
            self._connection.request("POST", "/predict/credit-risk", body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0, {}

    def get(self, path: str) -> tuple[int, str]:
        """Get a path over a connection of its own."""
        connection = http.client.HTTPConnection(self._netloc, timeout=90)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
