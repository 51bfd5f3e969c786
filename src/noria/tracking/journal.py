"""The journal of a run: what was said and has not arrived yet, one checked record a line.

A record is written once and never changed, so a process that is killed leaves a journal that is whole up to its last
line; a torn last line is seen by its checksum and does not count. The number of an operation is that of its line.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from noria.errors import WrongData

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Header", "Journal", "Piece", "Reader", "claimed"]

_PIECE = 1 << 20
_AROUND = 10  # checksum, blank and end of line


class Header(msgspec.Struct, frozen=True):
    """The first line: whose journal it is, and where it is to go.

    Parameters
    ----------
    run, journal : str
        Ids of the run and of this journal of it.
    target : str
        Address of a server, folder of a project, or empty: nowhere yet.
    name : str
        Of the run, for people.
    pid : int
        Of the process that wrote it.
    """

    run: str
    journal: str
    target: str
    name: str = ""
    pid: int = 0
    form: int = 1


@dataclass(frozen=True)
class Piece:
    """Some records that follow one another.

    Parameters
    ----------
    first : int
        Number of the first.
    records : list of bytes
        JSON of each.
    """

    first: int
    records: list[bytes]


class Journal:
    """A journal that is being written; held as long as it is open.

    Parameters
    ----------
    path : Path
        A new file.
    header : Header
        Its first line.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        self._end = 0
        self.number = -1
        """Of the last record; 0 is the header."""
        self.append([msgspec.json.encode(header)])

    def append(self, records: Sequence[bytes]) -> None:
        """Write records; they survive the death of the process, and with `sync` that of the machine.

        Raises
        ------
        OSError
            They cannot be written, and none of them is.
        """
        data = b"".join([b"%08x %b\n" % (zlib.crc32(record), record) for record in records])
        view, at = memoryview(data), self._end
        try:
            while view:
                written = os.pwrite(self._handle, view, at)
                view, at = view[written:], at + written
        except OSError:
            os.ftruncate(self._handle, self._end)
            raise
        self._end = at
        self.number += len(records)

    def sync(self) -> None:
        """Make what was written survive power loss."""
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Let the journal go: others may take it up."""
        os.close(self._handle)


class Reader:
    """Reads what a journal holds beyond what has arrived, and remembers how far that is.

    Parameters
    ----------
    path : Path
        The journal.

    Raises
    ------
    WrongData
        It has no header: the process died before it said anything.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks = path.with_suffix(".arrived")
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.arrived = 0
        """Number of the last record that is known to have arrived."""
        start = self._pieces_from(0, 0, 1)
        if not start.records:
            os.close(self._handle)
            raise _no_journal(path)
        try:
            self.header = msgspec.json.decode(start.records[0], type=Header)
        except msgspec.MsgspecError as error:
            os.close(self._handle)
            raise _no_journal(path) from error
        self._offset = len(start.records[0]) + _AROUND
        self._remember()

    def next(self, most: int) -> Piece:
        """Give the records that come next, at most so many and about a megabyte; none when all have arrived."""
        return self._pieces_from(self._offset, self.arrived + 1, most)

    def waiting(self) -> int:
        """Count the records that have not arrived."""
        count, offset = 0, self._offset
        while records := self._pieces_from(offset, 0, 100_000).records:
            count += len(records)
            offset += sum(len(record) + _AROUND for record in records)
        return count

    def mark(self, records: Sequence[bytes]) -> None:
        """Remember that these records, the next, have arrived."""
        self.arrived += len(records)
        self._offset += sum(len(record) + _AROUND for record in records)
        text = f"{self.arrived} {self._offset}".ljust(40) + "\n"
        # Should this be lost, some records are sent again, and taken once.
        handle = os.open(self._marks, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(handle, text.encode(), 0)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the files."""
        os.close(self._handle)

    def remove(self) -> None:
        """Delete the journal: all of it has arrived."""
        self.path.unlink(missing_ok=True)
        self._marks.unlink(missing_ok=True)
        files = self.path.with_suffix(".files")
        if files.is_dir():
            for file in files.iterdir():
                file.unlink(missing_ok=True)
            files.rmdir()

    def last_change(self) -> float:
        """Say when something was last written, in seconds since 1970."""
        return os.fstat(self._handle).st_mtime

    def _remember(self) -> None:
        try:
            number, offset = map(int, self._marks.read_text().split())
        except (OSError, ValueError):
            return
        if number > 0 and self._offset <= offset <= os.fstat(self._handle).st_size:
            self.arrived, self._offset = number, offset

    def _pieces_from(self, offset: int, first: int, most: int) -> Piece:
        data = os.pread(self._handle, _PIECE, offset)
        while b"\n" not in data and (more := os.pread(self._handle, _PIECE, offset + len(data))):
            data += more
        records: list[bytes] = []
        for line in data.split(b"\n")[:-1]:
            if len(records) == most or not _is_whole(line):
                break
            records.append(line[9:])
        return Piece(first, records)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold a journal for the block; gives False where a process that lives holds it.

    Raises
    ------
    FileNotFoundError
        It is gone.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            # Whoever held it before may have sent and removed it.
            yield path.exists()
    finally:
        os.close(handle)


def _is_whole(line: bytes) -> bool:
    try:
        return line[8:9] == b" " and int(line[:8], 16) == zlib.crc32(line[9:])
    except ValueError:
        return False


def _no_journal(path: Path) -> WrongData:
    return WrongData(
        f"{path.name} is no journal of a run",
        why="its first line is missing or damaged: the process died before it had said anything",
        mend=f"rm {path}",
        code="N-TRACKING-001",
    )
