"""The door of every server: who is meant, who asks, how much, how long.

A browser will send a request to a loopback server from any page it shows, and a name that resolves to 127.0.0.1
reaches it too. So the ``Host`` must be exactly ours, and what changes state must come from our own origin. Sizes
and times are bounded before anything is read into memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

__all__ = ["App", "Guard", "Receive", "Scope", "Send", "answer"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SECURE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class Guard:
    """Checks a request before the application sees it.

    Parameters
    ----------
    app : ASGI application
        It gets requests whose body, if any, has been read whole.
    hosts : frozenset of str
        The exact ``Host`` values that mean this server, with their ports (see `noria.security.bind.allowed_hosts`).
    scheme : str
        ``http`` or ``https``: how the pages of this server are reached.
    max_body : int
        Bytes; a longer body is answered 413.
    body_seconds : float
        A body that takes longer is answered 408.
    in_flight : int
        Requests at work at once; further ones are answered 503 with ``Retry-After``.
    """

    def __init__(
        self,
        app: App,
        *,
        hosts: frozenset[str],
        scheme: str = "http",
        max_body: int = 16 << 20,
        body_seconds: float = 5.0,
        in_flight: int = 256,
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.encode("latin-1") for host in hosts)
        self._origins = frozenset(f"{scheme}://{host}".encode("latin-1") for host in hosts)
        self._max_body = max_body
        self._body_seconds = body_seconds
        self._in_flight = in_flight
        self.active = 0
        """Requests at work now."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if kind == "websocket":
            if refusal:
                await receive()
                await send({"type": "websocket.close", "code": 4403})
            else:
                await self._app(scope, receive, send)
            return
        if kind != "http":
            return
        if refusal:
            await answer(send, *refusal)
            return
        if self.active >= self._in_flight:
            await answer(send, 503, "busy: too many requests at work", (b"retry-after", b"1"))
            return
        self.active += 1
        try:
            body = await self._body(scope, receive, send)
            if body is not None:
                await self._app(scope, body, send)
        finally:
            self.active -= 1

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        host = origin = site = None
        for name, value in scope["headers"]:
            if name == b"host":
                if host is not None:
                    return 400, "more than one Host header"
                host = value.lower()
            elif name == b"origin":
                if origin is not None:
                    return 400, "more than one Origin header"
                origin = value.lower()
            elif name == b"sec-fetch-site":
                site = value
        if host is None:
            return 400, "no Host header"
        if host not in self._hosts:
            return 421, "this server does not answer for that host"
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            if origin is not None and origin not in self._origins:
                return 403, "requests from other origins are refused"
            if site not in (None, b"none", b"same-origin"):
                return 403, "requests from other sites are refused"
        return None

    async def _body(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Read the body within its bounds, or answer and give nothing."""
        length: int | None = None
        chunked = False
        for name, value in scope["headers"]:
            if name == b"content-length":
                if not value.isdigit() or length is not None:
                    await answer(send, 400, "a wrong Content-Length", (b"connection", b"close"))
                    return None
                length = int(value)
            elif name == b"transfer-encoding":
                chunked = True
        if length is None and not chunked:
            return receive
        if length is not None and length > self._max_body:
            await answer(send, 413, f"the body is larger than {self._max_body} bytes", (b"connection", b"close"))
            return None
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await _read(receive, self._max_body)
        except TimeoutError:
            await answer(send, 408, "the body took too long", (b"connection", b"close"))
            return None
        except _TooLong:
            await answer(send, 413, f"the body is larger than {self._max_body} bytes", (b"connection", b"close"))
            return None
        if body is None:
            return None
        return _replay({"type": "http.request", "body": body, "more_body": False}, receive)


class _TooLong(Exception):
    pass


async def _read(receive: Receive, limit: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None  # the client has gone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _TooLong
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts) if len(parts) > 1 else part


def _replay(message: MutableMapping[str, Any], receive: Receive) -> Receive:
    waiting = [message]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


async def answer(send: Send, status: int, error: str, *headers: tuple[bytes, bytes]) -> None:
    """Send an error in the one form that all of noria's servers share: ``{"error": text}``."""
    body = msgspec.json.encode({"error": error})
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_SECURE, *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
