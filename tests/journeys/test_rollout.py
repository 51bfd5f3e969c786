"""Rollouts with real processes: two servers, requests all the while, a bad canary, a killed server."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from noria.serving.document import assign
from noria.serving.rollout import bucket
from noria.workspace import Workspace

if TYPE_CHECKING:
    from noria.serving.document import Document

PATIENCE = 120.0
REQUESTS = 2000
BREACH_SECONDS = 20.0
WHY = ("--reason", "a test", "--override", "a test")


class Server:
    """A ``noria serve`` process."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "noria", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        url = urlsplit(self.process.stdout.readline().split(" at ")[1].split()[0])
        self.host, self.path = url.netloc, url.path

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def servers(lived: Path) -> Iterator[list[Server]]:
    """Two processes that serve the same endpoint."""
    made = [Server(lived), Server(lived)]
    yield made
    for server in made:
        if server.process.poll() is None:
            assert server.end(signal.SIGINT) == 0


@dataclass
class Asking:
    """What clients that ask all the while have been told."""

    answers: list[tuple[str, int, str]] = field(default_factory=list)
    faults: list[object] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


def ask(connection: http.client.HTTPConnection, path: str, identity: str, grade: str = "B") -> tuple[int, str]:
    record = {"age": 40, "income": 2500.0, "grade": grade}
    body = json.dumps({"records": [record], "request_id": identity})
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    assert answer.status == 200, told
    return told["version"], told["arm"]


@contextmanager
def asked_all_the_while(servers: list[Server]) -> Iterator[Asking]:
    asking = Asking()

    def keep(server: Server, worker: int) -> None:
        connection = http.client.HTTPConnection(server.host, timeout=PATIENCE)
        number = 0
        try:
            while not asking.stop.is_set():
                identity = f"w{worker}-{number}"
                asking.answers.append((identity, *ask(connection, server.path, identity)))
                number += 1
                time.sleep(0.005)
        except (AssertionError, OSError, http.client.HTTPException, KeyError) as fault:
            asking.faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=keep, args=(server, n)) for n, server in enumerate(servers * 2)]
    for thread in threads:
        thread.start()
    try:
        yield asking
    finally:
        asking.stop.set()
        for thread in threads:
            thread.join()


def until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, what
        time.sleep(0.05)
    return time.monotonic() - began


def narrowed(folder: Path) -> int:
    """Register version 2 once more, as one that takes no other grade than A."""
    opened = Workspace(folder)
    version = opened.registry.get("loans", 2)
    signature = json.loads(json.dumps(version.signature))
    for column in signature["columns"]:
        if column["name"] == "grade":
            column["categories"] = ["A"]
    made = opened.registry.register(
        "loans", opened.registry.files(version), run_id=version.run_id, dataset=version.dataset, data_digest="other",
        task=version.task, family=version.family, created=datetime.now(UTC), signature=signature,
    )  # fmt: skip
    opened.close()
    return made.number


def status(command: Callable[..., object], folder: Path) -> dict[str, object]:
    told = command(folder, "deploy", "status", "--json")
    assert told.status == 0, told.err  # type: ignore[attr-defined]
    return told.json  # type: ignore[attr-defined,no-any-return]


def newest(folder: Path) -> Document:
    from noria.server.pages.rollouts import deployments_of

    opened = Workspace(folder)
    found = deployments_of(opened).current()
    opened.close()
    assert found is not None
    return found


def test_a_bad_canary_goes_back_by_itself_and_no_request_is_lost(
    lived: Path, servers: list[Server], command: Callable[..., object]
) -> None:
    bad = narrowed(lived)
    gates = [part for gate in ("errors=0.02", "min_requests=40", "min_time=1s") for part in ("--gate", gate)]

    def run(*arguments: str) -> None:
        told = command(lived, "deploy", *arguments)
        assert told.status == 0, told.err  # type: ignore[attr-defined]

    with asked_all_the_while(servers) as asking:
        run("start", "loans", "--version", str(bad), "--canary", "20,100", "--hold", "1h", *gates, *WHY)
        took = until(lambda: newest(lived).change == "rollback", "the bad canary went on", BREACH_SECONDS)
        until(lambda: status(command, lived)["acknowledged"] == 2, "not both processes follow")
        print(f"rolled back {took:.1f} s after the canary began")
        run("start", "loans", "--version", "2", "--canary", "10,50", "--hold", "1s", "--reason", "a good one")
        until(lambda: newest(lived).change == "promote", "the good canary did not grow to the end")
        run("rollback", "--reason", "for the test")
        run("start", "loans", "--version", "2", "--blue-green", "--hold", "1s", "--reason", "at once")
        until(lambda: newest(lived).champion.version == 2, "blue did not turn green")
        run("rollback", "--reason", "for the test")
        until(lambda: len(asking.answers) >= REQUESTS, "too few requests")
    assert asking.faults == []
    assert {version for _, version, _ in asking.answers} == {1, 2}  # the bad one answered nobody
    assert {arm for _, _, arm in asking.answers} == {"live", "canary"}

    history = command(lived, "deploy", "history", "--json").json  # type: ignore[attr-defined]
    assert [each["change"] for each in reversed(history)] == [
        "start", "start", "rollback", "start", "step", "promote", "rollback", "start", "promote", "rollback",
    ]  # fmt: skip
    broken = history[-3]
    assert broken["made_by"] == "deployment"
    assert [found["gate"] for found in broken["evidence"] if found["state"] == "breach"] == ["errors"]
    alerts = command(lived, "alerts", "list", "--json").json  # type: ignore[attr-defined]
    assert [alert["version"] for alert in alerts if alert["kind"] == "rollout"] == [bad]


