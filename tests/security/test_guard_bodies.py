"""Bodies with bounds of their own: handed on as they come, given up when they dribble, refused when they swell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from noria.security.guard import Body, Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from noria.security.guard import Receive, Scope, Send

HOST = "127.0.0.1:1"


class Upload:
    """An application that takes a body piece by piece and notes how it went."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.whole = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            self.pieces.append(message["body"])
            more = message["more_body"]
        self.whole = True
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def send_to(
    body: Body, pieces: Callable[[], AsyncIterator[bytes | None]], *, length: int | None = None
) -> tuple[Upload, list[dict[str, Any]]]:
    """Send pieces, None for a client that goes away, to a guard that has such bounds; give what came of it."""
    upload = Upload()
    told: list[dict[str, Any]] = []

    async def asked() -> None:
        coming = pieces()

        async def receive() -> dict[str, Any]:
            async for piece in coming:
                if piece is None:
                    return {"type": "http.disconnect"}
                return {"type": "http.request", "body": piece, "more_body": True}
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        framing = (b"transfer-encoding", b"chunked") if length is None else (b"content-length", str(length).encode())
        scope = {"type": "http", "method": "PUT", "path": "/", "headers": [(b"host", HOST.encode()), framing]}
        guard = Guard(
            upload,
            hosts=frozenset({HOST}),
            bodies=lambda _scope: body,
            tell=lambda _scope, status, text: f"{status} {text}".encode(),
        )
        await guard(scope, receive, send)
        assert guard.active == 0

    asyncio.run(asked())
    return upload, told


def status(told: list[dict[str, Any]]) -> int:
    assert [message["type"] for message in told] == ["http.response.start", "http.response.body"]
    return int(told[0]["status"])


@pytest.mark.parametrize("streamed", [True, False])
def test_a_body_within_its_bounds(streamed: bool) -> None:
    async def pieces() -> AsyncIterator[bytes | None]:
        for _ in range(5):
            yield b"x" * 100

    upload, told = send_to(Body(most=500, streamed=streamed), pieces)
    assert status(told) == 200
    assert b"".join(upload.pieces) == b"x" * 500
    assert len(upload.pieces) == (6 if streamed else 1)


@pytest.mark.parametrize("streamed", [True, False])
def test_one_that_swells_is_refused_in_the_form_of_its_kind(streamed: bool) -> None:
    async def pieces() -> AsyncIterator[bytes | None]:
        while True:
            yield b"x" * 100

    upload, told = send_to(Body(most=450, streamed=streamed), pieces)
    assert status(told) == 413
    assert told[1]["body"].startswith(b"413 ")
    assert (b"connection", b"close") in told[0]["headers"]
    assert not upload.whole
    upload, told = send_to(Body(most=450, streamed=streamed), pieces, length=451)
    assert status(told) == 413
    assert upload.pieces == []


@pytest.mark.parametrize("streamed", [True, False])
def test_one_that_pauses_or_dribbles_is_given_up(streamed: bool) -> None:
    async def pausing() -> AsyncIterator[bytes | None]:
        yield b"x" * 1000
        await asyncio.sleep(60)

    async def dribbling() -> AsyncIterator[bytes | None]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    for pieces, rate in ((pausing, 100), (dribbling, 1000)):
        upload, told = send_to(Body(seconds=0.3, rate=rate, streamed=streamed), pieces)
        assert status(told) == 408
        assert not upload.whole


def test_what_has_come_buys_time() -> None:
    async def pieces() -> AsyncIterator[bytes | None]:
        for _ in range(8):
            yield b"x" * 1000
            await asyncio.sleep(0.05)

    # 0.4 s in all: too long for the plain bound, and soon enough at 10,000 bytes a second.
    assert status(send_to(Body(seconds=0.2, streamed=True), pieces)[1]) == 408
    assert status(send_to(Body(seconds=0.2, rate=10_000, streamed=True), pieces)[1]) == 200


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_goes_away_gets_no_answer(streamed: bool) -> None:
    async def pieces() -> AsyncIterator[bytes | None]:
        yield b"x"
        yield None

    upload, told = send_to(Body(streamed=streamed), pieces)
    assert told == []
    assert not upload.whole
