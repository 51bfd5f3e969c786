"""Claims on a cause: several loops may see it, one acts on it, and one automatic run goes at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.automation.tables import firings
from noria.store.process import is_alive, this_process

if TYPE_CHECKING:
    from datetime import datetime

    from noria.store.database import Database

__all__ = ["Firing", "Firings"]

_FOREIGN = timedelta(hours=12)
"""A claim held on another machine, whose processes cannot be seen from here, is given up after this."""


@dataclass(frozen=True)
class Firing:
    """One claim.

    Parameters
    ----------
    id : int
        Number.
    key : str
        The cause: ``cron:…``, ``data:changed``, ``alert:7``.
    due : datetime
        The moment it is for.
    token : str
        State of the data, for triggers on data.
    state : str
        ``seen`` (nothing to do yet), ``running``, ``done``, ``failed`` or ``lost``.
    """

    id: int
    key: str
    due: datetime
    token: str
    state: str
    started: datetime
    ended: datetime | None
    run_id: str


class Firings:
    """The claims of one model.

    Parameters
    ----------
    database : Database
        With this room's tables.
    model : str
        Whose runs.
    """

    def __init__(self, database: Database, model: str) -> None:
        self.database = database
        self.model = model

    def last(self, key: str) -> Firing | None:
        """Give the newest claim on a cause."""
        query = sa.select(firings).where(firings.c.model == self.model, firings.c.key == key)
        with self.database.reading() as connection:
            row = connection.execute(query.order_by(firings.c.id.desc()).limit(1)).mappings().first()
        return None if row is None else _firing(row)

    def note(self, key: str, *, now: datetime, token: str = "") -> None:
        """Remember from when on, or from which state of the data on, a cause counts."""
        self._insert(key, after=0, due=now, token=token, state="seen", now=now)

    def claim(self, key: str, *, after: Firing | None, due: datetime, now: datetime, token: str = "") -> Firing | None:
        """Take a cause on, unless somebody else has, or another automatic run of the model is going.

        Parameters
        ----------
        key : str
            The cause.
        after : Firing or None
            The newest claim that was known when it was decided to act.
        due, now : datetime
            The moment it is for, and the present.
        token : str
            State of the data.
        """
        self._give_up_dead(now)
        return self._insert(key, after=after.id if after else 0, due=due, token=token, state="running", now=now)

    def finish(self, firing: Firing, *, state: str, now: datetime, run_id: str = "") -> None:
        """Let a claim go."""
        values = {"state": state, "ended": now, "run_id": run_id}
        with self.database.transaction() as connection:
            connection.execute(sa.update(firings).where(firings.c.id == firing.id), values)

    def _insert(self, key: str, *, after: int, due: datetime, token: str, state: str, now: datetime) -> Firing | None:
        values = {
            "model": self.model,
            "key": key,
            "after": after,
            "due": due,
            "token": token,
            "state": state,
            "holder": this_process(),
            "started": now,
            "run_id": "",
        }
        try:
            with self.database.transaction() as connection:
                row = connection.execute(sa.insert(firings).values(values).returning(firings)).mappings().one()
        except IntegrityError:
            return None
        return _firing(row)

    def _give_up_dead(self, now: datetime) -> None:
        with self.database.transaction() as connection:
            running = sa.select(firings.c.id, firings.c.holder, firings.c.started).where(
                firings.c.model == self.model, firings.c.state == "running"
            )
            for number, held_by, started in connection.execute(running).all():
                if not _alive(held_by, now - started):
                    gone = sa.update(firings).where(firings.c.id == number, firings.c.state == "running")
                    connection.execute(gone, {"state": "lost", "ended": now})


def _alive(held_by: str, age: timedelta) -> bool:
    known = is_alive(held_by)
    return age < _FOREIGN if known is None else known


def _firing(row: sa.RowMapping) -> Firing:
    names = ("id", "key", "due", "token", "state", "started", "ended", "run_id")
    return Firing(**{name: row[name] for name in names})
