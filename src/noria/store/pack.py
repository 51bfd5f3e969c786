"""One pack: many small contents in one file, which is named by its own hash and never changed.

Layout: a head, the contents one after the other, each behind its digest and length, then an index (digests in
order, where each begins, how long it is) and a foot that says where the index lies and what it hashes to. One file, so
that one rename makes both known; and where the index is damaged, a walk over the contents finds them again.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from noria.errors import CorruptedBlob, StoreUnavailable
from noria.store.blobs import Digest, digest_file
from noria.store.files import TEMPORARY_PREFIX, ensure_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDING", "Pack", "PackWriter", "salvage"]

ENDING = ".pack"
_HEAD = b"noria pack 1\n\0\0\0"
_FOOT = struct.Struct("<QQ32s16s")  # entries, where the index begins, hash of the index, the head again
_BUFFER = 1 << 20
_KEY = 32
_LENGTH = struct.Struct("<I")


class Pack:
    """A pack's index, read and checked; its contents are read as they are asked for.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    CorruptedBlob
        The file is no pack, is cut off, or its index has changed.
    FileNotFoundError
        There is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(_HEAD) + _FOOT.size:
                raise _damaged_pack(path, "it is cut off")
            foot = os.pread(file.fileno(), _FOOT.size, size - _FOOT.size)
            self.count, start, mark, head = _FOOT.unpack(foot)
            expected = start + self.count * (_KEY + 12) + _FOOT.size
            if head != _HEAD or expected != size or os.pread(file.fileno(), len(_HEAD), 0) != _HEAD:
                raise _damaged_pack(path, "its foot or head has changed")
            index = os.pread(file.fileno(), size - _FOOT.size - start, start)
        if blake3(index).digest() != mark:
            raise _damaged_pack(path, "its index has changed")
        keys = self.count * _KEY
        self.size = size
        self.keys = index[:keys]
        self.offsets = _numbers("Q", index[keys : keys + self.count * 8])
        self.lengths = _numbers("I", index[keys + self.count * 8 :])

    def find(self, key: bytes) -> int:
        """Give the place of a digest (32 bytes) in the index, or -1."""
        keys, low, high = self.keys, 0, self.count
        while low < high:
            middle = (low + high) // 2
            if keys[middle * _KEY : middle * _KEY + _KEY] < key:
                low = middle + 1
            else:
                high = middle
        return low if keys[low * _KEY : low * _KEY + _KEY] == key else -1

    def digests(self) -> Iterator[bytes]:
        """Give the digests in order, 32 bytes each."""
        keys = self.keys
        return (keys[start : start + _KEY] for start in range(0, len(keys), _KEY))

    def read(self, handle: int, place: int) -> bytes:
        """Read one content, checked.

        Raises
        ------
        CorruptedBlob
            The bytes are not those its digest names.
        """
        data = os.pread(handle, self.lengths[place], self.offsets[place])
        key = self.keys[place * _KEY : place * _KEY + _KEY]
        if blake3(data).digest() != key:
            raise CorruptedBlob(
                f"object {key.hex()[:12]} has changed on disk",
                why=f"{self.path} no longer holds at {self.offsets[place]} what it was given",
                mend="noria fsck     says what needs it, and how to get it back",
                code="N-STORE-006",
            )
        return data

    def damaged(self) -> list[Digest]:
        """Read all of it and name the contents that have changed."""
        found = []
        with self.path.open("rb") as file:
            for place, key in enumerate(self.digests()):
                if blake3(os.pread(file.fileno(), self.lengths[place], self.offsets[place])).digest() != key:
                    found.append(Digest(key.hex()))
        return found

    def is_as_named(self) -> bool:
        """Read all of it and say whether it hashes to its name."""
        return digest_file(self.path) == self.path.stem


class PackWriter:
    """Takes small contents and makes one pack of them; until `finish` returns there is none.

    Parameters
    ----------
    root : Path
        Folder of the packs.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = PackWriter(Path(folder))
    ...     writer.add(blake3(b"one").digest(), b"one")
    ...     pack = Pack(writer.finish())
    ...     with pack.path.open("rb") as file:
    ...         pack.read(file.fileno(), pack.find(blake3(b"one").digest()))
    b'one'
    """

    def __init__(self, root: Path) -> None:
        self._root = ensure_folder(root)
        self.entries: dict[bytes, tuple[int, int]] = {}
        self.size = 0
        self._hasher = blake3()
        self._held: list[bytes] = []
        self._held_size = 0
        try:
            self._handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=root)
        except OSError as error:
            raise _unwritable(root, error) from error
        self._temporary = Path(name)
        self._take(_HEAD)

    def add(self, key: bytes, data: bytes) -> None:
        """Take a content under its digest (32 bytes).

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        self._take(key + _LENGTH.pack(len(data)))
        self.entries[key] = (self.size, len(data))
        self._take(data)

    def finish(self) -> Path:
        """Make the pack durable under its name, and give it.

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        start, keys = self.size, sorted(self.entries)
        spans = [self.entries[key] for key in keys]
        index = b"".join(keys)
        index += _bytes(array("Q", [offset for offset, _ in spans]))
        index += _bytes(array("I", [length for _, length in spans]))
        self._take(index)
        self._take(_FOOT.pack(len(keys), start, blake3(index).digest(), _HEAD))
        self._flush()
        path = self._root / f"{self._hasher.hexdigest()}{ENDING}"
        try:
            os.fchmod(self._handle, 0o444)
            os.fsync(self._handle)
            os.replace(self._temporary, path)
            sync_folder(self._root)
        except OSError as error:
            raise _unwritable(self._root, error) from error
        os.close(self._handle)
        self._handle = -1
        return path

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _take(self, data: bytes) -> None:
        self._held.append(data)
        self._held_size += len(data)
        self.size += len(data)
        if self._held_size >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._held)
        self._held, self._held_size = [], 0
        self._hasher.update(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            raise _unwritable(self._root, error) from error


def salvage(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Walk over a pack without its index: give each digest (32 bytes) whose content is what it was, and the content.

    Where a length has changed nothing more can be found that way.
    """
    with path.open("rb") as file:
        file.seek(len(_HEAD))
        while len(lead := file.read(_KEY + _LENGTH.size)) == _KEY + _LENGTH.size:
            key, (length,) = lead[:_KEY], _LENGTH.unpack(lead[_KEY:])
            data = file.read(length)
            if blake3(data).digest() == key:
                yield key, data


def _damaged_pack(path: Path, why: str) -> CorruptedBlob:
    """Tell of a pack that cannot be read as a whole."""
    return CorruptedBlob(
        f"pack {path.stem[:12]} is damaged: {why}",
        why=str(path),
        mend="noria fsck     says what needs it, and how to get it back",
        code="N-STORE-040",
    )


def _unwritable(root: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"cannot write to the store {root}: {error.strerror or error}",
        mend="make room, or give yourself the right to write there",
        code="N-STORE-002",
    )


def _numbers(kind: str, data: bytes) -> array[int]:
    numbers: array[int] = array(kind)
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
