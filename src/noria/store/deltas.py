"""Objects kept as what they add to another: ``deltas/ab/<digest>.<base>``.

The name says which object a delta needs, so that nothing else has to be kept in step with it.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from noria.errors import CorruptedBlob
from noria.store.files import TEMPORARY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from noria.store.prefix import Ranges

__all__ = ["DEEPEST", "Delta", "Deltas", "WholeFile", "sealed"]

DEEPEST = 4
"""Deltas one behind the other."""

_MAGIC = b"NORIA\0d1"
_TAIL = struct.Struct("<Q8s")
_CHUNK = 1 << 20
_LONGEST_FOOTER = 64 << 20


@dataclass(frozen=True)
class Delta:
    """What stands at the end of a delta's file.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        "prefix" or "rows".
    digest, base : str
        Of the object, and of the one it needs.
    size : int
        Of the object, in bytes.
    depth : int
        1 where the base is kept whole.
    kept : int
        Bytes before the footer.
    more : mapping
        What its kind needs besides: the pieces, or the digest of the rows.
    """

    path: Path
    kind: str
    digest: str
    base: str
    size: int
    depth: int
    kept: int
    more: dict[str, Any]

    def stored(self, start: int, end: int) -> bytes:
        """Give kept bytes."""
        return WholeFile(self.path).read(start, min(end, self.kept))


def sealed(kind: str, *, digest: str, base: str, size: int, depth: int, more: dict[str, Any]) -> bytes:
    """Write the end of a delta's file."""
    said = {"kind": kind, "digest": digest, "base": base, "size": size, "depth": depth, **more}
    footer = json.dumps(said, separators=(",", ":")).encode()
    return footer + _TAIL.pack(len(footer), _MAGIC)


