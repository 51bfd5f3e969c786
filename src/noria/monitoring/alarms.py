"""What a judged window does to the alerts: opens one, lets it grow, counts as clean, or makes it pointless."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.monitoring.alerts import Alert, Alerts, clear, open_or_grow, resolve
from noria.monitoring.tables import windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from noria.monitoring.alerts import AlertKind
    from noria.monitoring.performance import Performance
    from noria.monitoring.records import WindowRecord
    from noria.monitoring.settings import MonitorSettings
    from noria.store.database import Database

    Findings = Sequence[Mapping[str, object]]

__all__ = ["Alarms"]

_BROKEN = ("missing", "invalid", "unseen")
_MOVED = ("values", "outside")
_RECENT = 3


class Alarms:
    """The alerts that one look opens and resolves.

    Parameters
    ----------
    database : Database
        With this room's tables.
    model : str
        Whose windows.
    serving : int or None
        Only this version's windows count; None: those of every version do.
    settings : MonitorSettings
        Persistence, and how many clean windows resolve.
    now : datetime
        Time of the look.

    Attributes
    ----------
    opened, resolved : list of Alert
        What changed.
    """

    def __init__(
        self, database: Database, model: str, serving: int | None, settings: MonitorSettings, now: datetime
    ) -> None:
        self.database = database
        self.model = model
        self.serving = serving
        self.settings = settings
        self.now = now
        self.opened: list[Alert] = []
        self.resolved: list[Alert] = []

    def resolve_replaced(self) -> None:
        """Resolve the alerts of versions that no longer answer."""
        if self.serving is None:
            return
        for alert in Alerts(self.database).open(self.model):
            # That a version was tried and answers no more is what a rollout's alert tells.
            if alert.version == self.serving or alert.kind == "rollout":
                continue
            with self.database.transaction() as connection:
                text = f"version {alert.version} no longer answers: {self.serving} does"
                closed = resolve(connection, alert.id, now=self.now, resolution=text)
            if closed is not None:
                self.resolved.append(closed)

    def window(self, connection: sa.Connection, record: WindowRecord, *, since: datetime) -> None:
        """Take a newly judged window in, within the transaction that stores it.

        Parameters
        ----------
        connection : Connection
            Of that transaction.
        record : WindowRecord
            The window.
        since : datetime
            First arrival of what was judged: earlier than the window's own where small ones were taken together.
        """
        if record.drift is None or not self._counts(record):
            return
        broken = [finding for finding in record.flagged if finding["aspect"] in _BROKEN]
        if broken:
            self._raise(connection, record, "input", f"input looks broken: {_told(broken)}", broken, since)
        else:
            self._clear(connection, "input")
        moved = [finding for finding in record.flagged if finding["aspect"] in _MOVED]
        if not moved:
            self._clear(connection, "drift")
        elif self._drifted_lately(connection, record) >= self.settings.persistence:
            self._raise(connection, record, "drift", f"{_counted(moved)} drifted: {_told(moved)}", moved, since)

    def labels(self, connection: sa.Connection, record: WindowRecord, found: Performance) -> None:
        """Take a window's changed verdict on performance in, within the transaction that stores it."""
        if not self._counts(record):
            return
        if found.verdict == "worse":
            self._raise(connection, record, "performance", found.text, [found.to_json()], record.first_ts)
        elif found.verdict in ("fine", "suspect"):
            self._clear(connection, "performance")

    def _counts(self, record: WindowRecord) -> bool:
        return self.serving is None or record.version == self.serving

    def _drifted_lately(self, connection: sa.Connection, record: WindowRecord) -> int:
        recent = sa.select(windows.c.drift).where(
            windows.c.model == self.model,
            windows.c.version == record.version,
            windows.c.arm == record.arm,
            windows.c.drift.is_not(None),
        )
        results = connection.execute(recent.order_by(windows.c.id.desc()).limit(_RECENT)).scalars()
        return sum(_has_drift(result) for result in results)

    def _raise(
        self,
        connection: sa.Connection,
        record: WindowRecord,
        kind: AlertKind,
        text: str,
        findings: Findings,
        since: datetime,
    ) -> None:
        evidence = {
            "window": record.id,
            "starts": record.starts.isoformat(),
            "ends": record.ends.isoformat(),
            "rows": record.rows,
            "calibrated": bool(record.drift and record.drift["calibrated"]),
            "findings": [dict(finding) for finding in findings],
        }
        alert = open_or_grow(
            connection,
            model=self.model,
            version=record.version,
            kind=kind,
            severity="medium" if kind == "drift" else "high",
            since=since,
            text=text,
            evidence=evidence,
            now=self.now,
        )
        if alert is not None:
            self.opened.append(alert)

    def _clear(self, connection: sa.Connection, kind: AlertKind) -> None:
        alert = clear(connection, model=self.model, kind=kind, now=self.now, after=self.settings.resolve_after)
        if alert is not None:
            self.resolved.append(alert)


def _has_drift(result: object) -> bool:
    return isinstance(result, dict) and any(
        finding["flagged"] and finding["aspect"] in _MOVED for finding in result["findings"]
    )


def _counted(findings: Findings) -> str:
    """Say how many have moved; the prediction is no feature.

    Examples
    --------
    >>> _counted([{"name": "age"}, {"name": "age"}, {"name": "prediction"}])
    '1 feature and the prediction'
    >>> _counted([{"name": "age"}, {"name": "income"}])
    '2 features'
    >>> _counted([{"name": "prediction"}])
    'the prediction'
    """
    names = {str(finding["name"]) for finding in findings}
    count = len(names - {"prediction"})
    said = [f"{count} feature{'s' if count != 1 else ''}"] if count else []
    return " and ".join([*said, "the prediction"] if "prediction" in names else said)


def _told(findings: Iterable[Mapping[str, object]]) -> str:
    """Name the first three with what happened to them."""
    ordered = list({str(f["name"]): f for f in reversed(list(findings))}.values())[::-1]
    shown = "; ".join(f"{f['name']} ({f['detail']})" for f in ordered[:3])
    return shown + (f" and {len(ordered) - 3} more" if len(ordered) > 3 else "")
