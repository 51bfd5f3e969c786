"""Brings what a journal holds to its sink: in order, each record until it is acknowledged, none of them twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from noria.errors import NoriaError
from noria.runs.operations import MOST_OPERATIONS
from noria.tracking.sink import TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.tracking.journal import Reader
    from noria.tracking.sink import Sink

__all__ = ["File", "Shipper"]

_FILE = b'{"do":"file"'
_UNREADABLE = frozenset({"N-SERVER-071", "N-SECURITY-010", "N-TRACKING-031"})


class File(msgspec.Struct, frozen=True, tag_field="do", tag="file"):
    """A file to be handed over beside the batches: its name in the run, and where its copy lies."""

    path: str
    kept: str


class Shipper:
    """Ships one journal.

    Parameters
    ----------
    reader : Reader
        The journal.
    sink : Sink
        Where to.
    warn : callable
        Told what was refused.
    """

    def __init__(self, reader: Reader, sink: Sink, warn: Callable[[str], None]) -> None:
        self._reader = reader
        self._sink = sink
        self._warn = warn
        self._most = MOST_OPERATIONS

    def ship(self, *, alive: bool = True) -> int:
        """Ship all that is there, and say how many records that were.

        Raises
        ------
        Unreachable
            The sink does not answer now.
        NoriaError
            The sink will never take this: the run is deleted, say.
        """
        shipped = 0
        while (piece := self._reader.next(self._most)).records:
            count = next((n for n, record in enumerate(piece.records) if record.startswith(_FILE)), len(piece.records))
            if count == 0:
                self._hand_over(piece.records[0])
                self._reader.mark(piece.records[:1])
                shipped += 1
            else:
                shipped += self._send(piece.first, piece.records[:count], alive=alive)
        return shipped

    def beat(self) -> None:
        """Say that the run is alive; raises as `ship` does."""
        header = self._reader.header
        self._sink.send(header.run, _batch(header.journal, self._reader.arrived + 1, [], alive=True))

    def end(self, records: list[bytes]) -> None:
        """Say what the dead process can say no more, after all that it said; raises as `ship` does."""
        header = self._reader.header
        self._sink.send(header.run, _batch(header.journal, self._reader.arrived + 1, records, alive=False))

    def _send(self, first: int, records: list[bytes], *, alive: bool) -> int:
        header = self._reader.header
        try:
            arrived = self._sink.send(header.run, _batch(header.journal, first, records, alive=alive))
        except TooLarge:
            return self._less(first, records, "it is too large", alive=alive)
        except NoriaError as error:
            if error.code not in _UNREADABLE:
                raise
            return self._less(first, records, error.what, alive=alive)
        for refused in arrived.refused:
            self._warn(refused)
        self._most = min(MOST_OPERATIONS, self._most * 2)
        self._reader.mark(records)
        return len(records)

    def _less(self, first: int, records: list[bytes], why: str, *, alive: bool) -> int:
        """Send half as much; a single record that is not taken is left out, so that the others arrive."""
        if len(records) == 1:
            self._warn(f"left out: {why}")
            self._reader.mark(records)
            return 1
        half = len(records) // 2
        self._most = max(1, half)
        return self._send(first, records[:half], alive=alive) + self._send(first + half, records[half:], alive=alive)

    def _hand_over(self, record: bytes) -> None:
        file = msgspec.json.decode(record, type=File)
        kept = self._reader.path.with_suffix(".files") / file.kept
        try:
            self._sink.put(self._reader.header.run, file.path, kept)
        except TooLarge:
            self._warn(f"file {file.path} is too large for the server")
        except FileNotFoundError:
            self._warn(f"file {file.path} is left out: its copy is gone from the outbox")
        kept.unlink(missing_ok=True)


def _batch(journal: str, first: int, records: list[bytes], *, alive: bool) -> bytes:
    """Compose the JSON of a `noria.runs.operations.Batch` of records that are JSON already."""
    living = b"true" if alive else b"false"
    head = b'{"journal":"%b","first":%d,"alive":%b,"operations":[' % (journal.encode(), first, living)
    return head + b",".join(records) + b"]}"
