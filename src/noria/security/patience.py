"""A protocol that waits a bounded time for a request's head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["HEADER_SECONDS", "PatientProtocol"]

HEADER_SECONDS = 5.0
_MAX_HEAD = 64 << 10


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, closing connections that send their head slowly or without end.

    uvicorn itself waits for ever: a few hundred connections that send one byte a minute then take every file
    descriptor. The clock runs from the connection, and from the first byte of each further request.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Start the clock with the connection."""
        self._deadline: asyncio.TimerHandle | None = None
        self._head = 0
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a request."""
        if self._in_head():
            self._head += len(data)
            if self._deadline is None:
                self._arm()
        super().data_received(data)
        # Counted afterwards: a chunk may hold the whole head and much body, and then the count is 0 again.
        if self._head > _MAX_HEAD and self._in_head():
            self._give_up()

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
        if not self.transport.is_closing():
            self.transport.abort()
