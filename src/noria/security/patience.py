"""A protocol that waits a bounded time for a request's head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["HEADER_SECONDS", "PatientProtocol"]

HEADER_SECONDS = 5.0
_MAX_HEAD = 64 << 10
_LINGER_SECONDS = 1.0


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, closing connections that send their head slowly or without end.

    uvicorn itself waits for ever: a few hundred connections that send one byte a minute then take every file
    descriptor. The clock runs from the connection, and from the first byte of each further request. Whoever has begun a
    head is told 408 or 431; who has said nothing is told nothing.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Start the clock with the connection."""
        self._deadline: asyncio.TimerHandle | None = None
        self._head = 0
        self._refused = False
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a request."""
        if self._refused:
            return
        if self._in_head():
            self._head += len(data)
            if self._deadline is None:
                self._arm()
        super().data_received(data)
        # Counted afterwards: a chunk may hold the whole head and much body, and then the count is 0 again.
        if self._head > _MAX_HEAD and self._in_head():
            self._refuse(431, "Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        """Stop the clock: the head is whole."""
        self._disarm()
        self._head = 0
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock with the connection."""
        self._disarm()
        super().connection_lost(exc)

    def _in_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._head:
            self._refuse(408, "Request Timeout")
        else:
            self._abort()

    def _refuse(self, status: int, reason: str) -> None:
        self._disarm()
        if self.transport.is_closing():
            return
        self._refused = True
        body = f'{{"error":"{reason.lower()}"}}'
        head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n{body}".encode())
        # Closed at once, with bytes unread, the kernel would take the answer back; so those are read and thrown away.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self._abort)

    def _abort(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()
