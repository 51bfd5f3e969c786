"""``noria serve`` while the champion changes: every request is answered and logged."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from noria.scoring.scorer import Scorer
from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 120.0
REQUESTS = 200
SWAPS = int(os.environ.get("NORIA_SWAPS", "10"))
"""Of two workers under load, two hundred requests each; 50 make the full measure."""


@pytest.fixture
def served(lived: Path) -> Iterator[str]:
    """The address that ``noria serve`` answers at."""
    with subprocess.Popen(
        [sys.executable, "-m", "noria", "serve", "--port", "0"], cwd=lived, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[1].split()[0]
        yield url
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=PATIENCE) == 0


def ask(url: str, number: int) -> tuple[int, dict[str, object]]:
    record = {"id": 1000 + number, "age": 20 + number % 50, "income": 2500.0, "grade": "B"}
    request = urllib.request.Request(url, json.dumps(record).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        told = json.loads(answer.read())
        (prediction,) = told["predictions"]
        return answer.status, {"version": told["version"], **prediction}


def test_200_requests_during_swaps_are_all_answered_and_logged(
    lived: Path, served: str, command: Callable[..., object]
) -> None:
    answers: list[dict[str, object]] = []
    statuses: list[int] = []
    swapped = threading.Event()

    def keep_asking(worker: int) -> None:
        number = 0
        while len(answers) < REQUESTS or not swapped.is_set():
            status, answer = ask(served, 10_000 * worker + number)
            statuses.append(status)
            answers.append(answer)
            number += 1
            time.sleep(0.02)

    def until_answered_by(version: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while not answers or answers[-1]["version"] != version:
            assert time.monotonic() < deadline, f"version {version} did not take over"
            time.sleep(0.02)

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking, worker) for worker in range(3)]
        try:
            until_answered_by(1)
            for version, *move in ((2, "promote", "2"), (1, "rollback"), (2, "promote", "2"), (1, "promote", "1")):
                moved = command(lived, "models", *map(str, move), "--reason", "a swap under load")
                assert moved.status == 0, moved.err  # type: ignore[attr-defined]
                until_answered_by(int(version))
        finally:
            swapped.set()
        for one in asking:
            one.result()
    assert len(answers) >= REQUESTS
    assert statuses == [200] * len(answers)
    assert {answer["version"] for answer in answers} == {1, 2}
    assert all(answer["prediction"] in ("bad", "good") for answer in answers)
    ids = {str(answer["id"]) for answer in answers}
    assert len(ids) == len(answers)

    deadline = time.monotonic() + PATIENCE
    opened = Workspace(lived)
    while (log := opened.predictions.read("loans")).num_rows < len(answers):
        assert time.monotonic() < deadline, f"only {log.num_rows} of {len(answers)} answers are in the log"
        time.sleep(0.1)
    opened.close()
    assert set(log["prediction_id"].to_pylist()) == ids
    told = {str(answer["id"]): answer["version"] for answer in answers}
    assert dict(zip(log["prediction_id"].to_pylist(), log["version"].to_pylist(), strict=True)) == told


def test_no_request_fails_or_is_answered_by_halves_while_two_workers_swap(lived: Path) -> None:
    opened = Workspace(lived)
    records = [{"id": n, "age": 20 + n, "income": 2000.0 + 40 * n, "grade": "ABC"[n % 3]} for n in range(50)]
    wanted = {}
    for version in (1, 2):
        scorer = Scorer.load(opened.registry, opened.registry.get("loans", version))
        wanted[version] = [answer.score for answer in scorer.score(records)]
    assert all(one != two for one, two in zip(wanted[1], wanted[2], strict=True))
    over = threading.Event()
    answered: list[int] = []
    failed: list[object] = []

    def keep_asking(url: str, first: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        number = first
        while not over.is_set():
            record = number % len(records)
            number += 1
            body = json.dumps(records[record])
            connection.request("POST", urlsplit(url).path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
            if answer.status != 200 or told["predictions"][0]["score"] != wanted[told["version"]][record]:
                failed.append((answer.status, told))
                return
            answered.append(told["version"])
        connection.close()

    command = [sys.executable, "-m", "noria", "serve", "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, cwd=lived, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[1].split()[0]
        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(keep_asking, url, 7 * thread) for thread in range(8)]
            try:
                for swap in range(SWAPS):
                    version = 2 - swap % 2
                    opened.aliases.move("loans", "champion", version, actor="t", reason="t", at=datetime.now(UTC))
                    begun, deadline = len(answered), time.monotonic() + PATIENCE
                    while set(answered[-100:]) != {version} or len(answered) < begun + REQUESTS:
                        assert not failed
                        assert time.monotonic() < deadline, f"version {version} did not take over"
                        time.sleep(0.01)
            finally:
                over.set()
            for one in asking:
                one.result()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=PATIENCE) == 0
    opened.close()
    assert failed == []
    assert len(answered) >= SWAPS * REQUESTS
    log = opened.predictions.read("loans", columns=["version"])
    assert sorted(log["version"].to_pylist()) == sorted(answered)


def test_a_damaged_version_does_not_take_over(lived: Path, served: str) -> None:
    assert ask(served, 0)[1]["version"] == 1
    opened = Workspace(lived)
    version = opened.registry.get("loans", 2)
    digest = version.files["plan/plan.npz"]
    path = lived / ".noria" / "objects" / digest[:2] / digest
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    # Past the check that `noria models promote` makes, as damage done afterwards would be.
    opened.aliases.move("loans", "champion", 2, actor="test", reason="damage", at=datetime.now(UTC))
    opened.close()
    root = served.partition("/predict")[0]
    deadline = time.monotonic() + PATIENCE
    while True:
        with urllib.request.urlopen(root) as answer:
            about = json.loads(answer.read())
        if about.get("error"):
            break
        assert time.monotonic() < deadline, about
        time.sleep(0.1)
    assert digest[:12] in about["error"]["what"]
    status, answer_ = ask(served, 1)
    assert (status, answer_["version"]) == (200, 1)
