"""Names and passwords, asked for slowly enough that guessing does not pay."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import NotAllowed
from noria.security.audit import Who, record
from noria.security.passwords import is_password
from noria.security.tables import users
from noria.security.throttle import FREE_ATTEMPTS, Throttle
from noria.security.users import Users, user_key

if TYPE_CHECKING:
    from datetime import datetime

    from noria.security.users import User
    from noria.store.database import Database

__all__ = ["Login", "WrongCredentials"]

_REMEMBERED = 256


class WrongCredentials(NotAllowed):
    """The name or the password is wrong; which one is not said."""


class Login:
    """Checks names and passwords.

    A password that was right is remembered as a keyed hash beside the stored one it belongs to, in this process only:
    clients that send it with every request (MLflow's basic credentials) then cost no argon2 each time. It is of no
    use once the stored hash changes.

    Parameters
    ----------
    database : Database
        Where the users are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._users = Users(database)
        self._throttle = Throttle(database)
        self._secret = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, name: str, password: str, *, address: str, at: datetime, remembered: bool = False) -> User:
        """Give the user whose name and password these are.

        Parameters
        ----------
        name, password : str
            What was typed or sent.
        address : str
            Of the client.
        at : datetime
            When.
        remembered : bool
            Whether a password that this process found right before may be taken without asking argon2 again.

        Raises
        ------
        WrongCredentials
            They belong to nobody who is let in.
        TooManyAttempts
            It was tried too often.
        """
        key = user_key(name[:200])
        row = None
        # What cannot be printed is nobody's name, and is no text that a database takes.
        if key.isprintable():
            with self._database.reading() as connection:
                row = connection.execute(sa.select(users).where(users.c.key == key)).first()
        kept = row.password if row is not None and row.active else ""
        mark = self._mark(key, password)
        if row is not None and remembered and kept and self._is_right(mark, kept):
            # Not while attempts are refused: the quick way would tell a guesser what the slow one does not.
            self._throttle.allow(key, address, now=at)
            return self._users.by_id(row.id)
        attempts = self._throttle.attempt(key, address, now=at)
        right = is_password(kept, password)
        # Somebody's typed name may be his password: only names of users are written down.
        who = Who("nobody" if row is None else row.name, address)
        with self._database.transaction() as connection:
            if not right:
                action = "login refused" if attempts < FREE_ATTEMPTS else "login refused and throttled"
                record(connection, who, action, who.name, at=at, detail={"attempts": attempts})
            else:
                record(connection, who, "login", who.name, at=at)
        if row is None or not right:
            raise WrongCredentials(
                "the name or the password is wrong",
                mend="try again; who has forgotten the password asks an administrator for an invitation",
                code="N-SECURITY-033",
            )
        self._throttle.clear(key, address)
        with self._lock:
            self._right[mark] = kept
            self._right.move_to_end(mark)
            while len(self._right) > _REMEMBERED:
                self._right.popitem(last=False)
        return self._users.by_id(row.id)

    def _mark(self, key: str, password: str) -> bytes:
        text = f"{len(key)}:{key}{password}".encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).digest()

    def _is_right(self, mark: bytes, kept: str) -> bool:
        with self._lock:
            return hmac.compare_digest(self._right.get(mark, ""), kept)
