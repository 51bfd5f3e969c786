"""Names for versions, such as ``prod``, which may be moved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.datasets.kinds import hold
from noria.datasets.tables import dataset_tags, dataset_versions, folder_versions
from noria.errors import DatasetNotFound, WrongArgument, did_you_mean
from noria.security.names import checked_name
from noria.store.database import upsert

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["Tags"]

_T = dataset_tags.c


class Tags:
    """The tags of all datasets, tables and folders.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, name: str, tag: str, number: int, *, at: datetime | None = None) -> int | None:
        """Point a tag at a version; give where it pointed before, or None.

        Raises
        ------
        DatasetNotFound
            There is no such version.
        WrongArgument
            A tag cannot be written so.
        """
        checked_name("tag", tag)
        if tag.isdecimal():
            raise WrongArgument(
                f"a tag cannot be a number: {tag}", mend="NAME@3 is the third version already", code="N-DATA-055"
            )
        if tag == "previous":
            raise WrongArgument(
                "a tag cannot be called previous",
                mend="NAME@previous is the version before the newest already",
                code="N-DATA-089",
            )
        row = {"name": name, "tag": tag, "number": number, "moved": at or datetime.now(UTC)}
        with self._database.transaction() as connection:
            hold(connection, name)
            if not any(connection.execute(query).first() for query in _standing(name, number)):
                raise DatasetNotFound(
                    f"dataset {name} has no version {number}", mend=f"noria data log {name}", code="N-DATA-020"
                )
            before = connection.execute(sa.select(_T.number).where(_T.name == name, _T.tag == tag)).scalar()
            upsert(connection, dataset_tags, row, key=("name", "tag"))
        return before

    def remove(self, name: str, tag: str) -> None:
        """Take a tag away.

        Raises
        ------
        DatasetNotFound
            There is none of that name.
        """
        with self._database.transaction() as connection:
            done = connection.execute(sa.delete(dataset_tags).where(_T.name == name, _T.tag == tag))
        if not done.rowcount:
            raise self._missing(name, tag)

    def all(self, name: str | None = None) -> dict[str, dict[str, int]]:
        """Give the tags of a dataset, or of all, with the number each points at."""
        query = sa.select(_T.name, _T.tag, _T.number).order_by(_T.name, _T.tag)
        found: dict[str, dict[str, int]] = {}
        with self._database.reading() as connection:
            for dataset, tag, number in connection.execute(query if name is None else query.where(_T.name == name)):
                found.setdefault(dataset, {})[tag] = number
        return found

    def of(self, name: str, number: int) -> list[str]:
        """Name the tags that point at a version."""
        return [tag for tag, pointed in self.all(name).get(name, {}).items() if pointed == number]

    def number(self, name: str, tag: str) -> int:
        """Say which version a tag points at.

        Raises
        ------
        DatasetNotFound
            There is no such tag.
        """
        with self._database.reading() as connection:
            query = sa.select(_T.number).where(_T.name == name, _T.tag == tag)
            found: int | None = connection.execute(query).scalar()
        if found is None:
            raise self._missing(name, tag)
        return found

    def _missing(self, name: str, tag: str) -> DatasetNotFound:
        known = self.all(name).get(name, {})
        return DatasetNotFound(
            f"dataset {name} has no version or tag {tag!r}",
            why=f"tags: {', '.join(known)}" if known else "it has no tags",
            mend=did_you_mean(tag, known) or f"noria data log {name}",
            code="N-DATA-020",
        )


def _standing(name: str, number: int) -> tuple[sa.Select[tuple[int]], ...]:
    table, folder = dataset_versions.c, folder_versions.c
    return (
        sa.select(table.number).where(table.name == name, table.number == number),
        sa.select(folder.number).where(folder.name == name, folder.number == number, folder.removed.is_(None)),
    )