def test_two_processes_agree_and_one_that_is_killed_goes_on_where_it_was(
    lived: Path, servers: list[Server], command: Callable[..., object]
) -> None:
    told = command(lived, "deploy", "start", "--version", "2", "--canary", "40,100", "--hold", "1h", "--reason", "half")
    assert told.status == 0, told.err  # type: ignore[attr-defined]
    assert status(command, lived)["acknowledged"] == 2
    document = newest(lived)
    ids = [f"r{number}" for number in range(60)]
    expected = [assign(document.arms, bucket(each, document.salt)).version for each in ids]
    assert set(expected) == {1, 2}

    def versions(server: Server) -> list[int]:
        connection = http.client.HTTPConnection(server.host, timeout=PATIENCE)
        try:
            return [ask(connection, server.path, each)[0] for each in ids]
        finally:
            connection.close()

    assert [versions(server) for server in servers] == [expected, expected]
    servers[0].end(signal.SIGKILL)
    servers[0] = Server(lived)
    assert [versions(server) for server in servers] == [expected, expected]
    assert newest(lived) == document
    until(lambda: status(command, lived)["processes"] == 2, "the killed process is still counted")
    shown = command(lived, "deploy", "status").out.splitlines()  # type: ignore[attr-defined]
    assert shown[0] == "loans: document 2, canary, rolling; 2 of 2 processes answer by it"
    assert [line.split()[:3] for line in shown[3:5]] == [["live", "1", "60"], ["canary", "2", "40"]]
    promoted = command(lived, "deploy", "promote", "--reason", "enough")
    assert promoted.status == 0, promoted.err  # type: ignore[attr-defined]
    for server in servers:
        until(lambda server=server: set(versions(server)) == {2}, "not every process was told")  # type: ignore[misc]


def test_workers_of_one_server_follow_the_same_document(lived: Path, command: Callable[..., object]) -> None:
    server = Server(lived, "--workers", "2")
    try:
        told = command(
            lived, "deploy", "start", "--version", "2", "--ab", "a=50,b=50", "--key", "income", "--reason", "x"
        )
        assert told.status == 0, told.err  # type: ignore[attr-defined]
        assert "all 2 processes answer by it" in told.out  # type: ignore[attr-defined]
        document = newest(lived)
        arm = assign(document.arms, bucket("2500", document.salt))
        found = set()
        for number in range(40):  # a connection each, so that both are asked
            connection = http.client.HTTPConnection(server.host, timeout=PATIENCE)
            found.add(ask(connection, server.path, f"r{number}"))
            connection.close()
        assert found == {(arm.version, arm.name)}
    finally:
        assert server.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("start", "loan", "--version", "2"), "N-CLI-070", "did you mean 'loans'?"),
        (("start", "--version", "2", "--shadow", "--blue-green"), "N-CLI-071", "exclude each other"),
        (("start", "--version", "2", "--canary", "25,5"), "N-CLI-072", "no rising percentages"),
        (("start", "--version", "2", "--ab", "a=50,b=60"), "N-CLI-074", "100 per cent"),
        (("start", "--version", "2", "--gate", "error=1"), "N-CLI-075", "did you mean 'errors'?"),
        (("start", "--version", "2", "--canary", "5,100", "--key", "incme"), "N-SERVING-081", "did you mean 'income'?"),
        (("start", "--version", "1", "--canary", "5,100"), "N-SERVING-071", "the champion already"),
        (("start", "--version", "99", "--canary", "5,100"), "N-REGISTRY-003", "no version 99"),
        (("pause",), "N-SERVING-076", "in no rollout"),
        (("rollback",), "N-SERVING-078", "nothing to go back to"),
    ],
)
def test_what_cannot_be_done_is_told(
    lived: Path, command: Callable[..., object], arguments: tuple[str, ...], code: str, says: str
) -> None:
    told = command(lived, "deploy", *arguments, "--reason", "a test")
    assert told.status in (2, 3, 4), told.out  # type: ignore[attr-defined]
    assert code in told.err  # type: ignore[attr-defined]
    assert says in told.err  # type: ignore[attr-defined]
