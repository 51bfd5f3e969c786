"""Addresses that hear what happens in the registry: who wants what, what was sent, what was given up."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.automation.outbox import ATTEMPTS, wait_after
from noria.automation.tables import webhook_deliveries, webhooks
from noria.automation.webhook import send
from noria.errors import Conflict, NoriaError, NotFound, WrongArgument, WrongSetting, did_you_mean
from noria.registry.events import KINDS, any_waiting, hand_over
from noria.security.names import checked_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from noria.registry.events import RegistryEvent
    from noria.store.database import Database

__all__ = ["Delivery", "Hook", "Hooks"]

_KEPT = timedelta(days=30)
_AT_ONCE = 50
_MOST_SECRET = 4096


@dataclass(frozen=True)
class Hook:
    """An address that wants to hear of something.

    Parameters
    ----------
    id, name : int, str
        Each unique.
    url : str
        Where to: an address, or ``env:NAME``.
    secret : str
        Where the key of the signature is: ``env:NAME`` or ``file:/path``; empty: unsigned.
    events : tuple of str
        Kinds of events (see `noria.registry.events.KINDS`); ``*`` stands for anything.
    model : str
        Only of this model; empty: of all.
    allow_private : bool
        Permit private addresses.
    created, actor : datetime, str
        When it was added, and by whom.
    """

    id: int
    name: str
    url: str
    secret: str
    events: tuple[str, ...]
    model: str
    allow_private: bool
    created: datetime
    actor: str

    def wants(self, event: RegistryEvent) -> bool:
        """Say whether it is to be told of an event."""
        return (
            event.at >= self.created
            and self.model in ("", event.model)
            and any(fnmatchcase(event.kind, pattern) for pattern in self.events)
        )


@dataclass(frozen=True)
class Delivery:
    """A message to an address: ``waiting``, ``sent`` or ``failed`` for good."""

    id: int
    key: str
    event: str
    created: datetime
    state: str
    attempts: int
    next_at: datetime
    error: str


class Hooks:
    """The addresses of a database.

    Parameters
    ----------
    database : Database
        With the tables of this room and of the registry.
    environment : mapping, optional
        Where ``env:`` looks.
    """

    def __init__(self, database: Database, environment: Mapping[str, str] = os.environ) -> None:
        self.database = database
        self.environment = environment

    def add(
        self,
        name: str,
        url: str,
        *,
        now: datetime,
        events: Sequence[str] = ("*",),
        secret: str = "",
        model: str = "",
        allow_private: bool = False,
        actor: str = "",
    ) -> Hook:
        """Add an address; it hears of what happens from now on.

        Raises
        ------
        WrongArgument
            The URL, an event or the secret is none; a key itself is not taken, only where it is.
        Conflict
            The name is taken.
        """
        checked_name("webhook", name)
        _check(url, secret, events)
        row: dict[str, object] = {
            "name": name,
            "url": url,
            "secret": secret,
            "events": list(events),
            "model": model,
            "allow_private": allow_private,
            "created": now,
            "actor": actor,
        }
        try:
            with self.database.transaction() as connection:
                connection.execute(sa.insert(webhooks), row)
        except IntegrityError as error:
            raise Conflict(
                f"there is a webhook {name} already",
                mend=f"noria webhooks remove {name}, or choose another name",
                code="N-AUTOMATION-020",
            ) from error
        return self.get(name)

    def list(self) -> tuple[Hook, ...]:
        """Give all addresses by name."""
        with self.database.reading() as connection:
            return _hooks(connection)

    def get(self, name: str) -> Hook:
        """Give one address.

        Raises
        ------
        NotFound
            There is none of the name.
        """
        found = {hook.name: hook for hook in self.list()}
        if name not in found:
            raise NotFound(
                f"there is no webhook {name!r}",
                why=did_you_mean(name, found),
                mend="noria webhooks list",
                code="N-AUTOMATION-021",
            )
        return found[name]

    def remove(self, name: str) -> None:
        """Take an address away; what was on its way to it is not sent.

        Raises
        ------
        NotFound
            There is none of the name.
        """
        own = self.get(name).id
        with self.database.transaction() as connection:
            connection.execute(sa.delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == own))
            connection.execute(sa.delete(webhooks).where(webhooks.c.id == own))

    def deliveries(self, name: str, *, limit: int = 50) -> tuple[Delivery, ...]:
        """Give what was sent to an address, newest first."""
        own = webhook_deliveries.c
        shown = (own.id, own.key, own.event, own.created, own.state, own.attempts, own.next_at, own.error)
        query = sa.select(*shown).where(own.webhook_id == self.get(name).id).order_by(own.id.desc()).limit(limit)
        with self.database.reading() as connection:
            return tuple(Delivery(*row) for row in connection.execute(query))

    def test(self, name: str, *, now: datetime) -> None:
        """Send a message to an address at once, and tell what became of it.

        Raises
        ------
        NoriaError
            It did not get there: see `noria.automation.webhook.send`.
        """
        hook = self.get(name)
        text = f"noria: a test of the webhook {name}"
        self._post(hook, {"event": "test", "at": now.isoformat(), "text": text}, uuid.uuid4().hex, "test", now)

    def deliver(self, *, now: datetime) -> int:
        """Hand new events out and send what is due; give the number that got through."""
        while self._hand_out(now):
            pass
        own = webhook_deliveries.c
        due = sa.select(webhook_deliveries).where(own.state == "waiting", own.next_at <= now)
        with self.database.reading() as connection:
            waiting = connection.execute(due.order_by(own.id).limit(_AT_ONCE)).mappings().all()
            hooks = {hook.id: hook for hook in _hooks(connection)} if waiting else {}
        sent, silent = 0, set()
        for row in waiting:
            hook = hooks.get(row["webhook_id"])
            # One that does not answer costs seconds: the others are not to wait for it more than once.
            if hook is None or hook.id in silent:
                continue
            got_through = self._attempt(hook, row, now)
            sent += got_through
            if not got_through:
                silent.add(hook.id)
        return sent

    def _hand_out(self, now: datetime) -> bool:
        """Give some events to those who want them; gives whether there may be more."""
        with self.database.reading() as connection:
            if not any_waiting(connection):
                return False
            hooks = _hooks(connection)
        with self.database.transaction() as connection:
            events = hand_over(connection, now=now)
            rows = [
                {
                    "webhook_id": hook.id,
                    "key": uuid.uuid4().hex,
                    "event": event.kind,
                    "created": now,
                    "payload": event.to_json(),
                    "state": "waiting",
                    "attempts": 0,
                    "next_at": now,
                    "error": "",
                }
                for event in events
                for hook in hooks
                if hook.wants(event)
            ]
            if rows:
                connection.execute(sa.insert(webhook_deliveries), rows)
                own = webhook_deliveries.c
                old = sa.and_(own.state != "waiting", own.created < now - _KEPT)
                connection.execute(sa.delete(webhook_deliveries).where(old))
        return bool(events)

    def _attempt(self, hook: Hook, row: sa.RowMapping, now: datetime) -> bool:
        attempts = row["attempts"] + 1
        own = webhook_deliveries.c
        mine = sa.update(webhook_deliveries).where(
            own.id == row["id"], own.attempts == row["attempts"], own.state == "waiting"
        )
        with self.database.transaction() as connection:
            # Counted before it is sent: of two who deliver one gets it, and a crash leads to a later attempt.
            if not connection.execute(mine, {"attempts": attempts, "next_at": now + wait_after(attempts)}).rowcount:
                return False
        error = ""
        try:
            self._post(hook, row["payload"], row["key"], row["event"], now)
        except NoriaError as failure:
            error = f"{failure.what}: {failure.why}" if failure.why else failure.what
        state = "sent" if not error else "failed" if attempts >= ATTEMPTS else "waiting"
        with self.database.transaction() as connection:
            done = sa.update(webhook_deliveries).where(own.id == row["id"])
            connection.execute(done, {"state": state, "error": error[:500]})
        return not error

    def _post(self, hook: Hook, payload: Mapping[str, object], key: str, event: str, now: datetime) -> None:
        url, secret = self._resolved(hook, hook.url), self._resolved(hook, hook.secret)
        send(url, payload, key=key, secret=secret, allow_private=hook.allow_private, event=event, now=now)

    def _resolved(self, hook: Hook, value: str) -> str:
        kind, _, rest = value.partition(":")
        if kind == "env":
            found = self.environment.get(rest, "")
            why = f"the environment variable {rest} is not set where messages are sent from"
        elif kind == "file":
            found, why = _read(Path(rest)), f"{rest} cannot be read, or is empty"
        else:
            return value
        if not found:
            raise WrongSetting(
                f"the webhook {hook.name} lacks its key or address",
                why=why,
                mend="set it where noria up or noria ui runs",
                code="N-AUTOMATION-022",
            )
        return found


def _read(path: Path) -> str:
    try:
        with path.open("rb") as content:
            return content.read(_MOST_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _check(url: str, secret: str, events: Sequence[str]) -> None:
    if not url.startswith(("http://", "https://", "env:")) or not url.partition(":")[2].strip("/"):
        raise WrongArgument(
            f"{url[:80]!r} is no address of a webhook",
            mend="write https://example.org/hook, or env:NAME where the address itself is a secret",
            code="N-AUTOMATION-023",
        )
    if secret and not (secret.startswith(("env:", "file:/")) and secret.partition(":")[2]):
        raise WrongArgument(
            "a key is not kept in the database",
            why="what was given neither begins with env: nor with file:/",
            mend="say where it is: --secret env:NAME, or --secret file:/path",
            code="N-AUTOMATION-024",
        )
    for pattern in events:
        if not any(fnmatchcase(kind, pattern) for kind in KINDS):
            raise WrongArgument(
                f"no event is called {pattern[:80]!r}",
                why=did_you_mean(pattern, KINDS),
                mend=f"choose among {', '.join(KINDS)}; * stands for anything",
                code="N-AUTOMATION-025",
            )
    if not events:
        raise WrongArgument("a webhook wants to hear of something", mend="--event '*'", code="N-AUTOMATION-026")


def _hooks(connection: sa.Connection) -> tuple[Hook, ...]:
    rows = connection.execute(sa.select(webhooks).order_by(webhooks.c.name)).mappings()
    return tuple(Hook(**{**row, "events": tuple(row["events"])}) for row in rows)
