"""Bytes named by their content: written once, durable when acknowledged, checked at every read."""

from __future__ import annotations

import io
import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from noria.errors import BlobNotFound, CorruptedBlob, StoreUnavailable
from noria.store.blob_writer import BlobWriter
from noria.store.deltas import Deltas
from noria.store.digest import Digest, canonical_json, digest_bytes, digest_file, digest_json
from noria.store.files import TEMPORARY_PREFIX, ensure_folder, sync_folder
from noria.store.rebuilt import Rebuilt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from noria.store.delta_writing import Rows
    from noria.store.deltas import Delta

__all__ = ["BlobWriter", "Blobs", "Digest", "canonical_json", "digest_bytes", "digest_file", "digest_json"]

_CHUNK = 1 << 20


class Blobs:
    """A folder of write-once objects ``ab/<digest>``; some are kept as what they add to another, see `Deltas`.

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
        self.deltas = Deltas(root, lambda digest: self._name(Digest(digest)))
        self.rebuilt = Rebuilt(root / "rebuilt")

    def put(self, data: bytes, *, base: Digest | Rows | None = None) -> Digest:
        """Keep bytes; when this returns they survive a crash.

        Parameters
        ----------
        data : bytes
            The bytes.
        base : Digest or Rows, optional
            What they are much like: an object, or the rows of one. Where that saves most of the room, only what they
            add to it is kept.
        """
        digest = digest_bytes(data)
        if self._sound(digest, len(data)) and self.touch(digest):
            # Another process may have renamed it this instant, and not yet made its name durable.
            sync_folder(self.kept_at(digest).parent)
        elif base is None or not self._as_delta(data, digest, base):
            with self.writer() as writer:
                writer.write(data)
                writer.finish()
        return digest

    def put_file(self, path: Path, *, base: Digest | None = None) -> Digest:
        """Keep a copy of a file; the digest is that of the bytes copied, whatever happens to the file meanwhile.

        Parameters
        ----------
        path : Path
            The file.
        base : Digest, optional
            As `put` takes it.
        """
        if base is not None:
            from noria.store.delta_writing import keep_prefix  # noqa: PLC0415 - zstd, only where a delta is made

            with path.open("rb") as file:
                kept = keep_prefix(self, file, path.stat().st_size, base)
            if kept is not None:
                return kept
        with self.writer() as writer, path.open("rb") as file:
            writer.copy(file.fileno())
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
            delta = self._delta(digest, error)
            try:
                return self.deltas.get(delta)
            except (FileNotFoundError, NotADirectoryError) as lost:
                raise self._missing(digest) from lost
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
            delta = self._delta(digest, error)
            try:
                yield from self.deltas.pieces(delta)
            except (FileNotFoundError, NotADirectoryError) as lost:
                raise self._missing(digest) from lost
            return
        if hasher.hexdigest() != digest:
            raise self._corrupted(digest)
        yield held

    def path(self, digest: Digest) -> Path:
        """Give the checked file itself, for readers that map it. Never write to it.

        Of an object that is kept as a delta a whole file is made; open it soon, as room for such files is bounded.
        """
        path = self._name(digest)
        if not path.exists():
            made = self.rebuilt.find(digest)
            sound = made is not None and digest_file(made) == digest
            return made if made is not None and sound else self.rebuilt.keep(digest, self.pieces(digest))
        if digest_file(path) != digest:
            raise self._corrupted(digest)
        return path

    def starts_with(self, digest: Digest, count: int) -> bytes:
        """Give the first bytes, unchecked, without reading the others."""
        if self.deltas.is_of_rows(digest):
            return b"PAR1"[:count]
        try:
            return self.deltas.ranges(digest).read(0, count)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._missing(digest) from error

    def table(self, digest: Digest) -> pa.Table:
        """Read the rows of a Parquet file, checked; quicker than by `path` where it is kept by its rows."""
        try:
            return self.deltas.table(digest)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._missing(digest) from error

    def size(self, digest: Digest) -> int:
        """Say how many bytes the digest names, however they are kept.

        Raises
        ------
        BlobNotFound
            Nothing is stored under it.
        """
        try:
            return self._name(digest).stat().st_size
        except OSError as error:
            return self._delta(digest, error).size

    def discard(self, digest: Digest, *, unused_since: float) -> int:
        """Delete bytes that nothing names any more, and give how many there were.

        What somebody has put, or put again, since that time stays: its name may be about to be written down. What
        the delta of another object needs stays as well.

        Parameters
        ----------
        digest : Digest
            Which.
        unused_since : float
            In seconds since 1970.
        """
        if self.deltas.needed_by(digest):
            return 0
        freed = sum(self._discard(path, digest, unused_since) for path in self.kept(digest))
        if freed:
            self.rebuilt.drop(digest)
        return freed

    def _discard(self, path: Path, digest: Digest, unused_since: float) -> int:
        aside = self.root / f"{TEMPORARY_PREFIX}{path.name}"
        try:
            # Moved before it is looked at: whoever puts the same bytes from now on writes them anew.
            os.rename(path, aside)
            found = aside.stat()
            if found.st_mtime > unused_since or self.deltas.needed_by(digest):
                os.rename(aside, path)
                return 0
            aside.unlink()
        except FileNotFoundError:
            return 0
        return found.st_size

    def drop(self, digest: Digest) -> None:
        """Delete what is kept under a digest, whoever needs it: for what is damaged, and worth nothing."""
        for path in self.kept(digest):
            path.unlink(missing_ok=True)
        self.rebuilt.drop(digest)

    def erase(self, digest: Digest) -> None:
        """Delete bytes that nobody may have any longer, whoever may want them; nothing where there are none.

        Objects that are kept as what they add to these are kept whole from now on.
        """
        from noria.store.delta_writing import make_whole  # noqa: PLC0415 - zstd and more, only where a delta is made

        self.rebuilt.drop(digest)
        for needing in self.deltas.needed_by(digest):
            make_whole(self, Digest(needing))
        for path in self.kept(digest):
            if path.exists():
                path.unlink()
                sync_folder(path.parent)

    def sweep(self, before: float) -> int:
        """Delete what killed processes left half-written or half-fetched, and say how many files that were.

        Files that were made of deltas go as well: they can be made again.

        Parameters
        ----------
        before : float
            In seconds since 1970: what was touched since is perhaps being written now.
        """
        self.restore_aside()
        swept = 0
        left = (self.root.glob(pattern) for pattern in (f"{TEMPORARY_PREFIX}*", "rebuilt/*", "incoming/*"))
        for path in chain.from_iterable(left):
            try:
                if path.stat().st_ctime < before:
                    path.unlink()
                    swept += 1
            except FileNotFoundError:
                continue
        return swept

    def has(self, digest: Digest) -> bool:
        """Say whether something is stored under the digest, without reading it."""
        return self._name(digest).exists() or self.deltas.find(digest) is not None

    def is_whole(self, digest: Digest) -> bool:
        """Say whether the bytes under the digest are there and are those it names; reads them."""
        try:
            if self.deltas.is_of_rows(digest):
                self.table(digest)  # checks the rows, and spares writing their file
                return True
            return all(piece is not None for piece in self.pieces(digest))
        except (BlobNotFound, CorruptedBlob):
            return False

    def files(self, digest: Digest) -> tuple[Path, ...]:
        """Give the files an object is made of: its own, and where that is a delta those of the objects it needs.

        Raises
        ------
        BlobNotFound
            One of them is not there.
        """
        files = self.deltas.chain(digest)
        if not files[-1].exists():
            raise self._missing(Digest(files[-1].name))
        return tuple(files)

    def kept(self, digest: Digest) -> list[Path]:
        """Give the names of all files an object may be kept in; there may be none of the first, whole one."""
        return [self._name(digest), *self.deltas.all_of(digest)]

    def with_bases(self, digests: Iterable[Digest]) -> set[Digest]:
        """Give objects, and those that they are kept against: what must stay if they are to stay."""
        found = set(digests)
        for digest in self.deltas:
            if digest in found:
                found |= {Digest(path.name.partition(".")[0]) for path in self.deltas.chain(digest)}
        return found

    def restore_aside(self) -> None:
        """Give objects back that a killed process had moved aside to look at; see `discard`."""
        for aside in self.root.glob(f"{TEMPORARY_PREFIX}{'[0-9a-f]' * 64}*"):
            digest, _, base = aside.name.removeprefix(TEMPORARY_PREFIX).partition(".")
            final = self.deltas.name(digest, base) if base else self._name(Digest(digest))
            if not final.exists() and (base or digest_file(aside) == digest):
                ensure_folder(final.parent)
                os.rename(aside, final)
                sync_folder(final.parent)

    def kept_at(self, digest: Digest) -> Path:
        """Give the file that stands for an object, whole or a delta: to look at, not to read."""
        whole = self._name(digest)
        return whole if whole.exists() else self.deltas.find(digest) or whole

    def touch(self, digest: Digest) -> bool:
        """Say that these bytes are wanted, for `discard`; False where they have just gone."""
        try:
            os.utime(self.kept_at(digest))
        except FileNotFoundError:
            return False
        except OSError:
            pass  # another user's file: noria discards nothing that is not its own
        return True

    def __iter__(self) -> Iterator[Digest]:
        """Walk the digests of everything stored."""
        whole = {
            path.name for path in self.root.glob("[0-9a-f][0-9a-f]/*") if not path.name.startswith(TEMPORARY_PREFIX)
        }
        return (Digest(name) for name in sorted(whole.union(self.deltas)))

    def _as_delta(self, data: bytes, digest: Digest, base: Digest | Rows) -> bool:
        from noria.store.delta_writing import keep_prefix, keep_rows  # noqa: PLC0415 - as above

        if isinstance(base, str):
            return keep_prefix(self, io.BytesIO(data), len(data), base) is not None
        return keep_rows(self, data, digest, base) is not None

    def _delta(self, digest: Digest, error: OSError) -> Delta:
        found = self.deltas.find(digest)
        if found is None:
            raise self._missing(digest) from error
        return self.deltas.read(found)

    def _name(self, digest: Digest) -> Path:
        return self.root / digest[:2] / digest

    def _sound(self, digest: Digest, size: int) -> bool:
        # A truncated or edited object must not swallow a new, good copy of the same bytes.
        path = self._name(digest)
        try:
            return path.stat().st_size == size and digest_file(path) == digest
        except OSError:
            return self.deltas.find(digest) is not None and self.is_whole(digest)

    def place(self, temporary: Path, digest: Digest) -> None:
        """Give a file that is whole and durable the name of its digest."""
        final = self._name(digest)
        ensure_folder(final.parent)
        try:
            os.replace(temporary, final)
            sync_folder(final.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise self.unwritable(error) from error

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

    def unwritable(self, error: OSError) -> StoreUnavailable:
        """Make the error of a store that cannot be written."""
        return StoreUnavailable(
            f"cannot write to the store {self.root}: {error.strerror or error}",
            mend="make room, or give yourself the right to write there",
            code="N-STORE-002",
        )
