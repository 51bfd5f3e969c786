"""The raw ASGI application: routes, and one place where errors become answers."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence, Sized
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

from noria.errors import NoriaError, StoreUnavailable
from noria.scoring.signature import InputRefused
from noria.security.strict_json import decode
from noria.serving import (
    binary,
    inference,
    late_labels,
    mlflow,
    native,
    openapi,
    repository,
    sagemaker,
    tensorflow_serving,
)
from noria.serving.address import address, answering
from noria.serving.endpoint import MOST_EXPLAINED, NoVersion
from noria.serving.http import Problem, Response, as_json, content_type, read_body, text

if TYPE_CHECKING:
    from noria.predictions.labels import Labels
    from noria.scoring.rows import Rows
    from noria.security.guard import Receive, Scope, Send
    from noria.serving.address import Address
    from noria.serving.endpoint import Endpoint

__all__ = ["Application"]

_BIG_BODY = 256 << 10
_MODELS = ("/v1/models/", "/v2/models/")
_VERSION = version("noria")

_log = logging.getLogger("noria.serving")

_T = TypeVar("_T")
_Records = TypeVar("_Records", bound=Sized)
_Handler = Callable[["Scope", "Receive"], Awaitable[Response]]
_OfModel = Callable[["Address", "Scope", "Receive"], Awaitable[Response]]


class Application:
    """Answers for one endpoint in the protocols of this room.

    Parameters
    ----------
    endpoint : Endpoint
        Who answers.
    labels : Labels, optional
        Where late labels go; without it none are taken.
    lifespan : callable, optional
        What starts and ends with the server.
    max_rows : int
        Most rows of one request; more are answered 413.
    metrics : callable
        Gives the text of ``/metrics``.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        labels: Labels | None = None,
        *,
        lifespan: Callable[[Receive, Send], Awaitable[None]] | None = None,
        max_rows: int = 10_000,
        metrics: Callable[[], str] = lambda: "",
    ) -> None:
        self._endpoint = endpoint
        self._lifespan = lifespan
        self._max_rows = max_rows
        self._names = tuple(dict.fromkeys((endpoint.name, endpoint.model)))
        self._get: dict[str, Callable[[], Response]] = {
            "/": self._about,
            "/ping": self._ping,
            "/health": self._ping,
            "/version": lambda: text(_VERSION),
            "/metrics": lambda: text(metrics(), media_type=_PROMETHEUS),
            "/openapi.json": lambda: as_json(openapi.document(endpoint, _VERSION, labels=labels is not None)),
            "/v1/models": lambda: as_json({"models": list(self._names)}),
            "/v2": lambda: as_json(inference.server_metadata(_VERSION)),
            "/v2/": lambda: as_json(inference.server_metadata(_VERSION)),
            "/v2/health/live": lambda: as_json({"live": True}),
            "/v2/health/ready": self._ready,
        }
        self._post: dict[str, _Handler] = {
            "/invocations": self._invocations,
            "/v2/repository/index": self._index,
            f"/predict/{endpoint.name}": self._predict,
        }
        if labels is not None:
            self._post[f"/labels/{endpoint.name}"] = partial(late_labels.answer, endpoint, labels)
        self._verbs: dict[tuple[str, str], tuple[str, _OfModel]] = {
            ("v1", ""): ("GET", self._v1),
            ("v1", "metadata"): ("GET", self._v1),
            ("v1", "predict"): ("POST", self._v1_predict),
            ("v1", "explain"): ("POST", self._v1_predict),
            ("v2", ""): ("GET", self._v2),
            ("v2", "ready"): ("GET", self._v2_ready),
            ("v2", "infer"): ("POST", self._infer),
            ("repository", "load"): ("POST", self._load),
            ("repository", "unload"): ("POST", self._load),
        }

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
            if scope["path"] in self._post or scope["path"].startswith(_MODELS):
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
        return await self._of_model(method, path, scope, receive)

    async def _of_model(self, method: str, path: str, scope: Scope, receive: Receive) -> Response:
        """Find who answers for a path that names a model."""
        asked = address(path)
        found = None if asked is None else self._verbs.get((asked.protocol, asked.verb))
        if asked is None or found is None or asked.name not in self._names:
            raise Problem(404, _not_here(path, self._endpoint), code="N-SERVING-052")
        if method != found[0] and not (method == "HEAD" and found[0] == "GET"):
            raise _method(found[0])
        return await found[1](asked, scope, receive)

    async def _predict(self, scope: Scope, receive: Receive) -> Response:
        body = await self._body(scope, receive)
        live = self._endpoint.live
        asked = None if live is None else await _apart(body, native.read, live.scorer.signature.reader)
        if asked is None:
            asked = native.parse(await _apart(body, decode))
        explain = asked.explain or (scope["query_string"] != b"" and native.asks_why(scope["query_string"]))
        region = scope["query_string"] != b"" and native.asks_where(scope["query_string"])
        records = self._few(asked.records, explain=explain)
        reply = await self._endpoint.answer(records, request=asked.request, explain=explain, region=region)
        return as_json(native.render(reply))

    async def _invocations(self, scope: Scope, receive: Receive) -> Response:
        attributes = sagemaker.attributes(scope)
        if content_type(scope) == "text/csv":
            records: Sequence[object] | Rows = mlflow.parse_csv(
                await read_body(receive), self._endpoint.current().signature
            )
        else:
            body = await self._body(scope, receive)
            live = self._endpoint.live
            read = None if live is None else await _apart(body, mlflow.read, live.scorer.signature.reader)
            records = mlflow.parse(await _apart(body, decode)) if read is None else read
        reply = await self._endpoint.answer(self._few(records))
        if sagemaker.wants_csv(scope):
            return Response(200, sagemaker.as_csv(reply), b"text/csv; charset=utf-8", attributes)
        made = as_json(mlflow.render(reply))
        return Response(made.status, made.body, headers=attributes) if attributes else made

    async def _infer(self, asked: Address, scope: Scope, receive: Receive) -> Response:
        version = self._version(asked)
        request = inference.parse(await self._tensors(scope, receive), self._endpoint.current(version))
        records = self._few(request.records, explain=request.explain)
        reply = await self._endpoint.answer(
            records, request=request.identity or None, version=version, explain=request.explain
        )
        return as_json(inference.render(reply, request, asked.name))

    async def _v2(self, asked: Address, scope: Scope, receive: Receive) -> Response:
        return as_json(inference.metadata(asked.name, self._endpoint.current(self._version(asked))))

    async def _v2_ready(self, asked: Address, scope: Scope, receive: Receive) -> Response:
        ready = self._endpoint.live is not None
        if ready:
            self._version(asked)
        return as_json({"name": asked.name, "ready": ready}, 200 if ready else 503)

    async def _v1_predict(self, asked: Address, scope: Scope, receive: Receive) -> Response:
        version = self._version(asked)
        body = await self._body(scope, receive, may_lack_type=True)
        reader = self._endpoint.current(version).signature.reader
        request = await _apart(body, tensorflow_serving.read, reader)
        if request is None:
            request = tensorflow_serving.parse(await _apart(body, decode))
        explain = request.explain or asked.verb == "explain"
        rows = self._few(request.rows, explain=explain)
        reply = await self._endpoint.answer(rows, version=version, explain=explain)
        return as_json(tensorflow_serving.render(reply, request))

    async def _v1(self, asked: Address, scope: Scope, receive: Receive) -> Response:
        render = tensorflow_serving.metadata if asked.verb == "metadata" else tensorflow_serving.status
        return as_json(render(asked.name, self._endpoint.current(self._version(asked))))

    async def _index(self, scope: Scope, receive: Receive) -> Response:
        body = await self._body(scope, receive, may_lack_type=True)
        return as_json(repository.index(decode(body) if body else None, self._endpoint, self._names))

    async def _load(self, asked: Address, scope: Scope, receive: Receive) -> Response:
        raise repository.not_by_request(self._endpoint)

    def _version(self, asked: Address) -> int | None:
        """Say which version a path names; None leaves the choice to the rollout."""
        endpoint = self._endpoint
        if asked.label is not None and asked.label != endpoint.alias:
            here = f"{asked.name} answers for the label {endpoint.alias!r} alone"
            raise Problem(404, here, code="N-SERVING-058")
        return answering(endpoint, asked.name, asked.version)

    async def _tensors(self, scope: Scope, receive: Receive) -> object:
        length = binary.header_length(scope)
        if length is None:
            return await _apart(await self._body(scope, receive, may_lack_type=True), decode)
        body = await read_body(receive)
        return binary.joined(decode(body[:length]), body[length:])

    async def _body(self, scope: Scope, receive: Receive, *, may_lack_type: bool = False) -> bytes:
        kind = content_type(scope)
        # Clients of the foreign protocols leave it out; a page of another origin does not come this far.
        if kind != "application/json" and not (may_lack_type and kind == ""):
            raise Problem(415, "send application/json", code="N-SERVING-050")
        return await read_body(receive)

    def _few(self, records: _Records, *, explain: bool = False) -> _Records:
        if explain and len(records) > MOST_EXPLAINED:
            raise Problem(413, f"{len(records)} rows are more than {MOST_EXPLAINED} to explain", code="N-SERVING-054")
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
            "engine_reason": live.scorer.reason if live else None,
            "next_version": endpoint.next.number if endpoint.next else None,
            "next_share": endpoint.share,
            "error": endpoint.failure.to_dict() if endpoint.failure else None,
            "log": vars(endpoint.log.counts()),
            "routes": sorted([*self._get, *self._post, *openapi.paths(endpoint.name)]),
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


async def _apart(body: bytes, read: Callable[..., _T], *more: object) -> _T:
    """Read a body, in a thread if it is large, so that others are answered meanwhile."""
    return read(body, *more) if len(body) <= _BIG_BODY else await asyncio.to_thread(read, body, *more)


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
