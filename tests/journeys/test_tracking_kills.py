"""Many clients log while the tracking server is killed again and again: what it acknowledged is there, once."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

WRITERS, WRITES, KILLS = 32, 1_000, 10
PATIENCE = 120.0


class _Server:
    """The server as a process of its own, begun again on the same port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = self._begin()

    def _begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "noria.server", "--root", str(self.root)]
        process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(self.port)])
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if ask(self.port, "GET", "/health") == (200, b"OK"):
                    return process
            assert process.poll() is None
            time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = self._begin()


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_and_none_is_doubled(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text('[project]\nname = "lab"\n[data]\nsource = "a.csv"\ntarget = "y"\n')
    server = _Server(tmp_path)
    api = "/api/2.0/mlflow"
    runs = []
    for _ in range(WRITERS):
        status, content = ask(server.port, "POST", f"{api}/runs/create", {"experiment_id": "0", "start_time": 1})
        assert status == 200
        runs.append(json.loads(content)["run"]["info"]["run_id"])
    acknowledged = [0] * WRITERS
    tried = [0] * WRITERS
    wrong: list[str] = []

    def write(number: int) -> None:
        connection: http.client.HTTPConnection | None = None
        step = 0
        deadline = time.monotonic() + 10 * PATIENCE
        while step < WRITES and time.monotonic() < deadline and not wrong:
            body = {"run_id": runs[number], "key": "m", "value": step / 7, "timestamp": step, "step": step}
            tried[number] = step + 1
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
                connection.request(
                    "POST", f"{api}/runs/log-metric", json.dumps(body), {"Content-Type": "application/json"}
                )
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                # Not acknowledged: it may be there or not, and is said again, as clients do.
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.05)
                continue
            if answer.status != 200:
                wrong.append(f"{answer.status} {content!r}")
            step += 1
            acknowledged[number] = step
        if connection is not None:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    rng = random.Random(5)
    killed = 0
    while killed < KILLS and any(thread.is_alive() for thread in threads):
        before = sum(acknowledged)
        while sum(acknowledged) < before + rng.randrange(500, 2_000) and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        server.kill()
        killed += 1
    for thread in threads:
        thread.join()
    try:
        assert wrong == []
        assert killed == KILLS
        assert acknowledged == [WRITES] * WRITERS
        server.kill()  # once more, right after the last answer
        for number, run in enumerate(runs):
            _, content = ask(server.port, "GET", f"{api}/metrics/get-history?run_id={run}&metric_key=m")
            points = json.loads(content)["metrics"]
            assert [(point["step"], point["value"]) for point in points] == [(s, s / 7) for s in range(WRITES)], number
            _, content = ask(server.port, "GET", f"{api}/runs/get?run_id={run}")
            latest = json.loads(content)["run"]["data"]["metrics"]
            assert [(one["step"], one["value"]) for one in latest] == [(WRITES - 1, (WRITES - 1) / 7)]
    finally:
        server.process.kill()
        server.process.wait()
