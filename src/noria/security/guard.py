"""The door of every server: who is meant, who asks, how much, how long.

A browser will send a request to a loopback server from any page it shows, and a name that resolves to 127.0.0.1
reaches it too. So the ``Host`` must be exactly ours, and what changes state must come from our own origin. Sizes
and times are bounded before anything is read into memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

__all__ = ["Admit", "App", "Body", "Guard", "Receive", "Scope", "Send", "answer"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Admit = Callable[[Scope, Send], Awaitable[bool]]
"""Says whether a request may go on; what it does not let go on, it has answered. It cannot read the body."""

_Wait = Generator[Any, Any, MutableMapping[str, Any]]
Tell = Callable[[Scope, int, str], bytes | None]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SECURE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


@dataclass(frozen=True)
class Body:
    """How large a request's body may be, and how slowly it may come.

    Parameters
    ----------
    most : int
        Bytes; a longer one is answered 413.
    seconds : float
        A body that takes longer is answered 408, and so is one that pauses for so long.
    rate : int
        Bytes a second that buy more time: what has come in extends `seconds` by its share. 0 buys none.
    streamed : bool
        Hand it on as it comes. The application must give up when it is told of a disconnect, without an answer of
        its own: the door then says what was wrong.
    """

    most: int = 16 << 20
    seconds: float = 5.0
    rate: int = 0
    streamed: bool = False


class Guard:
    """Checks a request before the application sees it.

    Parameters
    ----------
    app : ASGI application
        It gets requests whose body, if any, has been read whole, but for those that `bodies` has streamed.
    hosts : frozenset of str or None
        The exact ``Host`` values that mean this server, with their ports (see `noria.security.bind.allowed_hosts`).
        None lets any pass, for a container that a platform puts behind names of its own; what changes state must
        then still come from the origin that the request names as its host.
    scheme : str
        ``http`` or ``https``: how the pages of this server are reached.
    max_body : int
        Bytes; a longer body is answered 413.
    body_seconds : float
        A body that takes longer is answered 408.
    in_flight : int
        Requests at work at once; further ones are answered 503 with ``Retry-After``.
    always : frozenset of str
        Paths that are answered however many are at work: a server that is busy is not a server that is ill.
    bodies : callable, optional
        From a request to its own `Body`, or None where `max_body` and `body_seconds` hold.
    tell : callable, optional
        From a request, a status and a text to the body of a refusal, or None for the form of `answer`.
    admit : callable, optional
        Asked once host and origin are right, and before a byte of the body is read.
    """

    def __init__(
        self,
        app: App,
        *,
        hosts: frozenset[str] | None,
        scheme: str = "http",
        max_body: int = 16 << 20,
        body_seconds: float = 5.0,
        in_flight: int = 256,
        always: frozenset[str] = frozenset(),
        bodies: Callable[[Scope], Body | None] = lambda _scope: None,
        tell: Tell = lambda _scope, _status, _text: None,
        admit: Admit | None = None,
    ) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(host.encode("latin-1") for host in hosts)
        self._origins = frozenset(f"{scheme}://{host}".encode("latin-1") for host in hosts or ())
        self._body = Body(max_body, body_seconds)
        self._bodies = bodies
        self._tell = tell
        self._in_flight = in_flight
        self._always = always
        self._admit = admit
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
            elif self._admit is None or await self._admit(scope, send):
                await self._app(scope, receive, send)
            return
        if kind != "http":
            return
        if refusal:
            await self._refuse(scope, send, *refusal)
            return
        if self.active >= self._in_flight and scope["path"] not in self._always:
            await self._refuse(scope, send, 503, "busy: too many requests at work", (b"retry-after", b"1"))
            return
        self.active += 1
        try:
            if self._admit is not None and not await self._admit(scope, send):
                return
            await self._let_in(scope, receive, send)
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
        if self._hosts is not None and host not in self._hosts:
            return 421, "this server does not answer for that host"
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            own = self._origins if self._hosts is not None else (b"http://" + host, b"https://" + host)
            if origin is not None and origin not in own:
                return 403, "requests from other origins are refused"
            if site not in (None, b"none", b"same-origin"):
                return 403, "requests from other sites are refused"
        return None

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        length: int | None = None
        chunked = False
        for name, value in scope["headers"]:
            if name == b"content-length":
                if not value.isdigit() or length is not None:
                    await self._refuse(scope, send, 400, "a wrong Content-Length", _CLOSE)
                    return
                length = int(value)
            elif name == b"transfer-encoding":
                chunked = True
        if length is None and not chunked:
            await self._app(scope, receive, send)
            return
        body = self._bodies(scope) or self._body
        if length is not None and length > body.most:
            await self._refuse(scope, send, 413, f"the body is larger than {body.most} bytes", _CLOSE)
            return
        bounded = _Bounded(receive, body)
        if body.streamed:
            await self._stream(scope, bounded, send)
            return
        try:
            whole = await _read(bounded)
        except _Refused as refused:
            await self._refuse(scope, send, *refused.args, _CLOSE)
            return
        if whole is not None:
            message = {"type": "http.request", "body": whole, "more_body": False}
            await self._app(scope, _replay(message, receive), send)

    async def _stream(self, scope: Scope, bounded: _Bounded, send: Send) -> None:
        """Hand a body on as it comes; where it breaks its bounds, the application sees the client go."""
        refused: list[_Refused] = []
        started = False

        async def noting(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        async def within() -> MutableMapping[str, Any]:
            if not refused:
                try:
                    return await bounded()
                except _Refused as error:
                    refused.append(error)
            return {"type": "http.disconnect"}

        await self._app(scope, within, noting)
        if refused and not started:
            await self._refuse(scope, send, *refused[0].args, _CLOSE)

    async def _refuse(self, scope: Scope, send: Send, status: int, error: str, *headers: tuple[bytes, bytes]) -> None:
        await answer(send, status, error, *headers, body=self._tell(scope, status, error))


_CLOSE = (b"connection", b"close")


class _Refused(Exception):
    """A body broke its bounds: status and text of the answer."""


class _Bounded:
    """Receives a body within its bounds."""

    def __init__(self, receive: Receive, body: Body) -> None:
        self._receive = receive
        self._body = body
        self._size = 0
        self._clock = asyncio.get_running_loop().time
        self._begun = self._clock()

    async def __call__(self) -> MutableMapping[str, Any]:
        """Give the next message.

        Raises
        ------
        _Refused
            It is too much, or too slow.
        """
        body = self._body
        # Time is counted from the start, so that no dribble can make it last; and never longer for a single pause.
        now = self._clock()
        until = self._begun + body.seconds + (self._size / body.rate if body.rate else 0.0)
        # Most bodies are there before they are asked for: what need not wait costs no timer.
        waiting: _Wait = self._receive().__await__()
        try:
            first = next(waiting)
        except StopIteration as at_once:
            message: MutableMapping[str, Any] = at_once.value
        else:
            try:
                async with asyncio.timeout_at(min(until, now + body.seconds)):
                    message = await _Begun(first, waiting)
            except TimeoutError:
                raise _Refused(408, "the body took too long") from None
        self._size += len(message.get("body", b""))
        if self._size > body.most:
            raise _Refused(413, f"the body is larger than {body.most} bytes")
        return message


class _Begun:
    """What is left of a wait after its first step."""

    def __init__(self, first: Any, waiting: _Wait) -> None:  # noqa: ANN401 - whatever the event loop waits for
        self._first = first
        self._waiting = waiting

    def __await__(self) -> _Wait:
        try:
            yield self._first
            message = yield from self._waiting
            return message
        finally:
            self._waiting.close()


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None  # the client has gone
        part = message.get("body", b"")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts) if len(parts) > 1 else part


def _replay(message: MutableMapping[str, Any], receive: Receive) -> Receive:
    waiting = [message]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


async def answer(send: Send, status: int, error: str, *headers: tuple[bytes, bytes], body: bytes | None = None) -> None:
    """Send an error in the one form that all of noria's servers share: ``{"error": text}``; or in a body given."""
    body = msgspec.json.encode({"error": error}) if body is None else body
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_SECURE, *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
