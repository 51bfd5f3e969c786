"""Every kind of source keeps the contract; each on the real thing."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pulling import Bucket, Server

from noria.sources.collector import Collector
from noria.sources.plugins import _OURS
from noria.sources.reference import parse
from noria.testing.sources import ROWS, Laid, SourceContract

CSV = "id,amount,grade\n1,10.5,A\n2,,B\n3,7.25,\n"
MORE = "4,1.5,D\n"
SECRET = "not-for-anybody-7Q2x"


class TestFile(SourceContract):
    @pytest.fixture
    def laid(self, tmp_path: Path) -> Laid:
        path = tmp_path / "rows.csv"
        path.write_text(CSV)

        def broken() -> str:
            pq.write_table(pa.table({"id": list(range(100_000))}), tmp_path / "whole.parquet")
            (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:50_000])
            return "cut.parquet"

        def empty() -> str:
            (tmp_path / "empty.csv").write_text("id,amount\n")
            return "empty.csv"

        return Laid("rows.csv", tmp_path, "none.csv", change=lambda: _append(path), store=tmp_path / ".noria",
                    empty=empty, broken=broken, hinted="rows.csv#encoding=utf-8")  # fmt: skip


def _append(path: Path) -> None:
    path.write_text(path.read_text() + MORE)


class TestPackage(SourceContract):
    @pytest.fixture
    def laid(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laid:
        inside = tmp_path / "rows_of_a_package"
        inside.mkdir()
        (inside / "__init__.py").write_text("raise RuntimeError('a source must not import it')")
        (inside / "rows.csv").write_text(CSV)
        (inside / "empty.csv").write_text("id\n")
        monkeypatch.syspath_prepend(tmp_path)
        place = "package:rows_of_a_package"
        return Laid(f"{place}/rows.csv", tmp_path, f"{place}/none.csv", change=lambda: _append(inside / "rows.csv"),
                    empty=lambda: f"{place}/empty.csv", hinted=f"{place}/rows.csv#format=csv")  # fmt: skip


class TestFunction(SourceContract):
    @pytest.fixture
    def laid(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laid]:
        monkeypatch.setattr(sys, "path", [*sys.path])
        (tmp_path / "rows.json").write_text(json.dumps(ROWS))
        (tmp_path / "rows_for_the_contract.py").write_text(
            "import json\nfrom pathlib import Path\n"
            "def load(since=None):\n"
            "    rows = json.loads(Path(__file__).with_name('rows.json').read_text())\n"
            "    return [row for row in rows if since is None or row['id'] >= since]\n"
            "def none(): return []\n"
            "def dies():\n    rows = load()\n    raise ConnectionError('the other side went away')\n"
        )
        importlib.invalidate_caches()
        more = [*ROWS, {"id": 4, "amount": 1.5, "grade": "D"}]
        place = "python:rows_for_the_contract"
        yield Laid(f"{place}.load", tmp_path, f"{place}.lod",
                   change=lambda: (tmp_path / "rows.json").write_text(json.dumps(more)) and None,
                   empty=lambda: f"{place}.none", broken=lambda: f"{place}.dies", grows="id")  # fmt: skip
        sys.modules.pop("rows_for_the_contract", None)


class _Pages(BaseHTTPRequestHandler):
    """A page that asks for a token, and one that promises more than it sends."""

    def do_GET(self) -> None:
        content: dict[str, bytes] = self.server.content  # type: ignore[attr-defined]
        if self.headers.get("Authorization") != f"Bearer {SECRET}":
            self.send_error(401)
            return
        body = content.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hash(body)}"')
        self.send_header("Content-Length", str(len(body) + (900 if self.path == "/cut.csv" else 0)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


class TestWeb(SourceContract):
    @pytest.fixture
    def laid(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laid]:
        monkeypatch.setattr("noria.sources.retrying.FIRST_SECONDS", 0.01)
        monkeypatch.setenv("PAGES_TOKEN", SECRET)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
        content = {"/rows.csv": CSV.encode(), "/empty.csv": b"id\n", "/cut.csv": CSV.encode()}
        server.content = content  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        web, hint = f"http://127.0.0.1:{server.server_port}", "#token=env:PAGES_TOKEN"
        yield Laid(f"{web}/rows.csv{hint}", tmp_path, f"{web}/none.csv{hint}",
                   change=lambda: content.update({"/rows.csv": (CSV + MORE).encode()}), secret=SECRET,
                   empty=lambda: f"{web}/empty.csv{hint}", broken=lambda: f"{web}/cut.csv{hint}",
                   hinted=f"{web}/rows.csv{hint}&format=csv")  # fmt: skip
        server.shutdown()
        thread.join()
        server.server_close()


class TestDatabase(SourceContract):
    @pytest.fixture
    def laid(self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laid:
        text = "VARCHAR(20)"
        server.run(
            f"CREATE TABLE loans (id INTEGER PRIMARY KEY, amount NUMERIC(8, 2), grade {text})",
            f"CREATE TABLE nobody (id INTEGER, grade {text})",
            "INSERT INTO loans VALUES (1, 10.5, 'A'), (2, NULL, 'B'), (3, 7.25, NULL)",
        )
        monkeypatch.setenv("LOANS_DB", server.url)
        url = "sql:env:LOANS_DB"
        broken = {
            "sqlite": "SELECT id, abs(id - 9223372036854775807 - 4) FROM loans",
            "postgresql": "SELECT id, 1 / (id - 3) FROM loans ORDER BY id",
            "mysql": "SELECT id, (SELECT l.id FROM loans l WHERE l.id <> 3 OR loans.id <> 2) FROM loans",
        }
        return Laid(f"{url}?table=loans", tmp_path, f"{url}?table=loan",
                    change=lambda: server.run("INSERT INTO loans VALUES (4, 1.5, 'D')"),
                    empty=lambda: f"{url}?table=nobody", broken=lambda: f"{url}?query={broken[server.kind]}",
                    grows="id")  # fmt: skip


class TestObjectStore(SourceContract):
    @pytest.fixture
    def laid(self, bucket: Bucket, tmp_path: Path) -> Laid:
        bucket.put("in/rows.csv", CSV.encode())
        bucket.put("in/empty.csv", b"id\n")
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"id": list(range(100_000))}), sink)
        bucket.put("in/cut.parquet", sink.getvalue().to_pybytes()[:50_000])
        place = f"s3://{bucket.name}/in"
        return Laid(f"{place}/rows.csv", tmp_path, f"{place}/none.csv",
                    change=lambda: bucket.put("in/rows.csv", (CSV + MORE).encode()),
                    empty=lambda: f"{place}/empty.csv", broken=lambda: f"{place}/cut.parquet",
                    hinted=f"{place}/rows.csv#endpoint={bucket.endpoint}&region=us-east-1&format=csv",
                    secret="noria-test-secret-9fQ1")  # fmt: skip


class TestBroker(SourceContract):
    @pytest.fixture
    def laid(self, broker: str, topic: str, tmp_path: Path) -> Laid:
        source = f"mqtt://{broker}/{topic}/#"
        store = tmp_path / ".noria"
        _collected(source, store, [])
        _collected(source, store, [partial(_publish, broker, f"{topic}/a", row) for row in ROWS])
        change = partial(_publish, broker, f"{topic}/b", {"id": 4, "amount": 1.5, "grade": "D"})

        def empty() -> str:
            _collected(f"{source[:-1]}c", store, [partial(_publish, broker, f"{topic}/c", "no JSON {")])
            return f"{source[:-1]}c"

        return Laid(source, tmp_path, f"mqtt://{broker}/{topic}/none", store=store, empty=empty,
                    change=lambda: _collected(source, store, [change]),
                    beside=("mqtt_topic", "mqtt_received"))  # fmt: skip


def _publish(broker: str, topic: str, row: Any) -> None:
    from paho.mqtt import publish

    host, _, port = broker.partition(":")
    payload = row if isinstance(row, str) else json.dumps(row)
    publish.single(topic, payload, qos=1, hostname=host, port=int(port))


def _collected(source: str, store: Path, sending: list[Any]) -> None:
    said: list[str] = []
    collector = Collector(parse(source), store=store, root=store, every_seconds=0.05, say=said.append)
    stop = threading.Event()
    thread = threading.Thread(target=collector.run, args=(stop,))
    thread.start()
    while not any("collecting" in text for text in said):
        time.sleep(0.02)
    time.sleep(0.1)
    for send in sending:
        send()
    until = time.monotonic() + 20
    while collector.received < len(sending):
        assert time.monotonic() < until
        time.sleep(0.02)
    stop.set()
    thread.join()


def test_every_kind_is_held_to_it() -> None:
    tried = {"file", "package", "python", "http", "sql", "s3", "mqtt"}
    from noria.sources.plugins import kind_of

    assert {kind_of(prefix).name for prefix in _OURS} == tried
