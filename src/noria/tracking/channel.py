"""From the training loop to the sink without the loop waiting: a buffer, a journal, and two threads.

A call only appends to the buffer. One thread writes what is there to the journal every `JOURNAL_SECONDS`; the other
ships the journal. A process that is killed loses what was said since the journal was last written.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from noria.errors import NoriaError
from noria.runs.operations import Metrics, number_to
from noria.tracking.journal import Journal, Reader
from noria.tracking.shipping import Shipper
from noria.tracking.sink import Unreachable
from noria.tracking.target import sink_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.tracking.journal import Header

__all__ = ["JOURNAL_SECONDS", "Channel", "LostRun", "Point", "Said"]

JOURNAL_SECONDS = 0.05
"""How often the buffer is written to the journal."""

_SYNC_SECONDS = 1.0
_SHIP_SECONDS = 0.5
_BEAT_SECONDS = 5.0
_LONGEST_PAUSE = 30.0
_MOST_BUFFERED = 2_000_000
_LONGEST_RECORD = 8 << 20

Point = tuple[int, int, str, float]
"""Milliseconds since 1970, step, name, value: the smallest thing to say, a hundred thousand times."""

Said = Point | msgspec.Struct


class LostRun(UserWarning):
    """Something about a run was not recorded, or waits for ``noria sync``; the training goes on."""


class Channel:
    """The way of one run out of this process.

    Parameters
    ----------
    folder : Path
        The outbox.
    header : Header
        Of the journal to write.
    token : str
        For the server.
    also : callable
        Called once something has been shipped: time to look after what other processes have left.

    Attributes
    ----------
    append : callable
        Takes something to say. It never waits and never fails.
    """

    def __init__(
        self, folder: Path, header: Header, *, token: str = "", also: Callable[[Path], None] = lambda _folder: None
    ) -> None:
        self._buffer: deque[Said] = deque()
        self.append = self._buffer.append
        self.path = folder / f"{header.run}-{header.journal}.journal"
        self._header = header
        self._token = token
        self._also = also
        self._journal: Journal | None = None
        self._closing = threading.Event()
        self._written = threading.Event()
        self._hurry = threading.Event()
        self._warned: set[str] = set()
        self._held_back: list[bytes] = []
        self._draining = threading.Lock()
        self._arrived = False
        self._writer = threading.Thread(target=self._write, name="noria-journal", daemon=True)
        self._shipper = threading.Thread(target=self._ship, name="noria-ship", daemon=True)
        try:
            self._journal = Journal(self.path, header)
        except OSError as error:
            self.warn("journal", f"no journal can be written: {error}; what this run says is lost")
            return
        self._writer.start()
        self._shipper.start()

    def flush(self, seconds: float) -> bool:
        """Wait until what was said is in the journal and, where the sink answers, has arrived; say whether it has."""
        if self._journal is None:
            return False
        until = time.monotonic() + seconds
        while (number := self._all_written(self._journal)) is None:
            if time.monotonic() > until or not self._writer.is_alive():
                return False
            time.sleep(0.005)
        self._hurry.set()
        while self._shipped < number:
            if time.monotonic() > until or not self._shipper.is_alive() or self._away:
                return False
            time.sleep(0.005)
        return True

    def close(self, seconds: float) -> bool:
        """End both threads, waiting at most so long; say whether everything has arrived."""
        if self._journal is None:
            return False
        until = time.monotonic() + seconds
        self._closing.set()
        self._hurry.set()
        self._writer.join(max(0.1, until - time.monotonic()))
        self._shipper.join(max(0.1, until - time.monotonic()))
        if not self._writer.is_alive() and not self._shipper.is_alive():
            self._journal.close()
            self._journal = None
        return self._arrived

    def forget(self) -> None:
        """Let go after a fork, in the child: buffer, journal and threads are the parent's."""
        self._buffer.clear()
        if self._journal is not None:
            self._journal.close()  # its lock is the parent's for as long as the parent holds it
            self._journal = None

    def warn(self, kind: str, text: str) -> None:
        """Say something once for each kind."""
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(f"run {self._header.run[:8]}: {text}", LostRun, stacklevel=2)

    def _all_written(self, journal: Journal) -> int | None:
        """Give the number of the last record of the journal; nothing while something is still on its way there."""
        if not self._draining.acquire(timeout=0.005):  # what is being written is in neither place
            return None
        try:
            return None if self._buffer or self._held_back else journal.number
        finally:
            self._draining.release()

    # ---- the thread that writes the journal

    def _write(self) -> None:
        journal = self._journal
        assert journal is not None  # noqa: S101 - the thread is started only with one
        synced = time.monotonic()
        dirty = True
        try:
            while True:
                last = self._closing.wait(JOURNAL_SECONDS)
                if self._buffer or self._held_back:
                    with self._draining:
                        dirty = self._drain(journal) or dirty
                now = time.monotonic()
                if dirty and (last or now - synced > _SYNC_SECONDS):
                    self._quietly(journal.sync)
                    synced, dirty = now, False
                if last:
                    break
        finally:
            self._written.set()
            self._hurry.set()

    def _drain(self, journal: Journal) -> bool:
        records = self._held_back
        self._held_back = []
        buffer = self._buffer
        for _ in range(len(buffer)):
            record = self._encoded(buffer.popleft())
            if record is not None:
                records.append(record)
        try:
            journal.append(records)
        except OSError as error:
            # The disk is full, perhaps only for a while. What has no place is kept in memory, within bounds.
            self.warn("disk", f"the journal cannot be written: {error}; it is tried again")
            self._held_back = records[-_MOST_BUFFERED:]
            return False
        if len(records) > 1_000:
            self._hurry.set()
        return True

    def _encoded(self, said: Said) -> bytes | None:
        try:
            if type(said) is tuple:
                at_ms, step, name, value = said
                said = Metrics(at_ms, step, {name: number_to(value)})
            record = msgspec.json.encode(said)
        except (TypeError, ValueError, UnicodeError, RecursionError, msgspec.MsgspecError) as error:
            self.warn("encode", f"left out what cannot be written as JSON: {error}")
            return None
        if len(record) > _LONGEST_RECORD:
            self.warn("size", f"left out {len(record):,} bytes said at once; log them as a file")
            return None
        return record

    def _quietly(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            self.warn("disk", f"the journal cannot be made durable: {error}")

    # ---- the thread that ships it

    _shipped = 0
    _away = False

    def _ship(self) -> None:
        reader = Reader(self.path)
        try:
            self._serve(reader)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not become a bug of the training
            self._away = True
            self.warn("ship", f"nothing more is sent: {type(error).__name__}: {error}; {self._mend()}")
        finally:
            reader.close()

    def _serve(self, reader: Reader) -> None:
        sink = None
        shipper: Shipper | None = None
        pause = _SHIP_SECONDS
        beaten = time.monotonic()
        looked = False
        while True:
            last = self._written.is_set()
            try:
                if shipper is None:
                    sink = sink_for(self._header.target, self._token)
                    if sink is None:
                        self._away = True
                        return
                    shipper = Shipper(reader, sink, lambda text: self.warn(text, text))
                if shipper.ship():
                    beaten = time.monotonic()
                elif time.monotonic() - beaten > _BEAT_SECONDS and not last:
                    shipper.beat()
                    beaten = time.monotonic()
                self._shipped, self._away = reader.arrived, False
                pause = _SHIP_SECONDS
                if last:
                    break
                if not looked:
                    looked = True
                    self._also(self.path.parent)
            except Unreachable as error:
                self._away = True
                self.warn("away", f"{error}; it is kept in {self.path.parent} and sent later, or by: noria sync")
                if last:
                    break
                pause = min(_LONGEST_PAUSE, 2 * pause)
            except NoriaError as error:
                self._away = True
                self.warn("refused", f"{error.what}; nothing more is sent. {self._mend()}")
                break
            self._hurry.wait(pause)
            self._hurry.clear()
        if sink is not None:
            sink.close()
        journal = self._journal
        if self._written.is_set() and journal is not None and reader.arrived == journal.number:
            self._arrived = not self._held_back
            if self._arrived:
                reader.remove()

    def _mend(self) -> str:
        return f"What was said is kept in {self.path}; see it with: noria sync --dry-run"
