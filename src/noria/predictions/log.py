"""The log of what was answered: a bounded queue before, one thread writing, readers at any time.

Rows wait and are written as bytes (`noria.predictions.frames`): nothing that the garbage collector would have to walk
through, and nothing left to do for the thread but to write.
An answer is not yet a durable row: a killed process loses at most what came in during the last flush interval.
Whatever is dropped for lack of room or disk is counted.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from noria.errors import StoreUnavailable
from noria.predictions.compaction import apart
from noria.predictions.entry import Entry, Layout, encode, layout
from noria.predictions.reader import read
from noria.predictions.segment import GROWING, OPEN, Segment, compact, is_growing
from noria.security.pseudonyms import VARIABLE, known

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    import pyarrow as pa

    from noria.scoring.signature import Signature
    from noria.security.pseudonyms import Pseudonyms

__all__ = ["Key", "LogCounts", "PredictionLog"]

_FLUSH_SECONDS = 0.5
_BATCH_ROWS = 10_000
# Of what grows, some 100,000 requests or 400,000 rows are read in a second, of Parquet a hundred times that: no reader
# waits longer. Much smaller segments would cost more than they hold, for each is compacted by a process of its own.
_SEGMENT_REQUESTS = 100_000
_SEGMENT_ROWS = 200_000

_log = logging.getLogger("noria.predictions")


class _Waiting(msgspec.Struct, frozen=True):
    """A request's rows, ready to be written."""

    model: str
    day: date
    signature: Signature
    classes: tuple[str, ...]
    rows: int
    data: bytes


@dataclass(frozen=True)
class LogCounts:
    """Rows of this process.

    Attributes
    ----------
    written, dropped, pending : int
        On disk; lost because the queue was full or the disk refused; waiting.
    error : str
        What the disk last said; empty when all is well.
    """

    written: int
    dropped: int
    pending: int
    error: str


