"""A dataset is a table or a folder: a name is never both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.datasets.tables import dataset_versions, folder_versions
from noria.errors import VersionExists
from noria.store.blobs import digest_bytes

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["Kind", "claim", "hold", "kind_of"]

Kind = Literal["table", "folder"]
_TABLES = {"table": dataset_versions, "folder": folder_versions}


def claim(connection: sa.Connection, name: str, kind: Kind) -> None:
    """Refuse a name that the other kind has; nobody else can take it until the transaction ends.

    Raises
    ------
    VersionExists
        The name is taken.
    """
    hold(connection, name)
    other: Kind = "table" if kind == "folder" else "folder"
    if connection.execute(_any(other, name)).first() is not None:
        raise VersionExists(
            f"{name} is a {other} already, and cannot be a {kind} too",
            mend="choose another name" + (": noria data add FOLDER --name NAME" if kind == "folder" else ""),
            code="N-DATA-054",
        )


def hold(connection: sa.Connection, name: str) -> None:
    """Let nobody else change what a name means until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        number = int(digest_bytes(f"noria dataset {name}".encode())[:15], 16)
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def kind_of(database: Database, name: str) -> Kind | None:
    """Say what a dataset is, or None when there is none."""
    with database.reading() as connection:
        for kind in _TABLES:
            if connection.execute(_any(kind, name)).first() is not None:  # type: ignore[arg-type] # the keys are kinds
                return kind  # type: ignore[return-value] # as above
    return None


def _any(kind: Kind, name: str) -> sa.Select[tuple[int]]:
    table = _TABLES[kind]
    return sa.select(table.c.number).where(table.c.name == name).limit(1)
