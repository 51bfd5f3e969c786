"""Bytes named by their content: written once, durable when acknowledged, checked at every read."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NewType

from blake3 import blake3

from noria.errors import BlobNotFound, CorruptedBlob, StoreUnavailable
from noria.store.files import TEMPORARY_PREFIX, ensure_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BlobWriter", "Blobs", "Digest", "canonical_json", "digest_bytes", "digest_file", "digest_json"]

Digest = NewType("Digest", str)
"""BLAKE3 of the content, 64 lower-case hexadecimal digits."""

_CHUNK = 1 << 20


def canonical_json(value: object) -> str:
    """Write a JSON value in the one form that equal values share.

    Raises
    ------
    ValueError
        The value holds NaN or an infinity, which JSON does not have.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_bytes(data: bytes) -> Digest:
    """Name bytes by their content.

    Examples
    --------
    >>> digest_bytes(b"noria")[:12]
    'fcddf9451cc0'
    """
    return Digest(blake3(data).hexdigest())


def digest_json(value: object) -> Digest:
    """Name a JSON value by its canonical form."""
    return digest_bytes(canonical_json(value).encode())


def digest_file(path: Path) -> Digest:
    """Name a file by its content, reading it in pieces."""
    hasher = blake3()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return Digest(hasher.hexdigest())