class PredictionLog:
    """The log in a folder. Writing starts a thread; reading alone does not.

    Parameters
    ----------
    folder : Path
        ``<folder>/<model>/<day>/<segment>``.
    capacity : int
        Rows that may wait; further ones are dropped and counted, since waiting would hold up answers.
    flush_seconds : float
        Longest time a row waits: the most that a kill can lose.
    """

    def __init__(self, folder: Path, *, capacity: int = 100_000, flush_seconds: float = _FLUSH_SECONDS) -> None:
        self.folder = folder
        self._capacity = capacity
        self._flush_seconds = flush_seconds
        self._waiting: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._settled = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closing = False
        self._pending = self._taken = self._done = self._written = self._dropped = 0
        self._error = ""
        self._warned = False
        self._segments: dict[Key, Segment] = {}
        self._compacting: list[tuple[subprocess.Popen[bytes], list[Path]]] = []

    def append(self, entry: Entry) -> bool:
        """Hand a request's rows to the writer; never waits, never raises.

        Returns
        -------
        bool
            False when there was no room, or a value is of no kind that a log holds: the rows are counted as dropped.
        """
        rows = len(entry.ids)
        try:
            data = encode(self._masked(entry) if entry.signature.pseudonyms else entry)
        except (TypeError, ValueError, OverflowError) as problem:
            _log.error("prediction log: %d rows lost: %s", rows, problem)
            with self._lock:
                self._dropped += rows
                self._error = str(problem)
            return False
        waiting = _Waiting(entry.model, entry.at.date(), entry.signature, entry.answers.classes, rows, data)
        with self._lock:
            if self._closing or self._pending + rows > self._capacity:
                self._dropped += rows
                return False
            self._waiting.append(waiting)
            self._pending += rows
            self._taken += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="noria-prediction-log", daemon=True)
                self._thread.start()
            full = self._pending >= _BATCH_ROWS
        if full:
            self._wake.set()
        return True

    @cached_property
    def pseudonyms(self) -> Pseudonyms | None:
        """Of the project whose log it is; None where its key is not here."""
        return known(self.folder.parent)

    def _masked(self, entry: Entry) -> Entry:
        """Put pseudonyms in the place of what they stand for, or nothing where the key is not here."""
        names, checked = self.pseudonyms, entry.checked
        if names is None and not self._warned:
            self._warned = True
            _log.warning("prediction log: no key for pseudonyms is here (%s): who is asked about is left out", VARIABLE)
        carried = {
            name: (values if name not in entry.signature.pseudonyms else
                   [None] * len(values) if names is None else [names.of(value) for value in values])
            for name, values in checked.carried.items()
        }  # fmt: skip
        return replace(entry, checked=replace(checked, carried=carried))

    def flush(self) -> None:
        """Wait until all that was appended before is on disk, or counted as dropped."""
        with self._settled:
            if self._thread is None:
                return
            until = self._taken
            self._wake.set()
            self._settled.wait_for(lambda: self._done >= until)

    def close(self) -> None:
        """Write what waits, end the segments and compact them."""
        with self._lock:
            self._closing = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join()
            self._thread = None
        with self._lock:
            self._closing = False

    def counts(self) -> LogCounts:
        """Say how many rows are written, dropped and waiting."""
        with self._lock:
            return LogCounts(self._written, self._dropped, self._pending, self._error)

    def read(
        self,
        model: str,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read a model's rows in order of time; see `noria.predictions.reader.read`."""
        return read(self.folder, model, since, until, columns)

    def tidy(self, model: str) -> None:
        """Have another process compact what killed ones left, and wait for it: `compact` would load Arrow here."""
        left = [path for path in self._unfinished(model) if not is_growing(path)]
        if left and apart(left).wait():
            _log.warning("prediction log: segments of %s that were cut off could not all be compacted", model)

    def compact(self, model: str) -> int:
        """Turn segments that killed processes left into Parquet; say how many."""
        done = 0
        for path in self._unfinished(model):
            try:
                done += compact(path) is not None
            except (OSError, StoreUnavailable) as problem:
                _log.warning("prediction log: %s stays as it is: %s", path, problem)
        return done

    def _unfinished(self, model: str) -> list[Path]:
        return sorted(path for form in GROWING for path in (self.folder / model).glob(f"*/*{form}"))

    def _work(self) -> None:
        while True:
            # Wakes early for a full batch, a flush or the end; otherwise once an interval.
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            with self._lock:
                closing = self._closing
                entries = list(self._waiting)
                self._waiting.clear()
            if entries:
                self._write(entries)
            if closing:
                self._end_all()
                return

    def _write(self, entries: list[_Waiting]) -> None:
        groups: dict[tuple[str, date, int, tuple[str, ...]], list[_Waiting]] = {}
        for entry in entries:
            groups.setdefault((entry.model, entry.day, id(entry.signature), entry.classes), []).append(entry)
        written = dropped = 0
        error = ""
        for (model, day, _, classes), group in groups.items():
            rows = sum(entry.rows for entry in group)
            try:
                key = (model, day.isoformat(), layout(group[0].signature, classes))
                self._append(key, [entry.data for entry in group], rows)
                written += rows
            except Exception as problem:  # noqa: BLE001 - whatever it is, a thread that ends would lose all further rows
                # A full disk may not stop the answers; the rows are lost, and that is counted and said.
                dropped += rows
                error = str(problem) or type(problem).__name__
                _log.error("prediction log: %d rows lost: %s", rows, error)
        with self._settled:
            self._pending -= sum(entry.rows for entry in entries)
            self._done += len(entries)
            self._written += written
            self._dropped += dropped
            self._error = error
            self._settled.notify_all()

    def _append(self, key: Key, requests: list[bytes], rows: int) -> None:
        model, day, columns = key
        # Yesterday's segments are over once a row of today comes.
        self._end([old for old in self._segments if old[0] == model and old[1] < day])
        segment = self._segments.get(key)
        if segment is None:
            name = f"{time.time_ns():x}-{uuid.uuid4().hex[:12]}{OPEN}"
            segment = self._segments[key] = Segment(self.folder / model / day / name, columns)
        try:
            segment.write(requests, rows)
        except OSError:
            # A half-written frame ends what a reader can see of a segment: go on in a new one.
            self._segments.pop(key).close()
            raise
        if segment.requests >= _SEGMENT_REQUESTS or segment.rows >= _SEGMENT_ROWS:
            self._end([key])

    def _end(self, keys: list[Key]) -> None:
        """End segments while answers go on."""
        paths = self._let_go(keys)
        if not paths:
            return
        self._compacting = [each for each in self._compacting if each[0].poll() is None]
        try:
            self._compacting.append((apart(paths), paths))
        except OSError as problem:
            _log.warning("prediction log: no process to compact with, the next start will: %s", problem)

    def _end_all(self) -> None:
        """End segments when no more answers come."""
        paths = self._let_go(list(self._segments))
        for child, begun in self._compacting:
            child.wait()
            paths += begun
        self._compacting = []
        for path in paths:
            try:
                compact(path)
            except (OSError, StoreUnavailable) as problem:
                _log.error("prediction log: %s stays as it is: %s", path, problem)

    def _let_go(self, keys: list[Key]) -> list[Path]:
        segments = [self._segments.pop(key) for key in keys]
        for segment in segments:
            segment.close()
        return [segment.path for segment in segments]


Key = tuple[str, str, Layout]
"""Model, day and columns of a segment."""
