"""A client that costs little beside the servers it asks: kept connections, ready-made requests, only heads parsed.

Used by `serving.py` and by tests that keep a server under load.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["Load", "post", "run_load"]

_LENGTH = b"content-length:"
Checking = Callable[[int, int, bytes], None]
"""Gets the number of a request, its status and the answer's body."""


@dataclass
class Load:
    """What came of some requests."""

    seconds: list[float] = field(default_factory=list)
    """Of each request that was answered with 200."""
    others: list[int] = field(default_factory=list)
    """Statuses that were not 200; 0 for a connection that broke within a request."""
    wall: float = 0.0

    def quantile_ms(self, share: float) -> float:
        """Give a quantile of the latencies in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else float("nan")


def post(url: str, body: bytes, media_type: str = "application/json") -> bytes:
    """Write a whole POST request down."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {media_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """Asks one question after the other; opens itself anew where the server has closed between two of them."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._buffer = b""
        self._number = -1
        self._started = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvloop's has no parent
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        whole = end + 4 + length
        if len(self._buffer) < whole:
            return
        body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
        number, self._number = self._number, -1
        self._work.done(number, int(head[9:12]), time.perf_counter() - self._started, body)
        if b"connection: close" in head:
            assert self._transport is not None
            self._transport.close()
            return
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._number >= 0:
            self._work.done(self._number, 0, 0.0, b"")
        self._work.lost()

    def _next(self) -> None:
        assert self._transport is not None
        number = self._work.take()
        if number is None:
            self._transport.close()
            return
        self._number = number
        self._started = time.perf_counter()
        self._transport.write(self._work.requests[number % len(self._work.requests)])


class _Work:
    """The requests that several connections share."""

    def __init__(
        self, host: str, port: int, requests: Sequence[bytes], count: int, seconds: float, check: Checking | None
    ) -> None:
        self.requests = requests
        self.load = Load()
        self._where = (host, port)
        self._count = count
        self._until = time.perf_counter() + seconds
        self._check = check
        self._taken = 0
        self._open = 0
        self.over = asyncio.get_running_loop().create_future()

    def take(self) -> int | None:
        if self._taken >= self._count or time.perf_counter() > self._until:
            return None
        self._taken += 1
        return self._taken - 1

    def done(self, number: int, status: int, seconds: float, body: bytes) -> None:
        if status == 200:
            self.load.seconds.append(seconds)
        else:
            self.load.others.append(status)
        if self._check is not None:
            self._check(number, status, body)

    def lost(self) -> None:
        self._open -= 1
        if self._taken < self._count and time.perf_counter() <= self._until:
            self._again = asyncio.get_running_loop().create_task(self.connect())
        elif self._open <= 0 and not self.over.done():
            self.over.set_result(None)

    async def connect(self) -> None:
        self._open += 1
        while True:
            try:
                await asyncio.get_running_loop().create_connection(lambda: _Connection(self), *self._where)
            except OSError:
                if time.perf_counter() > self._until:
                    self._open -= 1
                    if self._open <= 0 and not self.over.done():
                        self.over.set_result(None)
                    return
                await asyncio.sleep(0.02)
            else:
                return


def run_load(
    url: str,
    requests: Sequence[bytes],
    *,
    count: int,
    connections: int,
    seconds: float = 60.0,
    check: Checking | None = None,
) -> Load:
    """Send requests in turn over several kept connections until so many, or so much time, have gone.

    Parameters
    ----------
    url : str
        Only its host and port are used.
    requests : sequence of bytes
        Whole requests, see `post`.
    count : int
        How many to send.
    connections : int
        Kept open at once.
    seconds : float
        When to stop early.
    check : callable, optional
        Sees every answer.
    """
    import uvloop

    parts = urlsplit(url)

    async def all_of_it() -> Load:
        work = _Work(str(parts.hostname), int(parts.port or 80), requests, count, seconds, check)
        started = time.perf_counter()
        await asyncio.gather(*(work.connect() for _ in range(connections)))
        await asyncio.wait_for(work.over, seconds + 60)
        work.load.wall = time.perf_counter() - started
        return work.load

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(all_of_it())
