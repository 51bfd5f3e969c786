"""A client that dies leaves its connections; one that lives keeps them, however long it says nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvicorn

from noria.runs.runs import EXPIRY, Runs
from noria.security.bind import listen
from noria.server.presence import GRACE_SECONDS, Presence, present

if TYPE_CHECKING:
    from noria.security.guard import Receive, Scope, Send
    from noria.store.database import Database

A, B = ("127.0.0.1", 1), ("127.0.0.1", 2)


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_run_is_silent_when_its_last_connection_was_closed_by_the_other_side() -> None:
    clock = _Clock()
    presence = Presence(clock)
    presence.spoke(A, "one")
    presence.spoke(B, "one")
    presence.spoke(B, "two")
    presence.left(A, by_peer=True)
    clock.now += 10 * GRACE_SECONDS
    assert presence.silent() == []
    presence.left(B, by_peer=True)
    assert presence.silent() == []
    clock.now += GRACE_SECONDS
    assert sorted(presence.silent()) == ["one", "two"]
    assert presence.silent() == []


@pytest.mark.parametrize("what", ["closed by us", "ended", "spoke again"])
def test_a_run_is_not_silent(what: str) -> None:
    clock = _Clock()
    presence = Presence(clock)
    presence.spoke(A, "one")
    assert presence.holds(A)
    if what == "ended":
        presence.ended("one")
        assert not presence.holds(A)
    presence.left(A, by_peer=what != "closed by us")
    if what == "spoke again":
        presence.spoke(B, "one")
    clock.now += 10 * GRACE_SECONDS
    assert presence.silent() == []
    assert presence._held.keys() == ({B} if what == "spoke again" else set())


def test_giving_up_is_taken_back_by_the_next_word(database: Database) -> None:
    book = Runs(database)
    client, own = book.start("logged", "client", beats=False), book.start("logged", "own")
    book.give_up([client, own])
    assert (book.get(client).status, book.get(own).status) == ("lost", "running")
    book.log_metrics(client, {"m": 1.0})
    found = book.get(client)
    assert (found.status, found.ended) == ("running", None)
    assert book.mark_lost(found.started + 100 * EXPIRY) == ()


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def test_real_connections_come_and_go() -> None:
    async def story() -> None:
        presence = Presence()
        bound = listen("127.0.0.1", 0)
        config = uvicorn.Config(
            _answer, http=present(presence), timeout_keep_alive=1, log_level="error", lifespan="off"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        left: list[tuple[int, bool]] = []
        noted = presence.left
        presence.left = lambda client, by_peer: (left.append((client[1], by_peer)), noted(client, by_peer=by_peer))[1]  # type: ignore[method-assign,assignment]
        ports = {}
        writers = {}
        for name in ("closes", "idle", "held"):
            reader, writer = await asyncio.open_connection(*bound.getsockname())
            ports[name] = writer.get_extra_info("sockname")[1]
            writers[name] = writer
            if name == "held":
                presence.spoke(("127.0.0.1", ports[name]), "run")
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await writer.drain()
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writers["closes"].transport.abort()
        async with asyncio.timeout(10):
            while len(left) < 2:
                await asyncio.sleep(0.05)
        assert dict(left) == {ports["closes"]: True, ports["idle"]: False}
        writers["held"].close()
        async with asyncio.timeout(10):
            while len(left) < 3:
                await asyncio.sleep(0.05)
        assert dict(left)[ports["held"]] is True
        writers["idle"].close()
        server.should_exit = True
        await serving

    asyncio.run(story())
