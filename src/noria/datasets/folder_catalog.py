"""Which versions of folders there are: numbered, written once, never changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.datasets.folder_version import FolderVersion
from noria.datasets.kinds import claim, hold
from noria.datasets.tables import dataset_tags, folder_versions
from noria.errors import Conflict, DatasetNotFound, NotAllowed, did_you_mean
from noria.store.blobs import Digest

if TYPE_CHECKING:
    from noria.datasets.manifest import Manifest
    from noria.store.database import Database

__all__ = ["FolderCatalog"]

_T = folder_versions.c
_ATTEMPTS = 50


class FolderCatalog:
    """The rows of folder versions.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str, number: int) -> FolderVersion:
        """Look a version up.

        Raises
        ------
        DatasetNotFound
            There is none, or it was removed.
        """
        query = sa.select(folder_versions).where(_T.name == name, _T.number == number)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is not None and row.removed is None:
            return _version(row)
        known = [str(one.number) for one in self.versions(name)]
        names = self.names()
        if row is None and not known:
            raise DatasetNotFound(
                f"there is no folder dataset {name!r}",
                why=f"folders: {', '.join(names)}" if names else "no folder has been added yet",
                mend=did_you_mean(name, names) or "noria data list",
                code="N-DATA-051",
            )
        raise DatasetNotFound(
            f"folder {name} has no version {number}"
            + (f": it was removed on {row.removed:%Y-%m-%d}" if row is not None else ""),
            why=f"versions: {', '.join(known[:20])}" if known else "all its versions were removed",
            mend=f"noria data log {name}",
            code="N-DATA-051",
        )

    def latest(self, name: str) -> FolderVersion | None:
        """Give the newest version, or None."""
        query = sa.select(folder_versions).where(_T.name == name, _T.removed.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(_T.number.desc()).limit(1)).one_or_none()
        return None if row is None else _version(row)

    def versions(self, name: str | None = None) -> tuple[FolderVersion, ...]:
        """List the versions of a folder, or of all, the newest of each first."""
        query = sa.select(folder_versions).where(_T.removed.is_(None)).order_by(_T.name, _T.number.desc())
        with self._database.reading() as connection:
            rows = connection.execute(query if name is None else query.where(_T.name == name)).all()
        return tuple(_version(row) for row in rows)

    def names(self) -> tuple[str, ...]:
        """List the folders by name."""
        query = sa.select(_T.name).where(_T.removed.is_(None)).distinct().order_by(_T.name)
        with self._database.reading() as connection:
            return tuple(connection.execute(query).scalars())

    def from_source(self, source: str) -> FolderVersion | None:
        """Give the newest version that was made of a folder, or None."""
        query = sa.select(folder_versions).where(_T.source == source, _T.removed.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(_T.created.desc(), _T.number.desc()).limit(1)).one_or_none()
        return None if row is None else _version(row)

    def insert(
        self,
        name: str,
        stored: Digest,
        manifest: Manifest,
        *,
        source: str,
        parent: int | None,
        note: str = "",
        at: datetime | None = None,
        single: bool = False,
    ) -> tuple[FolderVersion, bool]:
        """Write a version down under the next number.

        Returns
        -------
        tuple
            The version, and whether it is new: where the newest holds the same it is that one.

        Raises
        ------
        Conflict
            The name is a table's.
        """
        content = manifest.content
        values = {
            "name": name, "manifest": stored, "content": content, "files": manifest.files, "size": manifest.size,
            "created": at or datetime.now(UTC), "source": source, "parent": parent, "note": note,
            "single": single,
        }  # fmt: skip
        for _ in range(_ATTEMPTS):
            try:
                with self._database.transaction() as connection:
                    claim(connection, name, "folder")
                    newest = connection.execute(
                        sa.select(_T.number, _T.content, _T.removed)
                        .where(_T.name == name)
                        .order_by(_T.number.desc())
                        .limit(1)
                    ).one_or_none()
                    if newest is not None and newest.content == content and newest.removed is None:
                        number, made = newest.number, False
                    else:
                        number, made = 1 if newest is None else newest.number + 1, True
                        connection.execute(sa.insert(folder_versions).values(**values, number=number))
            except IntegrityError:
                continue  # somebody took the number: look again
            return self.get(name, number), made
        raise Conflict(f"folder {name} is being written by others all the time", mend="run it again", code="N-DATA-052")

    def adopt(self, version: FolderVersion) -> None:
        """Write a version down as another project has it, number and all; its contents must be here.

        Raises
        ------
        Conflict
            Another version has this name and number.
        VersionExists
            The name is a table's.
        """
        mine = sa.and_(_T.name == version.name, _T.number == version.number)
        with self._database.transaction() as connection:
            claim(connection, version.name, "folder")
            row = connection.execute(sa.select(_T.content).where(mine)).one_or_none()
            if row is None:
                connection.execute(sa.insert(folder_versions).values(**vars(version)))
            elif row.content == version.content:
                connection.execute(sa.update(folder_versions).where(mine).values(removed=None))
            else:
                raise Conflict(
                    f"{version.ref} here is, or was, another version",
                    mend=f"noria data pull {version.ref} --as {version.name}-theirs",
                    code="N-DATA-087",
                )

    def remove(self, version: FolderVersion, *, at: datetime | None = None) -> None:
        """Take a version out; its number is not given again, and what only it named goes with the next sweep.

        Raises
        ------
        NotAllowed
            A tag points at it.
        """
        tagged = sa.select(dataset_tags.c.tag).where(
            dataset_tags.c.name == version.name, dataset_tags.c.number == version.number
        )
        mine = sa.and_(_T.name == version.name, _T.number == version.number)
        with self._database.transaction() as connection:
            hold(connection, version.name)
            tags = list(connection.execute(tagged).scalars())
            if tags:
                raise NotAllowed(
                    f"{version.ref} is tagged {', '.join(tags)}",
                    mend=f"noria data tag {version.name} {tags[0]} --remove",
                    code="N-DATA-053",
                )
            connection.execute(sa.update(folder_versions).where(mine).values(removed=at or datetime.now(UTC)))


def _version(row: sa.Row[tuple[object, ...]]) -> FolderVersion:
    fields = {key: value for key, value in row._mapping.items() if key != "removed"}
    fields["manifest"], fields["content"] = Digest(fields["manifest"]), Digest(fields["content"])
    return FolderVersion(**cast("dict[str, object]", fields))  # type: ignore[arg-type]
