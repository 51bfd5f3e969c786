"""Alerts as rows: one open alert per model and kind, that grows, is answered, muted, and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.errors import NotFound, WrongArgument
from noria.monitoring.insertion import insert_first
from noria.monitoring.tables import alerts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.store.database import Database

__all__ = ["Alert", "AlertKind", "AlertNotFound", "Alerts", "clear", "open_or_grow", "resolve"]

AlertKind = Literal["answers", "drift", "input", "performance", "rollout"]
State = Literal["open", "resolved"]


class AlertNotFound(NotFound):
    """No alert has this number."""


@dataclass(frozen=True)
class Alert:
    """One alert.

    Parameters
    ----------
    id, model, version, kind, severity
        ``input``: values missing, unreadable or of a kind never seen; ``drift``: features or answers moved;
        ``performance``: proven worse than on the held-out rows; ``rollout``: a version that was tried went back or
        waits for somebody; ``answers``: what was answered is not what the model's library computes.
    state : str
        ``open`` or ``resolved``.
    opened, updated, resolved : datetime
        Times.
    since : datetime
        Begin of the first window it is about: where the new period starts.
    text : str
        One line for people.
    windows, clean : int
        Windows with the finding, and windows without it in a row since.
    evidence : mapping
        JSON: the last window's findings.
    muted_until, muted_by, muted_reason
        Nobody is told and nothing is done before then.
    """

    id: int
    model: str
    version: int
    kind: AlertKind
    severity: str
    state: State
    opened: datetime
    updated: datetime
    resolved: datetime | None
    resolution: str
    since: datetime
    text: str
    windows: int
    clean: int
    evidence: Mapping[str, object]
    muted_until: datetime | None
    muted_by: str
    muted_reason: str

    def muted(self, now: datetime) -> bool:
        """Say whether it is muted at a moment."""
        return self.muted_until is not None and now < self.muted_until

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {
            "id": self.id,
            "model": self.model,
            "version": self.version,
            "kind": self.kind,
            "severity": self.severity,
            "state": self.state,
            "opened": self.opened.isoformat(),
            "updated": self.updated.isoformat(),
            "resolved": None if self.resolved is None else self.resolved.isoformat(),
            "resolution": self.resolution,
            "since": self.since.isoformat(),
            "text": self.text,
            "windows": self.windows,
            "evidence": dict(self.evidence),
            "muted_until": None if self.muted_until is None else self.muted_until.isoformat(),
            "muted_reason": self.muted_reason,
        }


class Alerts:
    """The alerts of all models.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def open(self, model: str | None = None) -> tuple[Alert, ...]:
        """Give the open alerts, oldest first."""
        query = sa.select(alerts).where(alerts.c.state == "open").order_by(alerts.c.opened, alerts.c.id)
        if model is not None:
            query = query.where(alerts.c.model == model)
        with self.database.reading() as connection:
            return tuple(_alert(row) for row in connection.execute(query).mappings())

    def list(self, model: str | None = None, *, limit: int = 50) -> tuple[Alert, ...]:
        """Give the newest alerts, open and resolved, newest first."""
        query = sa.select(alerts).order_by(alerts.c.opened.desc(), alerts.c.id.desc()).limit(limit)
        if model is not None:
            query = query.where(alerts.c.model == model)
        with self.database.reading() as connection:
            return tuple(_alert(row) for row in connection.execute(query).mappings())

    def get(self, number: int) -> Alert:
        """Give one alert.

        Raises
        ------
        AlertNotFound
            There is no such alert.
        """
        row = None
        if number < 1 << 63:  # what the database can hold
            with self.database.reading() as connection:
                row = connection.execute(sa.select(alerts).where(alerts.c.id == number)).mappings().first()
        if row is None:
            raise AlertNotFound(f"no alert {number}", mend="noria alerts list", code="N-MONITOR-020")
        return _alert(row)

    def mute(self, number: int, *, until: datetime, actor: str, reason: str, now: datetime) -> Alert:
        """Keep an alert quiet until a moment: nobody is told, automation leaves it alone.

        Raises
        ------
        AlertNotFound
            There is no such alert.
        WrongArgument
            There is no reason, or the end is not in the future.
        """
        if not reason.strip():
            raise WrongArgument(
                "an alert is muted for a reason", mend='noria alerts mute 3 --reason "known"', code="N-MONITOR-021"
            )
        if until <= now:
            raise WrongArgument(
                f"muting until {until.isoformat()} has no effect: that is past",
                mend="give a time to come, as --for 1d",
                code="N-MONITOR-022",
            )
        self.get(number)
        values = {"muted_until": until, "muted_by": actor, "muted_reason": reason.strip()}
        with self.database.transaction() as connection:
            connection.execute(sa.update(alerts).where(alerts.c.id == number), values)
        return self.get(number)

    def resolve(self, number: int, *, now: datetime, resolution: str) -> None:
        """Close an alert by hand or because what it is about is gone."""
        with self.database.transaction() as connection:
            resolve(connection, number, now=now, resolution=resolution)


def open_or_grow(
    connection: sa.Connection,
    *,
    model: str,
    version: int,
    kind: AlertKind,
    severity: str,
    since: datetime,
    text: str,
    evidence: Mapping[str, object],
    now: datetime,
) -> Alert | None:
    """Open an alert, or add a window to the one that is open; give it only when it is new."""
    columns = {"version": version, "updated": now, "text": text, "evidence": dict(evidence), "clean": 0}
    grow = (
        sa.update(alerts)
        .where(alerts.c.model == model, alerts.c.kind == kind, alerts.c.state == "open")
        .values(**columns, windows=alerts.c.windows + 1, severity=severity)
    )
    if connection.execute(grow).rowcount:
        return None
    values = {
        "model": model,
        "kind": kind,
        "severity": severity,
        "state": "open",
        "opened": now,
        "resolution": "",
        "since": since,
        "windows": 1,
        "muted_by": "",
        "muted_reason": "",
        **columns,
    }
    row = insert_first(connection, alerts, values)
    if row is None:
        # Another process opened it between the two statements.
        connection.execute(grow)
        return None
    return _alert(row)


def clear(connection: sa.Connection, *, model: str, kind: AlertKind, now: datetime, after: int) -> Alert | None:
    """Count a clean window against the open alert; resolve it after so many in a row, and give it then."""
    row = (
        connection.execute(
            sa.update(alerts)
            .where(alerts.c.model == model, alerts.c.kind == kind, alerts.c.state == "open")
            .values(clean=alerts.c.clean + 1)
            .returning(alerts)
        )
        .mappings()
        .first()
    )
    if row is None or row["clean"] < after:
        return None
    plural = "s" if after > 1 else ""
    return resolve(connection, row["id"], now=now, resolution=f"{after} clean window{plural} in a row")


def resolve(connection: sa.Connection, number: int, *, now: datetime, resolution: str) -> Alert | None:
    """Close an open alert."""
    row = (
        connection.execute(
            sa.update(alerts)
            .where(alerts.c.id == number, alerts.c.state == "open")
            .values(state="resolved", resolved=now, updated=now, resolution=resolution)
            .returning(alerts)
        )
        .mappings()
        .first()
    )
    return None if row is None else _alert(row)


def _alert(row: sa.RowMapping) -> Alert:
    return Alert(**row)
