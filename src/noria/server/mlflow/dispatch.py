"""The door of the protocol: from a raw request to a handler and back, with nothing in between.

A client that logs a number waits for the answer, so what a small request costs is what training pays. There is no
request object here and no router but two dictionaries.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from noria.errors import NoriaError, NotAllowed, NotFound, WrongArgument
from noria.security.guard import Body
from noria.server.caller import IDENTITY
from noria.server.mlflow import refusals
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.plain import Text
from noria.server.mlflow.routes import Route, belongs, find
from noria.server.mlflow.runs import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.security.guard import App, Receive, Scope, Send
    from noria.server.mlflow.forms import Form
    from noria.server.site import Site

__all__ = ["MlflowProtocol", "bodies", "tell"]

T = TypeVar("T")

_THREADS = 10  # with the writer, within what the pool of connections gives
_LARGE = 256 << 10
_FORM = Body(most=32 << 20, seconds=5.0, rate=64 << 10)
_FILE = Body(most=1 << 40, seconds=10.0, rate=16 << 10, streamed=True)
_ENDED = (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)
_KEEPS_ITS_CONNECTIONS = b"mlflow-python-client/"
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_log = logging.getLogger("noria.server")


class MlflowProtocol:
    """Answers the protocol's paths; any other goes to `otherwise`.

    Parameters
    ----------
    site : Site
        The server.
    otherwise : ASGI application
        The pages.
    """

    def __init__(self, site: Site, *, otherwise: App) -> None:
        self._site = site
        self._otherwise = otherwise
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="noria-protocol")
        self._gate = threading.Lock()
        self._desk: Desk | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not belongs(scope["path"]):
            await self._otherwise(scope, receive, send)
            return
        started = False

        async def noting(message: dict[str, object]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            route, named = _look_up(scope)
            desk = self._desk
            if desk is None:
                desk = await self._in_thread(self._opened)
            if route.reader is None:
                await route.handler(desk, self._in_thread, scope, receive, noting, **named)  # type: ignore[misc] # one that takes it as it comes
                return
            answer = await self._answer(desk, route, named, scope, receive)
        except NoriaError as error:
            status, body = refusals.told(error)
            if status in (500, 503, 507):
                _log.error("%s %s: %s", scope["method"], scope["path"], error.render())
        except Exception as error:  # noqa: BLE001 - the outermost face: a bug is logged and told, and the server goes on
            _log.exception("%s %s", scope["method"], scope["path"])
            status, body = refusals.bug(error)
        else:
            if isinstance(answer, Text):
                await _send(send, 200, answer.encode(), _TEXT)
            else:
                await _send(send, 200, b"{}" if not answer else msgspec.json.encode(answer), _JSON)
            return
        if not started:
            await _send(send, status, body, _JSON)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    async def _answer(
        self, desk: Desk, route: Route, named: dict[str, str], scope: Scope, receive: Receive
    ) -> dict[str, object] | Text:
        reader = route.reader
        assert reader is not None  # noqa: S101 - the caller saw to it
        if route.method == "GET":
            form: Form = reader.query(scope["query_string"], named)
        else:
            body = (await receive()).get("body", b"")
            if body and not _is_json(scope):
                raise WrongArgument(
                    "the Content-Type of the request is not application/json",
                    mend="send JSON, and say so",
                    code="N-SERVER-056",
                )
            if len(body) > _LARGE:
                form = await self._in_thread(reader.body, body, named)
            else:
                form = reader.body(body, named)
        asked = (desk, form, scope[IDENTITY]) if route.asks_who else (desk, form)
        if route.waits:
            answer = await self._in_thread(route.handler, *asked)
        else:
            answer = await route.handler(*asked)  # type: ignore[misc] # a coroutine, as the table says
        if route.action == "track":
            self._note(scope, form, answer)  # type: ignore[arg-type] # handlers give objects
        return answer  # type: ignore[return-value] # as above

    def _note(self, scope: Scope, form: Form, answer: dict[str, dict[str, dict[str, str]]]) -> None:
        """Note that this connection speaks for a run, or that the run has ended."""
        client = scope.get("client")
        if not any(
            name == b"user-agent" and value.startswith(_KEEPS_ITS_CONNECTIONS) for name, value in scope["headers"]
        ):
            return  # a script that asks once and goes leaves its connection without having died
        run = getattr(form, "run_id", "") or getattr(form, "run_uuid", "")
        if not run and "run" in answer:
            run = answer["run"]["info"]["run_id"]
        if not run or not client:
            return
        if getattr(form, "status", None) in _ENDED:
            self._site.presence.ended(run)
        else:
            self._site.presence.spoke((client[0], client[1]), run)

    async def _in_thread(self, work: Callable[..., T], /, *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def _opened(self) -> Desk:
        with self._gate:
            if self._desk is None:
                self._desk = Desk(self._site)
            return self._desk


def bodies(scope: Scope) -> Body | None:
    """Say how large and how slow the body of a request may be; None for one that is not of the protocol."""
    path = scope["path"]
    if not belongs(path):
        return None
    return _FILE if scope["method"] == "PUT" and "/mlflow-artifacts/artifacts/" in path else _FORM


def tell(scope: Scope, status: int, text: str) -> bytes | None:
    """Write a refusal of the door as the protocol's clients read it; None for other requests."""
    return refusals.of_status(status, text) if belongs(scope["path"]) else None


def _look_up(scope: Scope) -> tuple[Route, dict[str, str]]:
    found = find(scope["method"], scope["path"])
    if isinstance(found, tuple):
        return found
    if found:
        raise NotAllowed(
            f"{scope['method']} is not a method of {scope['path'][:200]}",
            mend=f"use {' or '.join(sorted(found))}",
            code="N-SERVER-057",
        )
    raise NotFound(
        f"there is no endpoint {scope['method']} {scope['path'][:200]}",
        why="noria speaks the tracking and registry parts of the protocol",
        mend="see the reference of the HTTP interface for what there is",
        code="N-SERVER-054",
    )


def _is_json(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bytes(value).partition(b";")[0].strip().lower() == b"application/json"
    return False


async def _send(send: Send, status: int, body: bytes, kind: tuple[bytes, bytes]) -> None:
    headers = [kind, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
