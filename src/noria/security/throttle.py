"""How often a password may be tried.

In the database, so that several processes count together and a restart forgets nothing. Counted before the password
is looked at: a hundred attempts at once are a hundred attempts.
"""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import NotAllowed
from noria.security.tables import throttles as table
from noria.store.database import upsert

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["FREE_ATTEMPTS", "Throttle", "TooManyAttempts"]

FREE_ATTEMPTS = 5
"""In a minute; then each further attempt doubles the wait."""

_MINUTE = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)
_FORGET = timedelta(hours=24)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class TooManyAttempts(NotAllowed):
    """A password was tried too often."""

    retry_seconds: int = 60

    @classmethod
    def wait(cls, remaining: timedelta) -> TooManyAttempts:
        """Make the error for a wait."""
        seconds = max(1, -(-remaining // timedelta(seconds=1)))
        error = cls(
            "too many attempts to log in",
            why=f"from this address and for this user; the next is allowed in {seconds} seconds",
            mend="wait; who has forgotten the password asks an administrator for a new invitation",
            code="N-SECURITY-032",
        )
        error.retry_seconds = seconds
        return error


class Throttle:
    """Counts attempts.

    Parameters
    ----------
    database : Database
        Where they are counted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def attempt(self, account: str, address: str, *, now: datetime) -> int:
        """Count an attempt, and give how many there have been since the last success.

        Parameters
        ----------
        account : str
            The user's key, whether he exists or not.
        address : str
            Of the client.

        Raises
        ------
        TooManyAttempts
            It comes too early; it is not counted.
        """
        key = _key(account, address)
        with self._database.transaction() as connection:
            # On PostgreSQL two first attempts at once must not both see nothing: the row is there before it is read.
            fresh = {"key": key, "attempts": 0, "last": now, "until": _NEVER}
            upsert(connection, table, fresh, key=("key",), update=())
            row = connection.execute(sa.select(table).where(table.c.key == key).with_for_update()).one()
            _refuse_early(row.until, now)
            quiet = now - row.last
            forgotten = quiet > _FORGET or (row.attempts < FREE_ATTEMPTS and quiet > _MINUTE)
            attempts = 1 if forgotten else row.attempts + 1
            wait = timedelta(0)
            if attempts >= FREE_ATTEMPTS:
                wait = min(_LONGEST, _MINUTE * 2 ** min(attempts - FREE_ATTEMPTS, 10))
            connection.execute(
                table.update().where(table.c.key == key).values(attempts=attempts, last=now, until=now + wait)
            )
            connection.execute(table.delete().where(table.c.last < now - 2 * _FORGET))
        return attempts

    def allow(self, account: str, address: str, *, now: datetime) -> None:
        """Refuse while an attempt would be refused, and count nothing.

        Raises
        ------
        TooManyAttempts
            It comes too early.
        """
        with self._database.reading() as connection:
            until = connection.execute(sa.select(table.c.until).where(table.c.key == _key(account, address))).scalar()
        if until is not None:
            _refuse_early(until, now)

    def clear(self, account: str, address: str) -> None:
        """Forget the attempts: the last one succeeded."""
        with self._database.transaction() as connection:
            connection.execute(table.delete().where(table.c.key == _key(account, address)))


def _refuse_early(until: datetime, now: datetime) -> None:
    # A clock that was set back must lock nobody out for longer than the longest wait.
    if now < until <= now + _LONGEST:
        raise TooManyAttempts.wait(until - now)


def _key(account: str, address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        parsed = None
    if isinstance(parsed, ipaddress.IPv6Address):
        # Whoever has one address of version 6 has the 2^64 beside it, too.
        mapped = parsed.ipv4_mapped
        address = str(mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    # Hashed: people type passwords where the name belongs.
    return hashlib.sha256(f"{address}\n{account}".encode("utf-8", "replace")).hexdigest()
