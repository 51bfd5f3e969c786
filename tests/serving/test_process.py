"""The server as a process: stopped, interrupted, killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from noria.predictions.segment import OPEN
from noria.serving.stats import Traffic

if TYPE_CHECKING:
    from tests.serving.conftest import House

ROOT = Path(__file__).parents[2]
SERVER = """
import sys
from pathlib import Path
from noria.serving.run import serve
from noria.store.blobs import Blobs
from noria.store.database import Database
root = Path(sys.argv[1])
serve(database=Database(f"sqlite:///{root}/noria.db"), blobs=Blobs(root / "objects"), model="credit",
      endpoint="credit-risk", predictions=root / "predictions", port=0, on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@contextmanager
def process(root: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert child.stdout is not None
    try:
        url = child.stdout.readline().strip()
        assert url, child.stderr.read() if child.stderr else ""
        yield child, url
    finally:
        child.kill()
        child.communicate()


class Caller(threading.Thread):
    """Asks one question after the other until the server has gone."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.netloc = urlsplit(url).netloc
        self.answered: list[tuple[str, float]] = []
        self.others: list[int] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(self.netloc, timeout=90)
        body, head = json.dumps({"age": 30, "grade": "A"}), {"Content-Type": "application/json"}
        while True:
            try:
                connection.request("POST", "/predict/credit-risk", body, head)
                answer = connection.getresponse()
                made = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                return
            if answer.status == 200:
                self.answered.append((made["predictions"][0]["id"], time.monotonic()))
            else:
                self.others.append(answer.status)


def hammer(url: str, enough: int) -> list[Caller]:
    callers = [Caller(url) for _ in range(3)]
    for caller in callers:
        caller.start()
    until = time.monotonic() + 60
    while sum(len(caller.answered) for caller in callers) < enough and time.monotonic() < until:
        time.sleep(0.01)
    return callers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_what_has_begun_and_logs_all_of_it(house: House, number: signal.Signals) -> None:
    house.promote(1)
    with process(house.root) as (child, url):
        callers = hammer(url, 60)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
        for caller in callers:
            caller.join()
    assert (child.returncode, out.strip()) == (0, "ended"), err
    answered = {identity for caller in callers for identity, _ in caller.answered}
    assert not [status for caller in callers for status in caller.others]
    logged = set(house.log.read("credit")["prediction_id"].to_pylist())
    assert answered <= logged
    assert len(logged - answered) <= len(callers), "at most the answers that were on the way"
    (state,) = Traffic(house.database).processes("credit")
    assert (state.state, state.logged) == ("stopped", len(logged))


def test_kill_9_loses_at_most_the_last_moments(house: House) -> None:
    house.promote(1)
    with process(house.root) as (child, url):
        callers = hammer(url, 60)
        time.sleep(2.5)
        killed = time.monotonic()
        child.kill()
        child.wait()
        for caller in callers:
            caller.join()
    old = {identity for caller in callers for identity, at in caller.answered if at < killed - 2.0}
    assert len(old) >= 60
    assert old <= set(house.log.read("credit")["prediction_id"].to_pylist())
    assert list((house.root / "predictions").rglob(f"*{OPEN}")), "the stream was cut off"
    before = house.log.read("credit")
    with process(house.root) as (child, url):
        assert not list((house.root / "predictions").rglob(f"*{OPEN}")), "the next start tidies up"
        assert house.log.read("credit").equals(before)
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
