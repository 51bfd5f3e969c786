"""Messages kept on disk in the order they came, in segments that are whole or not there."""

from __future__ import annotations

import base64
import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from noria.errors import CorruptedBlob, StoreBusy
from noria.store.files import TEMPORARY_PREFIX, ensure_folder, replacing, sync_folder
from noria.store.occupancy import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["RECEIVED", "TOPIC", "Message", "Segment", "Spool"]

TOPIC, RECEIVED = "mqtt_topic", "mqtt_received"
"""Columns beside those of the messages."""

_NAME = re.compile(r"^(\d{20})-(\d{20})\.jsonl$")
_MANY = 64
_LARGE = 16 << 20
_ATTEMPTS = 20
_REWRITING = "rewriting"
_PATIENCE_SECONDS = 60.0
_HALF_WRITTEN_SECONDS = 600


@dataclass(frozen=True)
class Message:
    """One message.

    Parameters
    ----------
    number : int
        Its place in the spool, from 1 without gaps.
    packet : int
        The broker's number of the packet; 0 where it asks for no answer.
    topic : str
        Where it was published.
    received : datetime
        When it came, UTC.
    body : bytes
        As it came.
    """

    number: int
    packet: int
    topic: str
    received: datetime
    body: bytes

    def to_line(self) -> bytes:
        """Write it as a line of JSON."""
        record: dict[str, object] = {
            "n": self.number,
            "packet": self.packet,
            "topic": self.topic,
            "at": self.received.isoformat(),
        }
        try:
            record["body"] = self.body.decode("utf-8")
        except UnicodeDecodeError:
            record["raw"] = base64.b64encode(self.body).decode("ascii")
        return json.dumps(record, ensure_ascii=True).encode() + b"\n"


@dataclass(frozen=True)
class Segment:
    """A file of the spool, and the numbers it holds."""

    path: Path
    first: int
    last: int


class Spool:
    """A folder of messages.

    Written by one process at a time, read by any number: a segment appears whole, under its final name.

    Parameters
    ----------
    folder : Path
        Made when something is written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from datetime import UTC
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spool = Spool(pathlib.Path(folder))
    ...     spool.append([Message(1, 7, "plant/a", datetime.now(UTC), b'{"v": 1}')])
    ...     [(message.number, message.body) for message in spool.messages()], spool.last
    ([(1, b'{"v": 1}')], 1)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def last(self) -> int:
        """Number of the newest message; 0 while there is none."""
        return max((one.last for one in self.segments()), default=0)

    def segments(self) -> list[Segment]:
        """List the segments in order, without those that another has taken in."""
        try:
            names = [entry.name for entry in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        found = [Segment(self.folder / name, int(m[1]), int(m[2])) for name in names if (m := _NAME.match(name))]
        kept: list[Segment] = []
        # Of segments that overlap the wider one was made of the others, just before a crash.
        for one in sorted(found, key=lambda segment: (segment.first, -segment.last)):
            if not kept or one.last > kept[-1].last:
                kept.append(one)
        return kept

    def append(self, messages: Sequence[Message]) -> None:
        """Keep messages; when this returns they survive a crash.

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        if not messages:
            return
        ensure_folder(self.folder)
        path = self.folder / _name(messages[0].number, messages[-1].number)
        with replacing(path) as file:
            file.writelines(message.to_line() for message in messages)

    def rewrite(self, change: Callable[[Message], Message]) -> None:
        """Let messages be others from now on; collecting goes on meanwhile.

        Parameters
        ----------
        change : callable
            Given each message; gives that one back, or another of the same number.
        """
        with alone(self.folder / _REWRITING, patience_seconds=_PATIENCE_SECONDS):
            for one in self.segments():
                held = [_read(line, one.path) for line in one.path.read_bytes().splitlines()]
                now = [change(message) for message in held]
                if any(before is not after for before, after in zip(held, now, strict=True)):
                    with replacing(one.path) as file:
                        file.writelines(message.to_line() for message in now)
            self._forget_leftovers()

    def _forget_leftovers(self) -> None:
        """Delete what killed processes left: what has been put into a wider segment, and what is half written."""
        there = list(self.folder.iterdir())
        kept = {one.path for one in self.segments()}
        for path in there:
            if (_NAME.match(path.name) and path not in kept) or _is_half_written(path):
                path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Put many small segments into one; a crash meanwhile costs nothing. Not while they are rewritten."""
        with suppress(StoreBusy), alone(self.folder / _REWRITING):
            self._tidy()

    def _tidy(self) -> None:
        small = [one for one in self.segments() if one.path.stat().st_size < _LARGE]
        if len(small) < _MANY:
            return
        # Only what follows on from one another: a large segment may lie between.
        run: list[Segment] = []
        for one in small:
            run = [*run, one] if run and run[-1].last + 1 == one.first else [one]
        if len(run) < 2:
            return
        with replacing(self.folder / _name(run[0].first, run[-1].last)) as file:
            for one in run:
                file.write(one.path.read_bytes())
        for one in run:
            one.path.unlink()
        sync_folder(self.folder)

    def messages(self, after: int = 0) -> Iterator[Message]:
        """Read the messages with a greater number than `after`, in order."""
        for _ in range(_ATTEMPTS):
            for one in self.segments():
                if one.last <= after:
                    continue
                try:
                    lines = one.path.read_bytes().splitlines()
                except FileNotFoundError:
                    break  # it has just been put into a larger one: look again
                for line in lines:
                    message = _read(line, one.path)
                    if message.number > after:
                        after = message.number
                        yield message
            else:
                return

    def tail(self, count: int) -> list[Message]:
        """Give the newest messages, at most so many."""
        return list(self.messages(max(0, self.last - count)))


def _is_half_written(path: Path) -> bool:
    try:
        return path.name.startswith(TEMPORARY_PREFIX) and path.stat().st_mtime < time.time() - _HALF_WRITTEN_SECONDS
    except FileNotFoundError:
        return False  # it has just got its name


def _name(first: int, last: int) -> str:
    return f"{first:020d}-{last:020d}.jsonl"


def _read(line: bytes, path: Path) -> Message:
    try:
        record = json.loads(line)
        body = record["body"].encode() if "body" in record else base64.b64decode(record["raw"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptedBlob(
            f"a segment of collected messages is damaged: {path.name}",
            why=f"{path.parent}: {error}",
            mend="bring the file back from a backup, or move it away and do without its messages",
            code="N-SOURCE-096",
        ) from error
    return Message(record["n"], record["packet"], record["topic"], datetime.fromisoformat(record["at"]), body)
