"""One-time codes with which a user chooses his first password, or another when he has forgotten his."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import NotAllowed
from noria.security.audit import Who, record
from noria.security.passwords import checked_password, hash_password
from noria.security.tables import invites, sessions, users

if TYPE_CHECKING:
    from datetime import datetime

    from noria.security.users import User
    from noria.store.database import Database

__all__ = ["INVITE_HOURS", "Invites"]

INVITE_HOURS = 24


class Invites:
    """Makes and takes invitations.

    Parameters
    ----------
    database : Database
        Where they are kept, as their digests.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, user: User, *, by: Who, at: datetime) -> str:
        """Give a code that is good once and for a day; older ones of the same user are of no use any more.

        Raises
        ------
        NotAllowed
            The user is disabled.
        """
        if not user.active:
            raise NotAllowed(f"{user.name} is disabled", mend=f"noria users enable {user.name}", code="N-SECURITY-045")
        code = secrets.token_urlsafe(24)
        row = {
            "digest": _digest(code),
            "user_id": user.id,
            "created": at,
            "expires": at + timedelta(hours=INVITE_HOURS),
        }
        with self._database.transaction() as connection:
            connection.execute(invites.delete().where(invites.c.user_id == user.id))
            connection.execute(invites.insert(), row)
            record(connection, by, "user invited", user.name, at=at)
        return code

    def take(self, code: str, password: str, *, address: str, at: datetime) -> str:
        """Set the password of the user whom a code invites, and give his name.

        Raises
        ------
        NotAllowed
            The code is unknown, used or too old.
        WrongArgument
            The password is not taken; the code stays good.
        """
        known = sa.select(users.c.id, users.c.name).join(invites, invites.c.user_id == users.c.id)
        known = known.where(invites.c.digest == _digest(code), invites.c.expires > at, users.c.active)
        with self._database.reading() as connection:
            user = connection.execute(known).first()
        if user is None:
            raise _no_good()
        hashed = hash_password(checked_password(user.name, password))
        with self._database.transaction() as connection:
            used = connection.execute(invites.delete().where(invites.c.digest == _digest(code)))
            if used.rowcount != 1:
                raise _no_good()  # somebody was faster with the same code
            connection.execute(users.update().where(users.c.id == user.id).values(password=hashed))
            connection.execute(sessions.delete().where(sessions.c.user_id == user.id))
            record(connection, Who(user.name, address), "user joined", user.name, at=at)
        return str(user.name)


def _no_good() -> NotAllowed:
    return NotAllowed(
        "this invitation is not good",
        why=f"an invitation is good once and for {INVITE_HOURS} hours",
        mend="ask an administrator for another: noria users invite NAME",
        code="N-SECURITY-046",
    )


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
