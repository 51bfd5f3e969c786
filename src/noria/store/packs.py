"""The packs of a store: where each small content lies, and how new ones come in."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from noria.errors import CorruptedBlob
from noria.store.blobs import Digest
from noria.store.pack import ENDING, Pack, PackWriter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

__all__ = ["TARGET_BYTES", "Packing", "Packs"]

TARGET_BYTES = 64 << 20
_OPEN_AT_ONCE = 64
_MANY = 2000  # after so many searches one table of everything costs less than going on pack by pack
_TABLE_MOST = 4_000_000


class Packs:
    """A folder of packs.

    Parameters
    ----------
    root : Path
        The folder; made with the first write.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     packs = Packs(Path(folder))
    ...     with packs.packing() as packing:
    ...         digest = packing.put(b"rows")
    ...         packing.settle()
    ...     packs.get(digest)
    b'rows'
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unreadable: dict[Path, CorruptedBlob] = {}
        self._packs: list[Pack] = []
        self._seen: list[str] | None = None
        self._searches = 0
        self._table: dict[bytes, tuple[int, int]] | None = None
        self._handles: dict[Path, int] = {}
        self._held = threading.RLock()  # a file that one thread closes must not be read by another

    def packing(self) -> Packing:
        """Take in new contents."""
        return Packing(self)

    def get(self, digest: Digest) -> bytes | None:
        """Read a content, checked; None where no pack holds it.

        Raises
        ------
        CorruptedBlob
            Every pack that holds it holds something else by now.
        """
        key = bytes.fromhex(digest)
        for again in (False, True):
            try:
                with self._held:
                    return self._read(key)
            except FileNotFoundError:
                if again:  # the sweeper has rewritten the pack since its index was read: look where it lies now
                    raise
                self.refresh()
        return None

    def has(self, digest: Digest) -> bool:
        """Say whether a pack holds it, without reading it."""
        return self.find(bytes.fromhex(digest)) is not None

    def find(self, key: bytes) -> tuple[int, int] | None:
        """Say in which pack, and at which place of its index, a digest (32 bytes) lies."""
        with self._held:
            if self._seen is None:
                self.refresh()
            found = self._search(key)
            if found is None and _names(self.root) != self._seen:
                self.refresh()
                found = self._search(key)
            return found

    def holder(self, digest: Digest) -> Path | None:
        """Give the pack that holds a content, or None."""
        found = self.find(bytes.fromhex(digest))
        return None if found is None else self._packs[found[0]].path

    def holds(self, key: bytes, *, but: Collection[Path]) -> bool:
        """Say whether a pack that is none of some holds a digest (32 bytes)."""
        return any(pack.path not in but and pack.find(key) >= 0 for pack in self._packs)

    def order(self, digests: Iterable[Digest]) -> list[Digest]:
        """Sort digests as they lie on disk, so that reading them is one walk; what is in no pack comes last."""
        last = (1 << 60, 0)

        def where(digest: Digest) -> tuple[int, int]:
            found = self.find(bytes.fromhex(digest))
            return last if found is None else (found[0], self._packs[found[0]].offsets[found[1]])

        with self._held:
            return sorted(digests, key=where)

    def __iter__(self) -> Iterator[Pack]:
        """Walk the packs that can be read, as they are now; `unreadable` names the others."""
        self.refresh()
        return iter(list(self._packs))

    def refresh(self) -> None:
        """Look anew which packs there are."""
        with self._held:
            self._refresh()

    def _refresh(self) -> None:
        self.close()
        self._seen = _names(self.root)
        known = {pack.path: pack for pack in self._packs}
        self._packs, self.unreadable, self._table = [], {}, None
        for path in (self.root / name for name in self._seen):
            if path in known:
                self._packs.append(known[path])
                continue
            try:
                self._packs.append(Pack(path))
            except CorruptedBlob as error:
                self.unreadable[path] = error
            except FileNotFoundError:
                continue  # swept this instant

    def close(self) -> None:
        """Close the files that are open for reading."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles = {}

    def _read(self, key: bytes) -> bytes | None:
        found = self.find(key)
        if found is None:
            return None
        try:
            return self._packs[found[0]].read(self._handle(self._packs[found[0]]), found[1])
        except CorruptedBlob:
            for pack in self._packs:  # another pack may hold it too
                place = pack.find(key)
                if pack is not self._packs[found[0]] and place >= 0:
                    return pack.read(self._handle(pack), place)
            raise

    def _search(self, key: bytes) -> tuple[int, int] | None:
        if self._table is not None:
            return self._table.get(key)
        self._searches += 1
        if self._searches > _MANY and sum(pack.count for pack in self._packs) <= _TABLE_MOST:
            self._table = {
                known: (number, place)
                for number, pack in enumerate(self._packs)
                for place, known in enumerate(pack.digests())
            }
            return self._table.get(key)
        for number, pack in enumerate(self._packs):
            place = pack.find(key)
            if place >= 0:
                return number, place
        return None

    def _handle(self, pack: Pack) -> int:
        handle = self._handles.get(pack.path)
        if handle is None:
            if len(self._handles) >= _OPEN_AT_ONCE:
                self.close()
            handle = self._handles[pack.path] = os.open(pack.path, os.O_RDONLY | os.O_CLOEXEC)
        return handle


class Packing:
    """Takes new contents in, a pack at a time; see `Packs.packing`.

    Left without `settle`, the pack begun is dropped; those that were full stay, and a sweep finds them unnamed.
    """

    def __init__(self, packs: Packs) -> None:
        self._packs = packs
        self._writer: PackWriter | None = None
        self._done: set[bytes] = set()
        self._left_out: set[Path] = set()
        self.made: set[Path] = set()
        packs.refresh()

    def leave_out(self, packs: Iterable[Path]) -> None:
        """Take contents in although these packs hold them: they are about to go."""
        self._left_out |= set(packs)

    def put(self, data: bytes) -> Digest:
        """Take a content; it survives a crash when `settle` has returned."""
        key = blake3(data).digest()
        if not self.knows(key):
            if self._writer is None:
                self._writer = PackWriter(self._packs.root)
            self._writer.add(key, data)
            if self._writer.size >= TARGET_BYTES:
                self.settle()
        return Digest(key.hex())

    def knows(self, key: bytes) -> bool:
        """Say whether a digest (32 bytes) is here already."""
        if self._writer is not None and key in self._writer.entries:
            return True
        if key in self._done:
            return True
        if self._left_out:
            return self._packs.holds(key, but=self._left_out)
        # Not `find`: packs that others make meanwhile are not looked for at every new content.
        return self._packs._search(key) is not None

    def settle(self) -> None:
        """Make everything taken so far durable."""
        if self._writer is not None:
            self.made.add(self._writer.finish())
            self._done |= set(self._writer.entries)
            self._writer = None

    def __enter__(self) -> Packing:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None


def _names(root: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(root) if name.endswith(ENDING) and name[0] != ".")
    except FileNotFoundError:
        return []
