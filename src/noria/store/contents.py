"""Contents of any size by their digest: small ones in packs, others as objects of their own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from noria.errors import BlobNotFound, CorruptedBlob, StoreUnavailable
from noria.store.blobs import Digest
from noria.store.copying import copy_open
from noria.store.occupancy import together
from noria.store.packs import Packs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.store.blobs import Blobs
    from noria.store.packs import Packing

__all__ = ["SMALL_BYTES", "Adding", "Contents"]

SMALL_BYTES = 128 << 10
"""What is smaller goes into a pack: a file of its own costs an inode, a block and an fsync."""


class Contents:
    """What folders of files are made of.

    Parameters
    ----------
    home : Path
        The store's folder: packs lie in ``packs``.
    blobs : Blobs
        Holds what is not small.

    Examples
    --------
    >>> import tempfile
    >>> from noria.store.blobs import Blobs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     contents = Contents(Path(folder), Blobs(Path(folder) / "objects"))
    ...     with contents.adding() as adding:
    ...         small, large = adding.put(b"s"), adding.put(b"l" * SMALL_BYTES)
    ...         adding.settle()
    ...     contents.get(small), len(contents.get(large)), len(list(contents.blobs))
    (b's', 131072, 1)
    """

    def __init__(self, home: Path, blobs: Blobs) -> None:
        self.home = home
        self.blobs = blobs
        self.packs = Packs(home / "packs")
        self.lock = home / "contents.lock"

    @contextmanager
    def adding(self) -> Iterator[Adding]:
        """Take contents in. Nobody sweeps until the block ends: name them in the catalog before it does."""
        with together(self.lock), self.packs.packing() as packing:
            yield Adding(self.blobs, packing)

    def get(self, digest: Digest) -> bytes:
        """Read a content, checked.

        Raises
        ------
        BlobNotFound, CorruptedBlob
            It is not here, or no longer what it was.
        """
        found = self.packs.get(digest)
        return self.blobs.get(digest) if found is None else found

    def has(self, digest: Digest) -> bool:
        """Say whether it is here, without reading it."""
        return self.packs.has(digest) or self.blobs.has(digest)

    def copy_to(self, digest: Digest, target: int, path: str) -> None:
        """Write a content into an empty open file, which it can never reach back from.

        Parameters
        ----------
        digest : Digest
            Which.
        target, path : int, str
            The open file and its name.

        Raises
        ------
        BlobNotFound, CorruptedBlob
            As `get` raises them; of the second, something wrong may be in the file: it must not be taken.
        OSError
            The disk is full, or fails.
        """
        data = self.packs.get(digest)
        if data is not None:
            _write_all(target, data)
            return
        try:
            source = os.open(self.blobs.root / digest[:2] / digest, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            # Not a file of its own, or not here at all, which is said then.
            for piece in self.blobs.pieces(digest):
                _write_all(target, piece)
            return
        try:
            copy_open(source, target)
        finally:
            os.close(source)
        # What has arrived is what counts; mapped, as nobody else knows the file yet, who could cut it off meanwhile.
        if blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest() != digest:
            self.blobs.path(digest)  # says what has changed
            raise StoreUnavailable(
                f"object {digest[:12]} did not arrive whole in {path}", mend="look to that disk", code="N-STORE-042"
            )

    def is_whole(self, digest: Digest) -> bool:
        """Say whether it is here and what it was; reads it."""
        try:
            return self.packs.get(digest) is not None or self.blobs.is_whole(digest)
        except (BlobNotFound, CorruptedBlob):
            return False


class Adding:
    """Takes contents in; see `Contents.adding`."""

    def __init__(self, blobs: Blobs, packing: Packing) -> None:
        self._blobs = blobs
        self._packing = packing

    def put(self, data: bytes) -> Digest:
        """Keep bytes; they survive a crash when `settle` has returned."""
        return self._packing.put(data) if len(data) < SMALL_BYTES else self._blobs.put(data)

    def put_file(self, path: Path, *, base: Digest | None = None) -> Digest:
        """Keep a large file, perhaps as what it adds to an older one; the digest is that of the bytes kept."""
        return self._blobs.put_file(path, base=base)

    def knows(self, digest: Digest) -> bool:
        """Say whether a content is here, without reading it."""
        return self._packing.knows(bytes.fromhex(digest)) or self._blobs.has(digest)

    def settle(self) -> None:
        """Make everything taken so far durable."""
        self._packing.settle()


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
