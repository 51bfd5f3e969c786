"""Files that runs and logged models left: a name in a table, the bytes a blob."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.runs.tables import artifacts
from noria.store.blobs import Digest
from noria.store.database import upsert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from noria.store.database import Database, Write

__all__ = ["Artifacts", "Entry", "RunArtifact", "one_level"]


@dataclass(frozen=True)
class RunArtifact:
    """A file.

    Parameters
    ----------
    path : str
        Its name within its owner, with ``/`` between folders.
    digest : Digest
        Its content.
    size : int
        Bytes.
    media_type : str
        Such as ``text/html``.
    """

    path: str
    digest: Digest
    size: int
    media_type: str


@dataclass(frozen=True)
class Entry:
    """A line of a folder: a file with its size, or a folder with all that lies beneath."""

    name: str
    is_folder: bool
    size: int
    files: int = 1


class Artifacts:
    """The files of all runs and logged models.

    Parameters
    ----------
    database : Database
        Migrated.
    write : Write, optional
        How a write is made durable; in a transaction of its own when left out.
    """

    def __init__(self, database: Database, write: Write | None = None) -> None:
        self._database = database
        self._write: Write = write or database.write

    def add(
        self,
        owner: str,
        path: str,
        digest: Digest,
        size: int,
        media_type: str = "application/octet-stream",
        *,
        at: datetime | None = None,
    ) -> None:
        """Record a file whose bytes are in the store; one of the same name is replaced.

        Parameters
        ----------
        owner : str
            Id of a run or of a logged model.
        path : str
            Relative, checked by whoever took it in; it never reaches the disk.
        digest, size, media_type
            See `RunArtifact`.
        at : datetime, optional
            When; now, when left out.
        """
        row = {
            "owner": owner,
            "path": path,
            "digest": digest,
            "size": size,
            "media_type": media_type,
            "added": at or datetime.now(UTC),
        }
        self._write(lambda connection: upsert(connection, artifacts, row, key=("owner", "path")))

    def find(self, owner: str, path: str) -> RunArtifact | None:
        """Give one file, or None."""
        query = _files(owner).where(artifacts.c.path == path)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else RunArtifact(row.path, Digest(row.digest), row.size, row.media_type)

    def all(self, owner: str, folder: str = "") -> tuple[RunArtifact, ...]:
        """List every file beneath a folder, by path."""
        query = _files(owner, folder).order_by(artifacts.c.path)
        with self._database.reading() as connection:
            return tuple(
                RunArtifact(row.path, Digest(row.digest), row.size, row.media_type) for row in connection.execute(query)
            )

    def named(self) -> Iterator[tuple[str, RunArtifact]]:
        """Walk every file of every owner, with its owner: what the store must keep."""
        query = sa.select(artifacts).order_by(artifacts.c.owner, artifacts.c.path)
        with self._database.reading() as connection:
            for row in connection.execute(query):
                yield row.owner, RunArtifact(row.path, Digest(row.digest), row.size, row.media_type)

    def folder(self, owner: str, folder: str = "") -> tuple[Entry, ...]:
        """List one level of a folder, by name; nothing for a file or a name that is not there."""
        return one_level(self.all(owner, folder), folder)

    def remove(self, owner: str, path: str) -> int:
        """Forget a file, or a folder with all beneath; the bytes go when nothing names them. Gives how many."""
        beneath = sa.or_(artifacts.c.path == path, _beneath(path)) if path else sa.true()
        gone = sa.delete(artifacts).where(artifacts.c.owner == owner, beneath)
        return self._write(lambda connection: connection.execute(gone).rowcount)


def one_level(files: Iterable[RunArtifact], folder: str = "") -> tuple[Entry, ...]:
    """Give what lies right in a folder, from all the files there are: by name, folders with what is beneath them."""
    before = f"{folder}/" if folder else ""
    found: dict[str, Entry] = {}
    for file in files:
        if not file.path.startswith(before):
            continue
        name, deeper, _rest = file.path.removeprefix(before).partition("/")
        known = found.get(name)
        if deeper:
            size, count = (known.size, known.files) if known else (0, 0)
            found[name] = Entry(name, is_folder=True, size=size + file.size, files=count + 1)
        else:
            found[name] = Entry(name, is_folder=False, size=file.size)
    return tuple(found[name] for name in sorted(found))


def _files(owner: str, folder: str = "") -> sa.Select[tuple[str, str, int, str]]:
    query = sa.select(artifacts.c.path, artifacts.c.digest, artifacts.c.size, artifacts.c.media_type)
    query = query.where(artifacts.c.owner == owner)
    return query.where(_beneath(folder)) if folder else query


def _beneath(folder: str) -> sa.ColumnElement[bool]:
    # A range of the index: "0" is what follows "/", so nothing beside the folder lies between.
    return sa.and_(artifacts.c.path > f"{folder}/", artifacts.c.path < f"{folder}0")
