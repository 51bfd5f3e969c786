"""A record that nobody can take costs only itself; a server that answers oddly costs nothing; machines are watched."""

from __future__ import annotations

import http.server
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import noria
from noria.errors import NotAllowed, NotFound, RunNotFound, WrongArgument
from noria.runs.log import RunLog
from noria.runs.operations import Lines
from noria.tracking.http_sink import HttpSink, checked_server
from noria.tracking.journal import Header, Journal, Reader
from noria.tracking.shipping import Shipper
from noria.tracking.sink import Arrived, TooLarge, Unreachable
from noria.tracking.system_metrics import SystemMetrics
from noria.workspace import Workspace


class Picky:
    """A sink that takes batches up to a size, and refuses those with a poisoned record."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.got: list[int] = []
        self.files: list[str] = []

    def send(self, run: str, batch: bytes) -> Arrived:
        said = msgspec.json.decode(batch)
        operations = said["operations"]
        if len(batch) > self.most:
            raise TooLarge
        if any("poison" in one for one in operations):
            raise WrongArgument("poisoned", code="N-SERVER-071")
        self.got += range(said["first"], said["first"] + len(operations))
        assert [one["n"] for one in operations] == list(range(said["first"], said["first"] + len(operations)))
        return Arrived(said["first"] + len(operations) - 1)

    def put(self, run: str, path: str, file: Path) -> None:
        self.files.append(f"{path}:{file.read_text()}")

    def close(self) -> None:
        pass


def test_poison_and_size_cost_only_themselves(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.journal", Header("a" * 32, "b" * 16, ""))
    poisoned, large, files = {13, 14, 77}, {50}, {30, 31}
    (tmp_path / "a.files").mkdir()
    (tmp_path / "a.files" / "30").write_text("x")
    for number in range(1, 101):
        record: dict[str, object] = {"n": number}
        if number in poisoned:
            record["poison"] = True
        if number in large:
            record["much"] = "x" * 3_000
        if number in files:
            record = {"do": "file", "path": f"{number}.txt", "kept": str(number)}
        journal.append([msgspec.json.encode(record)])
    sink, said = Picky(1_500), []
    reader = Reader(journal.path)
    assert Shipper(reader, sink, said.append).ship() == 100
    assert sink.got == [n for n in range(1, 101) if n not in poisoned | large | files]
    assert sink.files == ["30.txt:x"]
    assert sorted(said) == [
        "file 31.txt is left out: its copy is gone from the outbox",
        "left out: it is too large",
        *["left out: poisoned"] * 3,
    ]
    assert reader.arrived == 100
    assert list((tmp_path / "a.files").iterdir()) == []
    reader.close()
    journal.close()


ANSWERS: list[tuple[int, bytes, type[Exception]]] = [
    (200, b"<html>", Unreachable),
    (200, b"[]", Unreachable),
    (200, b'{"acknowledged": "x", "refused": []}', Unreachable),
    (404, b"not here", Unreachable),
    (404, b'{"error": {"code": "N-RUNS-001", "what": "no run"}}', NotFound),
    (400, b'{"error": {"code": "N-RUNS-011", "what": "deleted"}}', WrongArgument),
    (401, b"{}", Unreachable),
    (403, b'{"error": {"code": "N-SECURITY-001", "what": "no"}}', Unreachable),
    (413, b"{}", TooLarge),
    (500, b"", Unreachable),
    (503, b"{}", Unreachable),
]


@pytest.fixture
def odd() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """A server that answers what it is told to."""
    answers: list[tuple[int, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body = answers[0]
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_whatever_a_server_answers_is_understood_or_tried_again(odd: tuple[str, list[tuple[int, bytes]]]) -> None:
    address, answers = odd
    sink = HttpSink(address)
    for status, body, kind in ANSWERS:
        answers[:] = [(status, body)]
        with pytest.raises(kind):
            sink.send("a" * 32, b"{}")
    answers[:] = [(200, b'{"acknowledged": 5, "refused": [{"number": 1, "code": "N-X-001", "what": "odd"}]}')]
    assert sink.send("a" * 32, b"{}") == Arrived(5, ("odd [N-X-001]",))
    sink.close()
    with pytest.raises(Unreachable):
        HttpSink("http://127.0.0.1:9").send("a" * 32, b"{}")


def test_a_training_survives_a_server_that_is_none(
    odd: tuple[str, list[tuple[int, bytes]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address, answers = odd
    answers[:] = [(200, b"<html>hello</html>")]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with noria.start_run("r", server=address, system_metrics=False) as run:
            run.log_metric("loss", 1.0)
    assert [str(warning.message) for warning in said] == [str(said[0].message)]
    assert "does not answer as a noria server does" in str(said[0].message)


@pytest.mark.parametrize(
    "address", ["", "localhost:80", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://x/?a", "http://x\n"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(WrongArgument):
        checked_server(address)


def test_a_token_is_not_sent_in_the_clear() -> None:
    for address in ("https://example.org", "http://127.0.0.1:8765", "http://[::1]:8765", "http://localhost"):
        assert checked_server(address, "secret") == address
    with pytest.raises(NotAllowed):
        checked_server("http://127.0.0.1.example.org", "secret")


def test_the_machine_is_watched() -> None:
    seen: list[dict[str, float]] = []
    watcher = SystemMetrics(lambda numbers: seen.append(dict(numbers)), every_seconds=0.05)
    deadline = time.monotonic() + 20
    while len(seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    watcher.stop()
    for name in ("cpu_percent", "memory_percent", "process_memory_mb", "disk_free_mb", "network_sent_mb"):
        assert seen[1][f"system/{name}"] >= 0
    assert 0 < seen[1]["system/memory_percent"] <= 100
    assert seen[1]["system/process_memory_mb"] > 10


def test_a_run_that_is_gone_is_said_once(workspace: Workspace) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with noria.start_run("r", system_metrics=False) as run:
            run.flush()
            workspace.runs.delete([run.id])
            run.log("late")
    assert len(said) >= 1
    assert "deleted" in str(said[0].message)
    with pytest.raises(RunNotFound):
        workspace.runs.get("f" * 32)


def test_a_store_that_cannot_read_a_record_takes_the_others(workspace: Workspace) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with noria.start_run("r", system_metrics=False) as run:
            run.log("one")
            run._append(Lines(1 << 60, ["beyond the calendar"]))
            run.log("two")
    assert [line.line for line in RunLog(workspace.database).tail(run.id)] == ["one", "two"]
    (warning,) = said
    assert "left out: the batch cannot be read" in str(warning.message)
