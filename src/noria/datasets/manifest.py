"""What a folder holds, written down in parts, so that a change rewrites only the part it falls into.

Each part is compressed JSON lines, one a file, in order of the paths. Where a part ends depends on nothing but the path
that ends it: a file that comes or goes shifts no other. A list of the parts names them by their digests.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, NamedTuple, cast

from noria.errors import CorruptedBlob
from noria.store.blobs import Digest, canonical_json, digest_bytes, digest_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["Entry", "Manifest", "Part", "entries", "read", "write"]

_FORM = "noria folder 1"
_FILES_PER_PART = 512  # on the average; measured: smaller parts make the list of them the larger cost
_LEVEL = 1


class Entry(NamedTuple):
    """A file: its bytes, their digest, and whether its owner may run it."""

    size: int
    digest: Digest
    executable: bool = False


class Part(NamedTuple):
    """A run of files: how many, their bytes, digest of the lines, and what they are stored under."""

    files: int
    size: int
    mark: Digest
    stored: Digest


@dataclass(frozen=True)
class Manifest:
    """The parts of a folder."""

    parts: tuple[Part, ...]

    @property
    def files(self) -> int:
        """How many files."""
        return sum(part.files for part in self.parts)

    @property
    def size(self) -> int:
        """Their bytes together."""
        return sum(part.size for part in self.parts)

    @property
    def content(self) -> Digest:
        """Name what the folder holds, however it is compressed."""
        return digest_json([part.mark for part in self.parts])


def write(
    files: Mapping[str, Entry], put: Callable[[bytes], Digest], known: Manifest | None = None
) -> tuple[Digest, Manifest]:
    """Store what a folder holds.

    Parameters
    ----------
    files : mapping
        Path to entry.
    put : callable
        Stores bytes and gives their digest.
    known : Manifest, optional
        An earlier one, whose parts are stored already.

    Returns
    -------
    tuple
        What the list of parts is stored under, and the list.

    Examples
    --------
    >>> kept = {}
    >>> def put(data):
    ...     kept[digest_bytes(data)] = data
    ...     return digest_bytes(data)
    >>> stored, manifest = write({"b": Entry(1, "00"), "a": Entry(2, "11", True)}, put)
    >>> read(stored, kept.get) == manifest, manifest.files, manifest.size
    (True, 2, 3)
    >>> entries(manifest, kept.get)
    {'a': Entry(size=2, digest='11', executable=True), 'b': Entry(size=1, digest='00', executable=False)}
    """
    before = {} if known is None else {part.mark: part.stored for part in known.parts}
    parts = []
    for count, size, lines in _cut(files):
        mark = digest_bytes(lines)
        parts.append(Part(count, size, mark, before.get(mark) or put(zlib.compress(lines, _LEVEL))))
    text = canonical_json({"form": _FORM, "parts": [list(part) for part in parts]})
    return put(zlib.compress(text.encode(), _LEVEL)), Manifest(tuple(parts))


def read(digest: Digest, get: Callable[[Digest], bytes]) -> Manifest:
    """Read the list of parts back.

    Raises
    ------
    CorruptedBlob
        It is no such list.
    """
    try:
        found = json.loads(zlib.decompress(get(digest)))
        if found["form"] != _FORM:
            raise ValueError(found["form"])
        return Manifest(tuple(Part(*part) for part in found["parts"]))
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise CorruptedBlob(
            f"object {digest[:12]} is no list of files that this noria can read",
            why=str(error),
            mend="a newer noria may have written it",
            code="N-DATA-050",
        ) from error


def entries(
    manifest: Manifest, get: Callable[[Digest], bytes], *, but: Collection[Digest] = frozenset()
) -> dict[str, Entry]:
    """Read the files back.

    Parameters
    ----------
    manifest : Manifest
        Which.
    get : callable
        Reads what is stored under a digest.
    but : collection of str
        Marks of parts to leave out.
    """
    found: dict[str, Entry] = {}
    for part in manifest.parts:
        if part.mark not in but:
            found.update(_parse(zlib.decompress(get(part.stored))))
    return found


def _cut(files: Mapping[str, Entry]) -> Iterator[tuple[int, int, bytes]]:
    lines: list[str] = []
    size = 0
    for path in sorted(files):
        entry = files[path]
        tail = ",1]" if entry.executable else "]"
        lines.append(f'[{encode_basestring_ascii(path)},{entry.size},"{entry.digest}"{tail}\n')
        size += entry.size
        if zlib.crc32(path.encode(errors="surrogateescape")) % _FILES_PER_PART == 0:
            yield len(lines), size, "".join(lines).encode("ascii")
            lines, size = [], 0
    if lines:
        yield len(lines), size, "".join(lines).encode("ascii")


def _parse(lines: bytes) -> Iterator[tuple[str, Entry]]:
    rows = cast("list[list[object]]", json.loads(b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]"))
    for row in rows:
        path, size, digest = cast("tuple[str, int, Digest]", row[:3])
        yield path, Entry(size, digest, len(row) > 3)
