"""Messages that must get out: written with the decision, sent later, tried again, never sent twice on purpose."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.automation.tables import outbox
from noria.automation.webhook import send
from noria.errors import NoriaError
from noria.store.database import upsert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.store.database import Database

__all__ = ["ATTEMPTS", "Outbox", "Webhook", "wait_after"]

_LOG = logging.getLogger("noria.automation")
ATTEMPTS = 10
"""After so many a message is given up."""

_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True)
class Webhook:
    """Where messages go.

    Parameters
    ----------
    url, secret : str
        Address and signing key, read from the environment already.
    allow_private : bool
        Permit private addresses.
    """

    url: str
    secret: str = ""
    allow_private: bool = False


class Outbox:
    """Messages on their way.

    Parameters
    ----------
    database : Database
        With this room's tables.
    webhook : Webhook, optional
        Beside the log, which gets every message.
    """

    def __init__(self, database: Database, webhook: Webhook | None = None) -> None:
        self.database = database
        self.webhook = webhook

    def put(self, key: str, payload: Mapping[str, object], *, now: datetime) -> None:
        """Keep a message for every channel; the same key is one message, however often it is put."""
        values = {
            "key": key,
            "created": now,
            "payload": dict(payload),
            "state": "waiting",
            "attempts": 0,
            "next_at": now,
            "error": "",
        }
        channels = ["log", *(["webhook"] if self.webhook else [])]
        with self.database.transaction() as connection:
            for channel in channels:
                upsert(connection, outbox, {**values, "channel": channel}, key=("key", "channel"), update=())

    def deliver(self, *, now: datetime) -> int:
        """Send what is due; give the number that got through."""
        due = sa.select(outbox).where(outbox.c.state == "waiting", outbox.c.next_at <= now).order_by(outbox.c.id)
        with self.database.reading() as connection:
            waiting = connection.execute(due.limit(100)).mappings().all()
        return sum(self._send(row, now=now) for row in waiting if row["channel"] == "log" or self.webhook)

    def _send(self, row: sa.RowMapping, *, now: datetime) -> bool:
        attempts = row["attempts"] + 1
        wait = wait_after(attempts)
        mine = sa.update(outbox).where(
            outbox.c.id == row["id"], outbox.c.attempts == row["attempts"], outbox.c.state == "waiting"
        )
        with self.database.transaction() as connection:
            # Counted before it is sent: of two loops one gets it, and a crash leads to a later attempt.
            if not connection.execute(mine, {"attempts": attempts, "next_at": now + wait}).rowcount:
                return False
        error = ""
        try:
            self._through(row["channel"], row["key"], row["payload"], now=now)
        except NoriaError as failure:
            error = f"{failure.what}: {failure.why}" if failure.why else failure.what
        state = "sent" if not error else "failed" if attempts >= ATTEMPTS else "waiting"
        with self.database.transaction() as connection:
            connection.execute(
                sa.update(outbox).where(outbox.c.id == row["id"]), {"state": state, "error": error[:500]}
            )
        return not error

    def _through(self, channel: str, key: str, payload: Mapping[str, object], *, now: datetime) -> None:
        if channel == "log":
            _LOG.warning("%s", payload.get("text", ""))
        elif self.webhook is not None:
            hook = self.webhook
            send(hook.url, payload, key=key, secret=hook.secret, allow_private=hook.allow_private, now=now)


def wait_after(attempts: int) -> timedelta:
    """Give how long to wait after so many attempts in vain: twice as long each time, up to six hours.

    Examples
    --------
    >>> wait_after(1), wait_after(3), wait_after(30)
    (datetime.timedelta(seconds=30), datetime.timedelta(seconds=120), datetime.timedelta(seconds=21600))
    """
    return min(_FIRST_WAIT * (1 << min(attempts - 1, 20)), _LONGEST_WAIT)
