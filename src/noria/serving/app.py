"""The raw ASGI application: routes, and one place where errors become answers."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from noria.errors import NoriaError, StoreUnavailable
from noria.predictions.labels import by_key
from noria.predictions.matured import unknown
from noria.scoring.signature import InputRefused
from noria.security.strict_json import decode
from noria.serving import inference, mlflow, native, prometheus
from noria.serving.endpoint import NoVersion
from noria.serving.http import Problem, Response, as_json, content_type, read_body, text

if TYPE_CHECKING:
    from noria.predictions.labels import Labels
    from noria.security.guard import Receive, Scope, Send
    from noria.serving.endpoint import Endpoint
    from noria.serving.lifespan import Lifespan

__all__ = ["Application"]

_BIG_BODY = 256 << 10
_VERSION = version("noria")

_log = logging.getLogger("noria.serving")

_Handler = Callable[["Scope", "Receive"], Awaitable[Response]]


class Application:
    """Answers for one endpoint in three protocols.

    Parameters
    ----------
    endpoint : Endpoint
        Who answers.
    labels : Labels
        Where late labels go.
    lifespan : Lifespan, optional
        What starts and ends with the server.
    max_rows : int
        Most rows of one request; more are answered 413.
    in_flight : callable
        Requests at work, for ``/metrics``.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        labels: Labels,
        *,
        lifespan: Lifespan | None = None,
        max_rows: int = 10_000,
        in_flight: Callable[[], int] = lambda: 0,
    ) -> None:
        self._endpoint = endpoint
        self._labels = labels
        self._lifespan = lifespan
        self._max_rows = max_rows
        self._in_flight = in_flight
        names = dict.fromkeys((endpoint.name, endpoint.model))
        self._get: dict[str, Callable[[], Response]] = {
            "/": self._about,
            "/ping": self._ping,
            "/health": self._ping,
            "/version": lambda: text(_VERSION),
            "/metrics": lambda: text(prometheus.render(endpoint, self._in_flight()), media_type=_PROMETHEUS),
            "/v2": lambda: as_json(inference.server_metadata(_VERSION)),
            "/v2/": lambda: as_json(inference.server_metadata(_VERSION)),
            "/v2/health/live": lambda: as_json({"live": True}),
            "/v2/health/ready": self._ready,
        }
        self._post: dict[str, _Handler] = {
            "/invocations": self._invocations,
            f"/predict/{endpoint.name}": self._predict,
            f"/labels/{endpoint.name}": self._add_labels,
        }
        self._models = {f"/v2/models/{name}": name for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or begin and end with the server."""
        if scope["type"] == "lifespan":
            if self._lifespan is not None:
                await self._lifespan(receive, send)
            return
        started = time.perf_counter()
        method = scope["method"]
        try:
            response = await self._answer(method, scope, receive)
        except Exception as error:  # noqa: BLE001 - the outermost face: every error becomes an answer
            response = _refusal(error)
            if scope["path"] in self._post or scope["path"].startswith("/v2/models/"):
                live = self._endpoint.live
                self._endpoint.stats.count(
                    live.number if live else 0,
                    "live",
                    "failed" if response.status >= 500 else "refused",
                    0,
                    time.perf_counter() - started,
                    datetime.now(UTC),
                )
        await response.send(send, head=method == "HEAD")

    async def _answer(self, method: str, scope: Scope, receive: Receive) -> Response:
        path = scope["path"]
        posted, got = self._post.get(path), self._get.get(path)
        if posted is not None:
            if method != "POST":
                raise _method("POST")
            return await posted(scope, receive)
        if got is not None:
            if method not in ("GET", "HEAD"):
                raise _method("GET")
            return got()
        return await self._model(method, path, scope, receive)

    async def _model(self, method: str, path: str, scope: Scope, receive: Receive) -> Response:
        """Route ``/v2/models/NAME[/versions/V][/ready|/infer]``."""
        parts = path.removeprefix("/v2/models/").split("/")
        name = self._models.get(f"/v2/models/{parts[0]}") if path.startswith("/v2/models/") else None
        if name is None:
            raise Problem(404, _not_here(path, self._endpoint), code="N-SERVING-052")
        rest = parts[1:]
        if rest[:1] == ["versions"] and len(rest) >= 2:
            live = self._endpoint.current()
            if rest[1] != str(live.number):
                raise Problem(
                    404, f"version {rest[1][:40]} of {name} is not served; {live.number} is", code="N-SERVING-053"
                )
            rest = rest[2:]
        if rest == ["infer"]:
            if method != "POST":
                raise _method("POST")
            return await self._infer(name, scope, receive)
        if method not in ("GET", "HEAD"):
            raise _method("GET")
        if not rest:
            return as_json(inference.metadata(name, self._endpoint.current()))
        if rest == ["ready"]:
            ready = self._endpoint.live is not None
            return as_json({"name": name, "ready": ready}, 200 if ready else 503)
        raise Problem(404, _not_here(path, self._endpoint), code="N-SERVING-052")

    async def _predict(self, scope: Scope, receive: Receive) -> Response:
        records, request = native.parse(await self._json(scope, receive))
        reply = await self._endpoint.answer(self._few(records), request=request)
        return as_json(native.render(reply))

    async def _invocations(self, scope: Scope, receive: Receive) -> Response:
        if content_type(scope) == "text/csv":
            records = mlflow.parse_csv(await read_body(receive), self._endpoint.current().signature)
        else:
            records = mlflow.parse(await self._json(scope, receive))
        return as_json(mlflow.render(await self._endpoint.answer(self._few(records))))

    async def _infer(self, name: str, scope: Scope, receive: Receive) -> Response:
        request = inference.parse(await self._json(scope, receive), self._endpoint.current())
        reply = await self._endpoint.answer(self._few(request.records), request=request.identity or None)
        return as_json(inference.render(reply, request, name))

    async def _add_labels(self, scope: Scope, receive: Receive) -> Response:
        body = await self._json(scope, receive)
        live = self._endpoint.live
        batch = native.parse_labels(body, live.scorer if live else None)
        return as_json(await asyncio.to_thread(self._store_labels, batch))

    def _store_labels(self, batch: native.LabelBatch) -> dict[str, object]:
        model, log, now = self._endpoint.model, self._endpoint.log, datetime.now(UTC)
        found = list(batch.by_id)
        labels, unmatched = len(found), 0
        log.flush()  # a label may come hard upon the answer
        # A key that no prediction holds refuses the request whole: all are looked up before the first is written.
        for key, rows in batch.by_key.items():
            matched, lacking = by_key(model, log, key, rows)
            found += matched
            labels += len(rows)
            unmatched += lacking
        added = self._labels.add(model, found, now, "http")
        # Ids that the log does not hold are kept: another process may have answered, whose log is still on its way.
        strange = self._strange([identity for identity, _ in batch.by_id])
        predictions = added.predictions - strange
        return {"labels": labels, "predictions": predictions, "unmatched": unmatched, "unknown": strange}

    def _strange(self, ids: Sequence[str]) -> int:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        log = self._endpoint.log
        return unknown(log.read(self._endpoint.model, columns=["prediction_id"]), pa.array(ids)) if ids else 0

    async def _json(self, scope: Scope, receive: Receive) -> object:
        if content_type(scope) != "application/json":
            raise Problem(415, "send application/json", code="N-SERVING-050")
        body = await read_body(receive)
        return decode(body) if len(body) <= _BIG_BODY else await asyncio.to_thread(decode, body)

    def _few(self, records: Sequence[object]) -> Sequence[object]:
        if len(records) > self._max_rows:
            raise Problem(413, f"{len(records)} rows are more than {self._max_rows}", code="N-SERVING-054")
        return records

    def _about(self) -> Response:
        endpoint = self._endpoint
        live = endpoint.live
        about: dict[str, object] = {
            "noria": _VERSION,
            "endpoint": endpoint.name,
            "model": endpoint.model,
            "alias": endpoint.alias,
            "version": live.number if live else None,
            "engine": live.scorer.engine if live else None,
            "next_version": endpoint.next.number if endpoint.next else None,
            "next_share": endpoint.share,
            "error": endpoint.failure.to_dict() if endpoint.failure else None,
            "log": vars(endpoint.log.counts()),
            "routes": sorted([*self._get, *self._post, f"/v2/models/{endpoint.name}/infer"]),
        }
        if live is not None:
            about["signature"] = live.scorer.signature.to_json()
            about["example"] = live.scorer.signature.example()
        return as_json(about)

    def _ping(self) -> Response:
        ready = self._endpoint.live is not None
        return text("" if ready else "no version yet\n", 200 if ready else 503)

    def _ready(self) -> Response:
        ready = self._endpoint.live is not None
        return as_json({"live": True, "ready": ready}, 200 if ready else 503)


_PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"


def _refusal(error: Exception) -> Response:
    if isinstance(error, InputRefused):
        rows: list[Mapping[str, object]] = [problem.to_json() for problem in error.problems]
        return as_json({"error": error.what, "code": error.code, "rows": rows}, 400)
    if isinstance(error, Problem):
        made = as_json({"error": error.what, "code": error.code}, error.status)
        return Response(made.status, made.body, headers=error.headers)
    if isinstance(error, NoVersion | StoreUnavailable):
        made = as_json({"error": error.what, "code": error.code}, 503)
        return Response(made.status, made.body, headers=((b"retry-after", b"2"),))
    if isinstance(error, NoriaError) and error.exit_status in (2, 3):
        return as_json({"error": error.what, "code": error.code}, 400)
    # What went wrong inside is for the log, not for strangers.
    identity = uuid.uuid4().hex[:12]
    _log.error("error %s", identity, exc_info=error)
    return as_json({"error": f"the model could not answer; the server's log tells why under {identity}"}, 500)


def _method(allowed: str) -> Problem:
    return Problem(405, f"use {allowed}", (b"allow", allowed.encode()), code="N-SERVING-055")


def _not_here(path: str, endpoint: Endpoint) -> str:
    return f"nothing is at {path[:200]!r}; the endpoint here is {endpoint.name!r}: POST /predict/{endpoint.name}"