class WholeFile:
    """A file's bytes from anywhere.

    Parameters
    ----------
    path : Path
        Where it lies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def read(self, start: int, end: int) -> bytes:
        """Give the bytes from `start` up to `end`."""
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(max(0, min(end, self.size) - start))


class _InMemory:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]


class Deltas:
    """The deltas among a folder's objects.

    Parameters
    ----------
    root : Path
        The objects' folder.
    whole : callable
        Gives the name of the file of an object that is kept whole.
    """

    def __init__(self, root: Path, whole: Callable[[str], Path]) -> None:
        self.root = root / "deltas"
        self._whole = whole

    def name(self, digest: str, base: str) -> Path:
        """Say how the file of a delta is called."""
        return self.root / digest[:2] / f"{digest}.{base}"

    def find(self, digest: str) -> Path | None:
        """Give the file of an object that is kept as a delta, or None."""
        return next(iter(self.all_of(digest)), None)

    def all_of(self, digest: str) -> list[Path]:
        """Give the files of an object's deltas: two may have been made at once, against different bases."""
        folder = self.root / digest[:2]
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(folder / name for name in names if name.startswith(f"{digest}."))

    def needed_by(self, base: str) -> list[str]:
        """Say which objects cannot be read without this one."""
        kept = (name.partition(".")[0] for name in self._names() if name.endswith(f".{base}"))
        return [digest for digest in kept if not self._whole(digest).exists()]

    def __iter__(self) -> Iterator[str]:
        """Walk the digests of the objects that are kept as deltas."""
        return iter(sorted({name.partition(".")[0] for name in self._names()}))

    def chain(self, digest: str) -> list[Path]:
        """Give the files an object is made of: its delta, that of its base, and so on to a whole file."""
        files: list[Path] = []
        while not (whole := self._whole(digest)).exists():
            found = self.find(digest)
            if found is None or found in files:
                return [*files, whole]  # which is not there: whoever reads it says so
            files.append(found)
            digest = found.name.partition(".")[2]
        return [*files, whole]

    def depth(self, digest: str) -> int:
        """Say how many deltas lie between an object and a whole file."""
        return len(self.chain(digest)) - 1

    def is_of_rows(self, digest: str) -> bool:
        """Say whether an object is kept by what its rows add to those of another."""
        found = None if self._whole(digest).exists() else self.find(digest)
        try:
            return found is not None and self.read(found).kind == "rows"
        except FileNotFoundError:
            return False

    def read(self, path: Path) -> Delta:
        """Read the end of a delta's file.

        Raises
        ------
        CorruptedBlob
            It is no delta, or that of another object than its name says.
        """
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL.size))
                length, magic = _TAIL.unpack(file.read(_TAIL.size))
                if magic != _MAGIC or length > min(size - _TAIL.size, _LONGEST_FOOTER):
                    raise ValueError("it does not end as deltas do")
                kept = size - _TAIL.size - length
                file.seek(kept)
                said = json.loads(file.read(length))
            kind, digest, base, whole, depth = (said.pop(name) for name in ("kind", "digest", "base", "size", "depth"))
            delta = Delta(path, kind, digest, base, int(whole), int(depth), kept, said)
        except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise damaged(path, str(error)) from error
        if path.name != f"{delta.digest}.{delta.base}":
            raise damaged(path, "it is the delta of another object")
        return delta

    def ranges(self, digest: str, deep: int = 0) -> Ranges:
        """Give an object's bytes from anywhere; they are not checked."""
        whole = self._whole(digest)
        found = None if whole.exists() else self.find(digest)
        if found is None:
            return WholeFile(whole)
        if deep > 4 * DEEPEST:
            raise damaged(found, "deltas lead in a ring")
        delta = self.read(found)
        if delta.kind == "rows":
            return _InMemory(self.get(delta))
        from noria.store.prefix import LAYERS, Decoded  # noqa: PLC0415 - zstd, only where a delta is read

        pieces = [tuple(map(int, piece)) for piece in delta.more.get("pieces", ())]
        if any(len(piece) != 4 or min(piece) < 0 for piece in pieces):
            raise damaged(found, "its pieces are none")
        layers = int(delta.more.get("layers", 1))
        if not 1 <= layers <= LAYERS:
            raise damaged(found, f"its pieces lie in {layers} layers: a newer noria wrote it")
        return Decoded(pieces, self.ranges(delta.base, deep + 1), delta.stored, layers)  # type: ignore[arg-type]  # four each

    def pieces(self, delta: Delta) -> Iterator[bytes]:
        """Give an object's bytes in order; the last piece only when the whole has proved right.

        Raises
        ------
        CorruptedBlob
            The delta, or an object it needs, is not what it was.
        """
        if delta.kind == "rows":
            data = self.get(delta)
            yield from (data[at : at + _CHUNK] for at in range(0, max(len(data), 1), _CHUNK))
            return
        hasher, held, size = blake3(), b"", 0
        for segment in self.ranges(delta.digest).segments():  # type: ignore[attr-defined]  # of a prefix delta
            if held:
                yield held
            hasher.update(segment)
            held, size = segment, size + len(segment)
        if hasher.hexdigest() != delta.digest:
            raise damaged(delta.path, "what it gives is not what it is named by")
        yield held

    def get(self, delta: Delta) -> bytes:
        """Give an object's bytes, checked.

        Rows are proved by the digest of their values where another version of the writer gives other bytes for them.
        """
        if delta.kind != "rows":
            return b"".join(self.pieces(delta))
        from noria.store.rows import write_rows  # noqa: PLC0415 - pyarrow, only where rows are read

        table, options = self._rows(delta, 0)
        return write_rows(table, options)

    def table(self, digest: str, deep: int = 0) -> pa.Table:
        """Give the rows of a Parquet file that is kept as a delta of rows, or whole; checked."""
        from noria.store.rows import read_rows  # noqa: PLC0415 - as above

        whole = self._whole(digest)
        found = None if whole.exists() else self.find(digest)
        if found is not None:
            delta = self.read(found)
            return self._rows(delta, deep)[0] if delta.kind == "rows" else read_rows(self.get(delta))
        data = whole.read_bytes()
        if blake3(data).hexdigest() != digest:
            raise damaged(whole, "it no longer has the content it is named by")
        return read_rows(data)

    def options(self, delta: Delta) -> dict[str, Any]:
        """Say how a file that is kept by its rows was written."""
        return self._rows(delta, 0)[1]

    def _rows(self, delta: Delta, deep: int) -> tuple[pa.Table, dict[str, Any]]:
        from noria.store.rows import decode, digest_rows  # noqa: PLC0415 - as above

        if deep > 4 * DEEPEST:
            raise damaged(delta.path, "deltas lead in a ring")
        table, options = decode(delta.stored(0, delta.kept), self.table(delta.base, deep + 1))
        if digest_rows(table) != delta.more.get("rows"):
            raise damaged(delta.path, "the rows it gives are not those it was made of")
        return table, options

    def _names(self) -> Iterator[str]:
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            yield from (name for name in os.listdir(folder) if not name.startswith(TEMPORARY_PREFIX))


def damaged(path: Path, why: str) -> CorruptedBlob:
    """Say that a file of the store is not what it was."""
    return CorruptedBlob(
        f"object {path.name[:12]} cannot be made again from what it adds to another",
        why=f"{path}: {why}",
        mend="noria fsck     says what needs it, and how to get it back",
        code="N-STORE-052",
    )
