"""Bytes that come piece by piece, named when they have all come."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from noria.store.copying import copy_open
from noria.store.digest import Digest
from noria.store.files import TEMPORARY_PREFIX, ensure_folder

if TYPE_CHECKING:
    from noria.store.objects import Objects

__all__ = ["BlobWriter"]


class BlobWriter:
    """Takes bytes as they come and names them when they have all come; see `Blobs.writer`.

    Left without `finish`, as when whoever sends them goes away, nothing stays behind.

    Parameters
    ----------
    objects : Objects
        Where to.

    Attributes
    ----------
    size : int
        Bytes so far.

    Examples
    --------
    >>> from noria.store.blobs import Blobs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     blobs = Blobs(Path(folder))
    ...     with blobs.writer() as writer:
    ...         writer.write(b"ro")
    ...         writer.write(b"ws")
    ...         blobs.get(writer.finish())
    b'rows'
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._hasher = blake3()
        self.size = 0
        ensure_folder(objects.root)
        try:
            self._handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=objects.root)
        except OSError as error:
            raise objects.unwritable(error) from error
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
            raise self._objects.unwritable(error) from error

    def copy(self, handle: int) -> None:
        """Take all of an open file at once, instead of pieces; named are the bytes that arrived, not those that left.

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        assert self._temporary is not None and self.size == 0, "begun already"  # noqa: S101, PT018 - as below
        try:
            copy_open(handle, self._handle)
            self.size = os.fstat(self._handle).st_size
        except OSError as error:
            raise self._objects.unwritable(error) from error
        self._hasher = blake3(max_threads=blake3.AUTO)
        self._hasher.update_mmap(self._temporary)

    def finish(self, *, anew: bool = False) -> Digest:
        """Make what came durable under its name.

        Parameters
        ----------
        anew : bool
            Also where it is kept already, as what it adds to another.

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        assert self._temporary is not None, "finished already"  # noqa: S101 - a mistake in our own code
        digest = Digest(self._hasher.hexdigest())
        objects = self._objects
        if not anew and objects.deltas.find(digest) is not None and objects.is_whole(digest) and objects.touch(digest):
            return digest
        try:
            os.fchmod(self._handle, 0o444)
            os.fsync(self._handle)
        except OSError as error:
            raise self._objects.unwritable(error) from error
        self._objects.place(self._temporary, digest)
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
