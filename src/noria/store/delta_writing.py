"""Making deltas: written under a private name, proved by reading them back, and only then named."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from blake3 import blake3

from noria.store.blob_writer import BlobWriter
from noria.store.deltas import DEEPEST, Delta, damaged, sealed
from noria.store.digest import Digest
from noria.store.files import TEMPORARY_PREFIX, ensure_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from noria.store.objects import Objects
    from noria.store.prefix import Piece

__all__ = ["LEAST", "Rows", "keep_prefix", "keep_rows", "make_whole"]

LEAST = 1 << 20
"""Bytes from which an object may be kept as a delta."""

_WORTH = 0.3
"""Of the object's size: a delta must be smaller."""


@dataclass(frozen=True)
class Rows:
    """How the rows of a Parquet file follow from those of another object.

    Parameters
    ----------
    base : Digest
        The other object.
    before : pyarrow.Table
        Its rows, as they were read.
    match : ndarray of int64
        For each row the most similar one of the base, or -1.
    options : mapping
        How the file was written.
    table : pyarrow.Table, optional
        The rows themselves, in one piece, where the file was just written from them with these options and no more
        need be done to know it.
    """

    base: Digest
    before: pa.Table
    match: npt.NDArray[np.int64]
    options: Mapping[str, object]
    table: pa.Table | None = None


def keep_prefix(objects: Objects, file: BinaryIO, size: int, base: Digest) -> Digest | None:
    """Keep bytes as what they add to a base.

    Parameters
    ----------
    objects : Objects
        Where to.
    file : binary file
        The bytes, from here on; named are those that were read.
    size : int
        How many, as far as known.
    base : Digest
        An object.

    Returns
    -------
    Digest or None
        None where it is not worth it, or the base cannot carry another delta.
    """
    from noria.store.prefix import LAYERS, Decoded, encode  # noqa: PLC0415 - zstd, only where a delta is made

    # A base that is damaged would be built upon, and then not be mended without breaking what was built.
    if size < LEAST or not _carries(objects, base) or not objects.is_whole(base):
        return None
    hasher = blake3()

    def read(count: int) -> bytes:
        data = file.read(count)
        hasher.update(data)
        return data

    try:
        with _temporary(objects) as (target, path):
            old = objects.deltas.ranges(base)
            pieces: list[Piece] | None = encode(read, size, old, target.write, limit=_WORTH * size)
            if pieces is None:
                return None
            digest, whole = hasher.hexdigest(), sum(piece[0] for piece in pieces)
            delta = _seal(objects, target, path, "prefix", digest, base, whole, {"pieces": pieces, "layers": LAYERS})
            again = blake3()
            for segment in Decoded(pieces, old, delta.stored).segments():
                again.update(segment)
            if again.hexdigest() != digest:
                raise damaged(path, "what was just written reads as something else")
            return _publish(objects, delta)
    except FileNotFoundError:
        return None  # the base went meanwhile


def keep_rows(objects: Objects, data: bytes, digest: Digest, rows: Rows) -> Digest | None:
    """Keep a Parquet file as what its rows add to those of a base; as `keep_prefix` does."""
    from noria.store import rows as by_rows  # noqa: PLC0415 - pyarrow, as above

    if len(data) < LEAST or not _carries(objects, rows.base):
        return None
    table, written = rows.table, True
    if table is None or not by_rows.is_written_as(table, data):
        table, written = by_rows.read_rows(data), False
    made = by_rows.encode(table, rows.before, rows.match, rows.options)
    if made is None or len(made[0]) > _WORTH * len(data):
        return None
    again, options = by_rows.decode(made[0], rows.before)
    if written:
        proved = again.schema.equals(table.schema, check_metadata=True) and by_rows.digest_rows(again) == made[1]
    else:  # it may be another writer's file, or the options not those it was written with
        proved = by_rows.write_rows(again, options) == data
    if not proved:
        return None
    with _temporary(objects) as (target, path):
        target.write(made[0])
        return _publish(objects, _seal(objects, target, path, "rows", digest, rows.base, len(data), {"rows": made[1]}))


def make_whole(objects: Objects, digest: Digest) -> None:
    """Keep an object so that it needs no other any longer."""
    old = objects.deltas.all_of(digest)
    with BlobWriter(objects) as writer:
        for piece in objects.pieces(digest):
            writer.write(piece)
        kept = writer.finish(anew=True)
    if kept != digest:
        # Another release of the writer gave other bytes for the same rows: they are what the old name stands on now.
        from noria.store.rows import encode  # noqa: PLC0415 - pyarrow, as above

        said, table = objects.deltas.read(old[0]), objects.table(digest)
        made = encode(table, table, _all_rows(table), objects.deltas.options(said))
        if made is not None:
            with _temporary(objects) as (target, path):
                target.write(made[0])
                delta = _seal(objects, target, path, "rows", digest, kept, said.size, {"rows": made[1]})
                _publish(objects, delta, anew=True)
    for path in old:
        if path.name != f"{digest}.{kept}":
            path.unlink(missing_ok=True)
            sync_folder(path.parent)


def _all_rows(table: pa.Table) -> npt.NDArray[np.int64]:
    import numpy as np  # noqa: PLC0415 - as above

    return np.arange(table.num_rows, dtype=np.int64)


def _carries(objects: Objects, base: Digest) -> bool:
    return objects.touch(base) and objects.deltas.depth(base) < DEEPEST


def _seal(
    objects: Objects,
    target: BinaryIO,
    path: Path,
    kind: str,
    digest: str,
    base: Digest,
    size: int,
    more: dict[str, Any],
) -> Delta:
    depth, kept = objects.deltas.depth(base) + 1, target.tell()
    target.write(sealed(kind, digest=digest, base=base, size=size, depth=depth, more=more))
    target.flush()
    os.fchmod(target.fileno(), 0o444)
    os.fsync(target.fileno())
    return Delta(path, kind, digest, base, size, depth, kept, more)


def _publish(objects: Objects, delta: Delta, *, anew: bool = False) -> Digest | None:
    digest, base = Digest(delta.digest), Digest(delta.base)
    if not anew and objects.has(digest) and objects.is_whole(digest) and objects.touch(digest):
        return digest
    if digest == base or any(path.name.startswith(digest) for path in objects.deltas.chain(base)):
        return None  # the base is made of this very object, which is damaged: it has to be written anew
    final = objects.deltas.name(digest, base)
    ensure_folder(final.parent)
    os.replace(delta.path, final)
    sync_folder(final.parent)
    if not objects.has(base):
        # Discarded while this was written; had it come a moment earlier, the delta would have held it.
        with suppress(FileNotFoundError):
            final.unlink()
        return None
    return digest


@contextmanager
def _temporary(objects: Objects) -> Iterator[tuple[BinaryIO, Path]]:
    ensure_folder(objects.root)
    path = None
    try:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=objects.root)
        path = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file, path
    except FileNotFoundError:
        raise  # an object went while something was being kept against it
    except OSError as error:
        raise objects.unwritable(error) from error
    finally:
        if path is not None:
            path.unlink(missing_ok=True)
