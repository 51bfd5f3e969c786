"""Traces of requests for OpenTelemetry, where the environment names a collector.

The environment is OpenTelemetry's own: ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``…_TRACES_ENDPOINT``) says where to,
``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``, ``OTEL_EXPORTER_OTLP_HEADERS`` and the rest as everywhere, and
``OTEL_SDK_DISABLED=true`` switches it off. Nothing of it is loaded otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

    from noria.security.guard import App, Receive, Scope, Send
    from noria.serving.endpoint import Endpoint

__all__ = ["traced"]

_COLLECTORS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NOT_TRACED = frozenset({"/ping", "/health", "/metrics", "/version", "/v2/health/live", "/v2/health/ready"})

_log = logging.getLogger("noria.serving")


def traced(app: App, endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> App:
    """Give an application that traces its requests, or the same one where no collector is named.

    Parameters
    ----------
    app : ASGI application
        What answers.
    endpoint : Endpoint
        Says which version and arm answered.
    environment : mapping of str to str
        Of the process.
    """
    wanted = next((name for name in _COLLECTORS if environment.get(name)), None)
    if wanted is None or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return app
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        # Set for everything in a cluster, as it often is: no reason not to answer.
        _log.warning('%s is set, and nothing is traced: pip install "noria[otel]"', wanted)
        return app
    return _Traced(app, endpoint, environment)


class _Traced:
    def __init__(self, app: App, endpoint: Endpoint, environment: Mapping[str, str]) -> None:
        from opentelemetry import propagate, trace  # noqa: PLC0415 - heavy, and only where traces are wanted

        self._app = app
        self._name = endpoint.name
        self._provider = _provider(endpoint, environment)
        self._tracer = self._provider.get_tracer("noria.serving")
        self._extract = propagate.extract
        self._current = trace.get_current_span
        self._server = trace.SpanKind.SERVER
        endpoint.told = self._told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request within a span; send what is left when the server ends."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._sent_before(send))
            return
        if scope["type"] != "http" or scope["path"] in _NOT_TRACED:
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracer.start_as_current_span(
            f"{method} {path[:120]}",
            context=self._extract(carrier),
            kind=self._server,
            attributes={"http.request.method": method, "url.path": path[:500], "noria.endpoint": self._name},
        ) as span:
            await self._app(scope, receive, _watched(send, span))

    def _sent_before(self, send: Send) -> Send:
        # Once the end is told, whatever this application still does is cut off.
        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await asyncio.to_thread(self._provider.shutdown)
            await send(message)

        return sending

    def _told(self, version: int, arm: str, rows: int) -> None:
        self._current().set_attributes({"noria.version": version, "noria.arm": arm, "noria.rows": rows})


def _watched(send: Send, span: Span) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            status = int(message["status"])
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_attribute("error.type", str(status))
        await send(message)

    return sending


def _provider(endpoint: Endpoint, environment: Mapping[str, str]) -> TracerProvider:
    from importlib.metadata import version  # noqa: PLC0415 - as below

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - heavy
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - heavy
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - heavy
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - heavy

    told = {
        "service.name": environment.get("OTEL_SERVICE_NAME") or endpoint.name,
        "service.version": version("noria"),
        "noria.model": endpoint.model,
    }
    provider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
