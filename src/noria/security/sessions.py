"""Who is logged in with a browser: kept here, the browser holds a random key only."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import StoreUnavailable
from noria.security.identity import Identity
from noria.security.tables import sessions, users
from noria.security.users import grants_of

if TYPE_CHECKING:
    from datetime import datetime

    from noria.security.users import User
    from noria.store.database import Database

__all__ = ["IDLE", "LONGEST", "Sessions"]

LONGEST = timedelta(days=7)
"""After that a session ends, however it is used."""

IDLE = timedelta(hours=12)
"""Without a request it ends earlier."""

_COALESCED = timedelta(minutes=5)


class Sessions:
    """The sessions of a database.

    Parameters
    ----------
    database : Database
        Where they are kept, as digests of their keys.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, user: User, *, at: datetime, instead_of: str = "") -> str:
        """Begin a session and give its key.

        Parameters
        ----------
        user : User
            Who has shown who he is.
        at : datetime
            When.
        instead_of : str
            Key of the session that the browser had before: it ends, whosever it was. A key that somebody planted
            in a browser is thus never the key of who logs in there.
        """
        key = secrets.token_urlsafe(32)
        row = {"digest": _digest(key), "user_id": user.id, "created": at, "seen": at, "expires": at + LONGEST}
        with self._database.transaction() as connection:
            connection.execute(sessions.delete().where(sa.or_(*_over(at), sessions.c.digest == _digest(instead_of))))
            connection.execute(sessions.insert(), row)
        return key

    def close(self, key: str) -> None:
        """End a session."""
        with self._database.transaction() as connection:
            connection.execute(sessions.delete().where(sessions.c.digest == _digest(key)))

    def identify(self, key: str, *, at: datetime) -> Identity | None:
        """Give whose session it is, or None when there is none of that key."""
        digest = _digest(key)
        with self._database.reading() as connection:
            statement = sa.select(sessions, users.c.name).join(users, users.c.id == sessions.c.user_id)
            wanted = statement.where(sessions.c.digest == digest, users.c.active, sa.not_(sa.or_(*_over(at))))
            row = connection.execute(wanted).first()
            if row is None:
                return None
            held = grants_of(connection, row.user_id)
        if at - row.seen >= _COALESCED:
            # That it was used is worth a write, not a refusal while the database is busy.
            with suppress(StoreUnavailable), self._database.transaction() as connection:
                connection.execute(sessions.update().where(sessions.c.digest == digest).values(seen=at))
        return Identity(row.name, "session", row.user_id, held, expires=row.expires, holder=digest)


def _over(at: datetime) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return sessions.c.expires <= at, sessions.c.seen <= at - IDLE


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
