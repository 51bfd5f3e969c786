"""The files of runs and logged models, brought into the store as bytes: never opened, never loaded."""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import NoriaError, StoreUnavailable, WorkFailed
from noria.runs.adoption import adopt_files
from noria.runs.artifacts import Artifacts
from noria.store.files import TEMPORARY_PREFIX, ensure_folder

if TYPE_CHECKING:
    from noria.exchange.report import Report
    from noria.exchange.source import ForeignModel, ForeignRun, Source
    from noria.store.blobs import Blobs, Digest
    from noria.store.database import Database

__all__ = ["Keeping"]

_CHUNK = 1 << 20
_FILES_AT_ONCE = 200


class Keeping:
    """Brings files.

    Parameters
    ----------
    source : Source
        From where.
    database, blobs
        Where to.
    report : Report
        Where to count.
    """

    def __init__(self, source: Source, database: Database, blobs: Blobs, report: Report) -> None:
        self._source = source
        self._database = database
        self._blobs = blobs
        self._report = report

    def take(self, owner: ForeignRun | ForeignModel) -> int:
        """Bring the files of a run or logged model; gives how many of the source's are here."""
        here = {file.path: file.size for file in Artifacts(self._database).all(owner.id)}
        tally = self._report["files"]
        brought: list[tuple[str, Digest, int, str]] = []
        count = 0
        for file in self._source.files(owner):
            tally.found += 1
            if here.get(file.path) == file.size:
                tally.known += 1
                count += 1
                continue
            try:
                digest, size = self._keep(owner, file.path)
            except StoreUnavailable:
                raise
            except NoriaError as error:
                self._source.skips.add("a file could not be read", f"{owner.id}/{file.path}: {error.what}")
                continue
            if size != file.size:
                self._report.differs(f"{owner.id}/{file.path} has {file.size:,} bytes at the source, {size:,} came")
            brought.append((file.path, digest, size, mimetypes.guess_type(file.path)[0] or "application/octet-stream"))
            self._report.file_bytes += size
            tally.new += 1
            count += 1
            if len(brought) >= _FILES_AT_ONCE:
                self._name_files(owner.id, brought)
                brought = []
        self._name_files(owner.id, brought)
        return count

    def _name_files(self, owner: str, brought: Sequence[tuple[str, Digest, int, str]]) -> None:
        if brought:
            self._database.write(lambda connection: adopt_files(connection, owner, brought, datetime.now(UTC)))

    def _keep(self, owner: ForeignRun | ForeignModel, path: str) -> tuple[Digest, int]:
        ensure_folder(self._blobs.root)
        try:
            handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=self._blobs.root)
        except OSError as error:
            raise _unwritable(self._blobs.root, error) from error
        try:
            size = 0
            with os.fdopen(handle, "wb") as copy, self._source.open(owner, path) as file:
                while chunk := _read(file.read, path):
                    size += _write(copy.write, chunk, self._blobs.root)
            return self._blobs.put_file(Path(name)), size
        finally:
            Path(name).unlink(missing_ok=True)


def _read(read: Callable[[int], bytes], path: str) -> bytes:
    try:
        return read(_CHUNK)
    except OSError as error:
        raise WorkFailed(
            f"reading {path} broke off",
            why=str(error),
            mend="begin the import again: it goes on where it was",
            code="N-EXCHANGE-021",
        ) from error


def _write(write: Callable[[bytes], int], chunk: bytes, root: Path) -> int:
    try:
        return write(chunk)
    except OSError as error:
        raise _unwritable(root, error) from error


def _unwritable(root: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"cannot write to the store {root}: {error.strerror or error}",
        mend="make room and begin the import again: it goes on where it was",
        code="N-EXCHANGE-022",
    )