class Blobs:
    """A folder of write-once objects ``ab/<digest>``.

    Parameters
    ----------
    root : Path
        The folder; made with the first write.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     blobs = Blobs(Path(folder))
    ...     blobs.get(blobs.put(b"rows"))
    b'rows'
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> Digest:
        """Keep bytes; when this returns they survive a crash."""
        digest = digest_bytes(data)
        if self._sound(digest, len(data)) and self._touched(digest):
            # Another process may have renamed it this instant, and not yet made its name durable.
            sync_folder(self._name(digest).parent)
        else:
            with self.writer() as writer:
                writer.write(data)
                writer.finish()
        return digest

    def put_file(self, path: Path) -> Digest:
        """Keep a copy of a file; the digest is that of the bytes copied, whatever happens to the file meanwhile."""
        with self.writer() as writer, path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                writer.write(chunk)
            return writer.finish()

    def writer(self) -> BlobWriter:
        """Keep bytes that come piece by piece."""
        return BlobWriter(self)

    def get(self, digest: Digest) -> bytes:
        """Read bytes back, checked.

        Raises
        ------
        BlobNotFound
            Nothing is stored under this digest.
        CorruptedBlob
            What is stored has another content: a flipped bit, or somebody's edit.
        """
        try:
            data = self._name(digest).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._missing(digest) from error
        if digest_bytes(data) != digest:
            raise self._corrupted(digest)
        return data

    def pieces(self, digest: Digest) -> Iterator[bytes]:
        """Read bytes back piece by piece; the last comes only when the whole has proved to be what it was.

        So a reader who passes the pieces on never passes on the whole of something else.

        Raises
        ------
        BlobNotFound, CorruptedBlob
            As `get` does; the second after some pieces have been given.
        """
        hasher = blake3()
        try:
            with self._name(digest).open("rb") as file:
                held = file.read(_CHUNK)
                hasher.update(held)
                while following := file.read(_CHUNK):
                    yield held
                    held = following
                    hasher.update(held)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._missing(digest) from error
        if hasher.hexdigest() != digest:
            raise self._corrupted(digest)
        yield held

    def path(self, digest: Digest) -> Path:
        """Give the checked file itself, for readers that map it. Never write to it."""
        path = self._name(digest)
        if not path.exists():
            raise self._missing(digest)
        if digest_file(path) != digest:
            raise self._corrupted(digest)
        return path

    def size(self, digest: Digest) -> int:
        """Say how many bytes are stored under the digest.

        Raises
        ------
        BlobNotFound
            Nothing is stored under it.
        """
        try:
            return self._name(digest).stat().st_size
        except OSError as error:
            raise self._missing(digest) from error

    def discard(self, digest: Digest, *, unused_since: float) -> int:
        """Delete bytes that nothing names any more, and give how many there were.

        What somebody has put, or put again, since that time stays: its name may be about to be written down.

        Parameters
        ----------
        digest : Digest
            Which.
        unused_since : float
            In seconds since 1970.
        """
        path = self._name(digest)
        aside = self.root / f"{TEMPORARY_PREFIX}{digest}"
        try:
            # Moved before it is looked at: whoever puts the same bytes from now on writes them anew.
            os.rename(path, aside)
            found = aside.stat()
            if found.st_mtime > unused_since:
                os.rename(aside, path)
                return 0
            aside.unlink()
        except FileNotFoundError:
            return 0
        return found.st_size

    def has(self, digest: Digest) -> bool:
        """Say whether something is stored under the digest, without reading it."""
        return self._name(digest).exists()

    def is_whole(self, digest: Digest) -> bool:
        """Say whether the bytes under the digest are there and are those it names; reads them."""
        try:
            return self.path(digest).exists()
        except (BlobNotFound, CorruptedBlob):
            return False

    def __iter__(self) -> Iterator[Digest]:
        """Walk the digests of everything stored."""
        return (
            Digest(path.name)
            for path in sorted(self.root.glob("[0-9a-f][0-9a-f]/*"))
            if not path.name.startswith(TEMPORARY_PREFIX)
        )

    def _name(self, digest: Digest) -> Path:
        return self.root / digest[:2] / digest

    def _touched(self, digest: Digest) -> bool:
        """Say that these bytes are wanted, for `discard`; False where they have just gone."""
        try:
            os.utime(self._name(digest))
        except FileNotFoundError:
            return False
        except OSError:
            pass  # another user's file: noria discards nothing that is not its own
        return True

    def _sound(self, digest: Digest, size: int) -> bool:
        # A truncated or edited object must not swallow a new, good copy of the same bytes.
        path = self._name(digest)
        try:
            return path.stat().st_size == size and digest_file(path) == digest
        except OSError:
            return False

    def _rename(self, temporary: Path, digest: Digest) -> None:
        final = self._name(digest)
        ensure_folder(final.parent)
        try:
            os.replace(temporary, final)
            sync_folder(final.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise self._unwritable(error) from error

    def _missing(self, digest: Digest) -> BlobNotFound:
        return BlobNotFound(
            f"object {digest[:12]} is not in the store",
            why=f"looked for {self._name(digest)}",
            mend="noria fsck     says what needs it, and how to get it back",
            code="N-STORE-005",
        )

    def _corrupted(self, digest: Digest) -> CorruptedBlob:
        return CorruptedBlob(
            f"object {digest[:12]} has changed on disk",
            why=f"{self._name(digest)} no longer has the content it is named by",
            mend="noria fsck     says what needs it, and how to get it back",
            code="N-STORE-006",
        )

    def _unwritable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"cannot write to the store {self.root}: {error.strerror or error}",
            mend="make room, or give yourself the right to write there",
            code="N-STORE-002",
        )


class BlobWriter:
    """Takes bytes as they come and names them when they have all come; see `Blobs.writer`.

    Left without `finish`, as when whoever sends them goes away, nothing stays behind.

    Parameters
    ----------
    blobs : Blobs
        Where to.

    Attributes
    ----------
    size : int
        Bytes so far.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     blobs = Blobs(Path(folder))
    ...     with blobs.writer() as writer:
    ...         writer.write(b"ro")
    ...         writer.write(b"ws")
    ...         blobs.get(writer.finish())
    b'rows'
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._hasher = blake3()
        self.size = 0
        ensure_folder(blobs.root)
        try:
            self._handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=blobs.root)
        except OSError as error:
            raise blobs._unwritable(error) from error
        self._temporary: Path | None = Path(name)

    def write(self, data: bytes) -> None:
        """Take a piece.

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        self._hasher.update(data)
        self.size += len(data)
        try:
            _write_all(self._handle, data)
        except OSError as error:
            raise self._blobs._unwritable(error) from error

    def finish(self) -> Digest:
        """Make what came durable under its name.

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        assert self._temporary is not None, "finished already"  # noqa: S101 - a mistake in our own code
        digest = Digest(self._hasher.hexdigest())
        try:
            os.fchmod(self._handle, 0o444)
            os.fsync(self._handle)
        except OSError as error:
            raise self._blobs._unwritable(error) from error
        self._blobs._rename(self._temporary, digest)
        self._temporary = None
        return digest

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
