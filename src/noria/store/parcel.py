"""Files of a store on their way to a remote and back: in parts that are named by what they hold.

A part is written once and proved when it comes back, so that two who send the same never harm each other, and whoever
is cut off goes on with the part where it happened.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blake3 import blake3

from noria.errors import BlobNotFound, CorruptedBlob, StoreUnavailable
from noria.store.digest import Digest, digest_bytes
from noria.store.files import TEMPORARY_PREFIX, contained, ensure_folder, sync_folder
from noria.store.remote import RemoteUnavailable, other_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from noria.store.remote import Remote

__all__ = ["Entry", "fetch", "patiently", "send", "total"]

_PART = 32 << 20
_AT_ONCE = 4
_ATTEMPTS = 6
_LONGEST_WAIT = 8.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Entry:
    """A file of the store, as a remote has it.

    Parameters
    ----------
    path : str
        Below the store's folder.
    digest : str
        Of the file.
    parts : tuple of (str, int)
        Digest and size of each.
    """

    path: str
    digest: str
    parts: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(size for _, size in self.parts)

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {"path": self.path, "digest": self.digest, "parts": [list(part) for part in self.parts]}


def send(
    remote: Remote,
    home: Path,
    paths: Sequence[str],
    *,
    known: Mapping[str, Entry] | None = None,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Entry]:
    """Bring files to a remote; what is there already is not sent again.

    Parameters
    ----------
    remote : Remote
        Where to.
    home : Path
        The store's folder.
    paths : sequence of str
        Files below it, that are never changed.
    known : mapping of str to Entry, optional
        Files that other versions on the remote name: they need not even be read.
    tell : callable
        Told how far it is.

    Raises
    ------
    BlobNotFound, CorruptedBlob
        A file is not there, or not what it is named by.
    RemoteUnavailable
        The remote fails for longer than a few attempts.
    """
    total, done, entries = sum(_size(home / path) for path in paths), 0, []
    tell(0, total)
    with _Workers() as workers:
        for path in paths:
            entry = (known or {}).get(path)
            if entry is not None and entry.size == _size(home / path):
                there = [patiently(partial(remote.size, _part(digest))) == size for digest, size in entry.parts]
                if all(there):
                    entries.append(entry)
                    done += entry.size
                    tell(done, total)
                    continue
            hasher, parts = blake3(), []
            for data in _pieces(home / path):
                hasher.update(data)
                digest = digest_bytes(data)
                parts.append((str(digest), len(data)))
                workers.begin(partial(_send, remote, digest, data))
                done += len(data)
                tell(done, total)
            entry = Entry(path, hasher.hexdigest(), tuple(parts))
            name = path.rpartition("/")[2]
            if len(name) == len(entry.digest) and name != entry.digest:
                raise _damaged(home / path)
            entries.append(entry)
    return entries


def fetch(
    remote: Remote,
    home: Path,
    incoming: Path,
    entries: Sequence[Entry],
    *,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """Bring files from a remote, each under its name only when it has all of its bytes, and they proved right.

    Parameters
    ----------
    remote : Remote
        Where from.
    home : Path
        The store's folder.
    incoming : Path
        A folder on the same disk: what has come waits there, and is not fetched again after an interruption.
    entries : sequence of Entry
        In this order they get their names: what others need comes first.
    tell : callable
        Told how far it is.

    Raises
    ------
    NotThere, CorruptedBlob, RemoteUnavailable
        The remote lacks a part, has it damaged, or fails for longer than a few attempts.
    StoreUnavailable
        The disk is full, or fails.
    """
    ensure_folder(incoming)
    parts = {digest: size for entry in entries for digest, size in entry.parts}
    total, done = sum(parts.values()), 0
    tell(0, total)
    try:
        with _Workers() as workers:
            for digest, size in parts.items():
                if _size(incoming / digest) != size:
                    workers.begin(partial(_receive, remote, incoming, digest))
                done += size
                tell(done, total)
        for entry in entries:
            _assemble(remote, incoming, contained(home, entry.path), entry)
        for digest in parts:
            (incoming / digest).unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot write to the store {home}: {error.strerror or error}",
            mend="make room, or give yourself the right to write there, and run it again",
            code="N-STORE-070",
        ) from error


def patiently(work: Callable[[], _T]) -> _T:
    """Do what a remote may fail at, again and again with growing pauses.

    Examples
    --------
    >>> patiently(lambda: 1)
    1
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return work()
        except RemoteUnavailable:
            # Not all at the same moment: whoever fails together would fail together again.
            time.sleep(min(_LONGEST_WAIT, 0.2 * 2**attempt) * (0.5 + random.random()))  # noqa: S311 - no secret
    return work()


class _Workers:
    """Threads that take so much at once and no more, as what they take is held in memory."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="noria-parcel")
        self._going: set[Future[None]] = set()

    def begin(self, work: Callable[[], None]) -> None:
        while len(self._going) >= _AT_ONCE + 1:
            self._collect(FIRST_COMPLETED)
        self._going.add(self._pool.submit(work))

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while kind is None and self._going:
                self._collect(FIRST_COMPLETED)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _collect(self, when: str) -> None:
        finished, self._going = wait(self._going, return_when=when)
        for one in finished:
            one.result()


def _part(digest: str) -> str:
    return f"parts/{digest[:2]}/{digest}"


def _send(remote: Remote, digest: str, data: bytes) -> None:
    def work() -> None:
        name = _part(digest)
        if remote.size(name) != len(data) and not remote.put_new(name, data) and remote.size(name) != len(data):
            raise other_content(remote.address, name)

    patiently(work)


def _receive(remote: Remote, incoming: Path, digest: str) -> None:
    name = _part(digest)
    for _ in range(3):
        data = patiently(lambda: remote.get(name))
        if digest_bytes(data) == digest:
            break
    else:
        raise other_content(remote.address, name)
    handle, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=incoming)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, incoming / digest)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _assemble(remote: Remote, incoming: Path, final: Path, entry: Entry) -> None:
    ensure_folder(final.parent)
    handle, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=incoming)
    hasher = blake3()
    try:
        with os.fdopen(handle, "wb") as file:
            for digest, _ in entry.parts:
                data = _held(incoming, digest)
                if data is None:  # a power cut, or another pull that needed the same part and was done with it
                    _receive(remote, incoming, digest)
                    data = _held(incoming, digest) or b""
                hasher.update(data)
                file.write(data)
            file.flush()
            if hasher.hexdigest() != entry.digest:
                raise other_content(remote.address, entry.path)
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
        os.replace(temporary, final)
        temporary = ""
        sync_folder(final.parent)
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _held(incoming: Path, digest: str) -> bytes | None:
    try:
        data = (incoming / digest).read_bytes()
    except FileNotFoundError:
        return None
    return data if digest_bytes(data) == Digest(digest) else None


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(_PART):
                yield data
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _gone(path) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _gone(path: Path) -> BlobNotFound:
    return BlobNotFound(
        f"{path.name[:12]} is not in the store",
        why=f"looked for {path}",
        mend="noria fsck     says what needs it, and how to get it back",
        code="N-STORE-071",
    )


def _damaged(path: Path) -> CorruptedBlob:
    return CorruptedBlob(
        f"object {path.name[:12]} has changed on disk and is not sent",
        why=f"{path} no longer has the content it is named by",
        mend="noria fsck     says what needs it, and how to get it back",
        code="N-STORE-072",
    )


def total(entries: Iterable[Entry]) -> int:
    """Say how many bytes files have together."""
    return sum(entry.size for entry in entries)
