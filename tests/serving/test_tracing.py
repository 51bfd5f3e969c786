"""Requests traced to a collector: a real one, in so far as it speaks OTLP over HTTP."""

from __future__ import annotations

import gzip
import http.server
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from noria.serving import tracing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving.conftest import House

pytest.importorskip("opentelemetry.sdk")
trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

RECORD = {"age": 30, "grade": "A"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector(http.server.BaseHTTPRequestHandler):
    spans: list[SimpleNamespace]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request = trace_service.ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            about = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.server.spans += [  # type: ignore[attr-defined]
                    SimpleNamespace(
                        name=span.name,
                        trace=span.trace_id.hex(),
                        parent=span.parent_span_id.hex(),
                        told=_attributes(span.attributes),
                        resource=about,
                    )
                    for span in scope.spans
                ]
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(trace_service.ExportTraceServiceResponse().SerializeToString())

    def log_message(self, *_: object) -> None:
        pass


def _attributes(listed: object) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in listed}  # type: ignore[attr-defined]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SimpleNamespace]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.spans = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server.spans  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_are_traced_with_who_answered(house: House, collector: list[SimpleNamespace]) -> None:
    house.promote(1)
    with house.serving() as (_, client):
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        assert client.post("/predict/credit-risk", json=[RECORD, RECORD], headers=headers).status_code == 200
        assert client.post("/predict/credit-risk", json={"age": "x"}).status_code == 400
        assert client.get("/ping").status_code == 200
    # What was left was sent when the server ended.
    answered, refused = sorted(collector, key=lambda span: span.told["http.response.status_code"])
    assert (answered.trace, answered.parent) == (TRACE, "00f067aa0ba902b7"), "the caller's trace goes on"
    assert answered.name == "POST /predict/credit-risk"
    assert answered.told == {
        "http.request.method": "POST",
        "url.path": "/predict/credit-risk",
        "http.response.status_code": 200,
        "noria.endpoint": "credit-risk",
        "noria.version": 1,
        "noria.arm": "live",
        "noria.rows": 2,
    }
    assert refused.told["http.response.status_code"] == 400
    assert "noria.version" not in refused.told
    assert answered.resource["service.name"] == "credit-risk"
    assert answered.resource["noria.model"] == "credit"


def test_without_a_collector_nothing_is_loaded_and_nothing_wrapped() -> None:
    app, endpoint = object(), SimpleNamespace(told=None)
    assert tracing.traced(app, endpoint, {}) is app  # type: ignore[arg-type]
    off = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}
    assert tracing.traced(app, endpoint, off) is app  # type: ignore[arg-type]
    code = "import sys, noria.serving.run; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_extra_answers_go_on_and_it_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda _name: None)
    app, endpoint = object(), SimpleNamespace(told=None)
    wanted = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}
    assert tracing.traced(app, endpoint, wanted) is app  # type: ignore[arg-type]
    assert "noria[otel]" in caplog.text


def test_a_collector_that_is_away_costs_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    house.promote(1)
    with house.serving() as (_, client):
        assert client.post("/predict/credit-risk", json=RECORD).status_code == 200
