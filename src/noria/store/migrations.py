"""Reviewed changes of the tables, room by room.

Each room ships ``migrations/ROOM_0001.py``, ``ROOM_0002.py`` …: one branch a room, so that rooms stay
independent. Whether anything is to be done is decided by one query and a look at file names; Alembic is
loaded only when something is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from noria.store.database import Database

__all__ = ["heads", "upgrade"]

_LOCK_NUMBER = 0x6E6F7269  # "nori": the advisory lock that lets one process migrate at a time


def heads(folders: Sequence[Path]) -> frozenset[str]:
    """Name the newest revision of each room.

    Parameters
    ----------
    folders : sequence of Path
        The rooms' ``migrations`` folders.
    """
    newest = set()
    for folder in folders:
        names = sorted(path.stem for path in folder.glob("*_[0-9][0-9][0-9][0-9].py"))
        if names:
            newest.add(names[-1])
    return frozenset(newest)


def upgrade(database: Database, folders: Sequence[Path]) -> bool:
    """Bring the tables to what this noria expects.

    Returns
    -------
    bool
        True when something was changed.

    Raises
    ------
    Conflict
        The database was written by a newer noria.
    """
    wanted = heads(folders)
    if _current(database) == wanted:
        return False
    from alembic import command  # noqa: PLC0415 - loaded only when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util.exc import CommandError  # noqa: PLC0415 - as above

    config = Config()
    here = __file__.rsplit("/", 1)[0]
    config.set_main_option("script_location", f"{here}/alembic")
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(folder) for folder in folders))
    with database.transaction() as connection:
        if database.dialect == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "heads")
        except CommandError as error:
            raise Conflict(
                "the database was written by a newer noria",
                why=str(error),
                mend="take the noria that wrote it, or a newer one: the database names its steps in alembic_version",
                code="N-STORE-020",
            ) from error
    return True


def _current(database: Database) -> frozenset[str]:
    with database.reading() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return frozenset()
        return frozenset(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars())
