"""The log of what was answered: a bounded queue before, one thread writing, readers at any time.

An answer is not yet a durable row: a killed process loses at most what came in during the last flush interval.
Whatever is dropped for lack of room or disk is counted.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import StoreUnavailable
from noria.predictions.entry import Entry, batch, schema
from noria.predictions.reader import read
from noria.predictions.segment import OPEN, Segment, compact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

__all__ = ["LogCounts", "PredictionLog"]

_FLUSH_SECONDS = 0.5
_BATCH_ROWS = 10_000
_SEGMENT_ROWS = 500_000

_log = logging.getLogger("noria.predictions")


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
        self._waiting: deque[Entry] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._settled = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closing = False
        self._pending = self._taken = self._done = self._written = self._dropped = 0
        self._error = ""
        self._segments: dict[tuple[str, str, str], Segment] = {}

    def append(self, entry: Entry) -> bool:
        """Hand a request's rows to the writer; never waits, never raises.

        Returns
        -------
        bool
            False when there was no room: the rows are counted as dropped.
        """
        rows = len(entry.ids)
        with self._lock:
            if self._closing or self._pending + rows > self._capacity:
                self._dropped += rows
                return False
            self._waiting.append(entry)
            self._pending += rows
            self._taken += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="noria-prediction-log", daemon=True)
                self._thread.start()
            full = self._pending >= _BATCH_ROWS
        if full:
            self._wake.set()
        return True

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

    def compact(self, model: str) -> int:
        """Turn streams that killed processes left into Parquet; say how many."""
        found = sorted((self.folder / model).glob(f"*/*{OPEN}"))
        done = 0
        for path in found:
            try:
                done += compact(path) is not None
            except (OSError, StoreUnavailable) as problem:
                _log.warning("prediction log: %s stays as it is: %s", path, problem)
        return done

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
                self._end(list(self._segments))
                return

    def _write(self, entries: list[Entry]) -> None:
        groups: dict[tuple[str, str, int], list[Entry]] = {}
        for entry in entries:
            groups.setdefault((entry.model, f"{entry.at:%Y-%m-%d}", id(entry.signature)), []).append(entry)
        written = dropped = 0
        error = ""
        for (model, day, _), group in groups.items():
            rows = sum(len(entry.ids) for entry in group)
            try:
                self._append(model, day, group)
                written += rows
            except (OSError, StoreUnavailable, ValueError, TypeError) as problem:
                # Neither a full disk nor a value that does not fit its column (Arrow's errors are ValueError and
                # TypeError) may stop the answers; the rows are lost, and that is counted and said.
                dropped += rows
                error = str(problem)
                _log.error("prediction log: %d rows lost: %s", rows, problem)
        with self._settled:
            self._pending -= sum(len(entry.ids) for entry in entries)
            self._done += len(entries)
            self._written += written
            self._dropped += dropped
            self._error = error
            self._settled.notify_all()

    def _append(self, model: str, day: str, group: list[Entry]) -> None:
        wanted = schema(group[0].signature, group[0].answers.classes)
        key = (model, day, wanted.to_string())
        # Yesterday's segments are over once a row of today comes.
        self._end([old for old in self._segments if old[0] == model and old[1] < day])
        segment = self._segments.get(key)
        if segment is None:
            name = f"{time.time_ns():x}-{uuid.uuid4().hex[:12]}{OPEN}"
            segment = self._segments[key] = Segment(self.folder / model / day / name, wanted)
        try:
            segment.write(batch(group, wanted))
        except OSError:
            # A half-written batch ends what a reader can see of a stream: go on in a new one.
            self._segments.pop(key)
            segment.abandon()
            raise
        if segment.rows >= _SEGMENT_ROWS:
            self._end([key])

    def _end(self, keys: list[tuple[str, str, str]]) -> None:
        for key in keys:
            segment = self._segments.pop(key)
            try:
                segment.close()
                compact(segment.path)
            except (OSError, StoreUnavailable) as problem:
                _log.error("prediction log: %s stays as it is: %s", segment.path, problem)
