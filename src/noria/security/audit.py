"""Who did what to users and rights, each entry bound to the one before by its hash.

``hash = sha256(hash of the entry before + canonical JSON of this entry)``: an entry that was changed, left out or
put in breaks the chain from there on. The order is that of `seq`, not of the clock. Whoever owns the database can
write the whole chain anew, or cut its end; only a copy of the newest hash kept elsewhere shows that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.security.tables import security_events as table
from noria.store.blobs import canonical_json
from noria.store.columns import to_micros

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.store.database import Database

__all__ = ["Entry", "Who", "entries", "first_broken", "record"]

_START = "0" * 64
_LOCK_NUMBER = 0x6E6F7261  # the advisory lock that lets one writer append at a time on PostgreSQL
_COLUMNS = (table.c.seq, table.c.at, table.c.actor, table.c.action, table.c.subject, table.c.address, table.c.detail)


@dataclass(frozen=True)
class Who:
    """Who does something, and from where.

    Parameters
    ----------
    name : str
        A user of noria, or the account of the host with what it used: ``ada (command line)``.
    address : str
        Of the client; empty on the host itself.
    """

    name: str
    address: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    address: str
    detail: Mapping[str, object]
    hash: str

    def to_json(self) -> dict[str, object]:
        """Give the entry as JSON."""
        body = _body(self.seq, self.at, self.actor, self.action, self.subject, self.address, self.detail)
        return body | {"at": self.at.isoformat(), "hash": self.hash}


def record(
    connection: sa.Connection,
    who: Who,
    action: str,
    subject: str,
    *,
    at: datetime,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Append an entry, in the transaction of what it tells.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    who : Who
        Who did it.
    action : str
        What: ``login``, ``token made``.
    subject : str
        To whom or what. Never a secret, and nothing that a stranger typed.
    at : datetime
        When.
    detail : mapping, optional
        More, as JSON.
    """
    if connection.dialect.name == "postgresql":
        # SQLite lets one writer in anyway.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
    last = connection.execute(sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)).first()
    seq, before = (last.seq + 1, last.hash) if last else (1, _START)
    body = _body(seq, at, who.name, action, subject, who.address, detail or {})
    row = body | {"at": at, "hash": _link(before, body)}
    connection.execute(table.insert(), row)


def entries(database: Database, *, limit: int = 100) -> tuple[Entry, ...]:
    """Give the newest entries, newest first."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.seq.desc()).limit(limit)).all()
    return tuple(Entry(*row) for row in rows)


def first_broken(database: Database) -> int | None:
    """Give the place of the first entry that does not follow from the one before, or None when all do."""
    before, expected = _START, 1
    with database.reading() as connection:
        statement = sa.select(*_COLUMNS, table.c.hash).order_by(table.c.seq)
        with connection.execution_options(yield_per=1000).execute(statement) as rows:
            for *fields, kept in rows:
                if fields[0] != expected or kept != _link(before, _body(*fields)):
                    return expected
                before, expected = kept, expected + 1
    return None


def _body(
    seq: int, at: datetime, actor: str, action: str, subject: str, address: str, detail: Mapping[str, object]
) -> dict[str, object]:
    return {
        "seq": seq,
        "at": to_micros(at),
        "actor": actor,
        "action": action,
        "subject": subject,
        "address": address,
        "detail": detail,
    }


def _link(before: str, body: Mapping[str, object]) -> str:
    return hashlib.sha256(f"{before}{canonical_json(body)}".encode()).hexdigest()
