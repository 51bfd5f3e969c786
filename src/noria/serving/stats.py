"""What a serving process counts, and the rows it leaves for the pages and for Prometheus."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.serving.latency import Histogram
from noria.serving.tables import serving_loads, serving_minutes, serving_processes
from noria.store.database import upsert

if TYPE_CHECKING:
    from datetime import datetime

    from noria.serving.rollout import ArmName
    from noria.store.database import Database

__all__ = ["Load", "Minute", "Outcome", "Process", "Stats", "Traffic"]

Outcome = Literal["answered", "refused", "failed"]
"""2xx; 4xx: the caller's fault; 5xx: ours."""

_MINUTE = timedelta(minutes=1)
_REJECTED = "N-SERVING-013"
"""What a canary is given up with; see `noria.serving.endpoint`."""


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    rows: int = 0
    refused: int = 0
    failed: int = 0
    latency: Histogram = field(default_factory=Histogram)

    def count(self, outcome: Outcome, rows: int, seconds: float) -> None:
        self.requests += 1
        self.rows += rows
        if outcome == "refused":
            self.refused += 1
        elif outcome == "failed":
            self.failed += 1
        self.latency.add(seconds)


@dataclass(frozen=True, slots=True)
class _Running:
    """Where the requests of this minute are counted: most come in the same minute as the one before."""

    key: tuple[int, ArmName, datetime]
    begins: datetime
    ends: datetime
    minute: _Counts
    total: _Counts


class Stats:
    """Counters of one process, written to the database now and then.

    Parameters
    ----------
    database : Database or None
        With this room's tables; None where counters are only shown by ``/metrics``.
    process : str
        Id of the process.
    model : str
        Whose requests.
    """

    def __init__(self, database: Database | None, process: str, model: str) -> None:
        self._database = database
        self._process = process
        self._model = model
        self._lock = threading.Lock()
        self._minutes: dict[tuple[int, ArmName, datetime], _Counts] = {}
        self._changed: set[tuple[int, ArmName, datetime]] = set()
        self._running: dict[tuple[int, ArmName], _Running] = {}
        self.totals: dict[tuple[int, ArmName], _Counts] = {}

    def count(self, version: int, arm: ArmName, outcome: Outcome, rows: int, seconds: float, at: datetime) -> None:
        """Count one request; version 0 where none was asked."""
        with self._lock:
            running = self._running.get((version, arm))
            if running is None or not running.begins <= at < running.ends:
                running = self._begin(version, arm, at.replace(second=0, microsecond=0))
            running.minute.count(outcome, rows, seconds)
            running.total.count(outcome, rows, seconds)
            self._changed.add(running.key)

    def flush(self) -> None:
        """Write the minutes that changed since the last time."""
        with self._lock:
            changed, self._changed = self._changed, set()
            rows = [
                {
                    "process": self._process,
                    "model": self._model,
                    "version": version,
                    "arm": arm,
                    "minute": minute,
                    "requests": counts.requests,
                    "rows": counts.rows,
                    "refused": counts.refused,
                    "failed": counts.failed,
                    "seconds": counts.latency.seconds,
                    "histogram": list(counts.latency.counts),
                }
                for version, arm, minute in changed
                for counts in (self._minutes[version, arm, minute],)
            ]
            newest = max((minute for _, _, minute in self._minutes), default=None)
            for key in [key for key in self._minutes if key[2] != newest]:
                if key not in changed:
                    del self._minutes[key]
                    self._running.pop(key[:2], None)
        if not rows or self._database is None:
            return
        try:
            with self._database.transaction() as connection:
                upsert(connection, serving_minutes, rows, key=("process", "model", "version", "arm", "minute"))
        except BaseException:
            with self._lock:
                self._changed |= changed
            raise

    def _begin(self, version: int, arm: ArmName, begins: datetime) -> _Running:
        key = (version, arm, begins)
        made = self._running[version, arm] = _Running(
            key,
            begins,
            begins + _MINUTE,
            self._minutes.setdefault(key, _Counts()),
            self.totals.setdefault((version, arm), _Counts()),
        )
        return made


@dataclass(frozen=True)
class Minute:
    """The requests of one version in one minute, of all processes together."""

    minute: datetime
    version: int
    arm: str
    requests: int
    rows: int
    refused: int
    failed: int
    seconds: float
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class Load:
    """One try to bring a version into a process."""

    process: str
    model: str
    version: int
    at: datetime
    ok: bool
    seconds: float
    engine: str
    error: dict[str, str] | None


@dataclass(frozen=True)
class Process:
    """A serving process as it last said of itself."""

    process: str
    endpoint: str
    model: str
    alias: str
    url: str
    pid: int
    started: datetime
    heartbeat: datetime
    state: str
    version: int | None
    next_version: int | None
    next_share: int | None
    logged: int
    dropped: int
    error: str
    document: int | None = None


class Traffic:
    """What serving processes have written: for pages, monitors and the demo.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def minutes(self, model: str, since: datetime) -> tuple[Minute, ...]:
        """Give the minutes of a model, oldest first."""
        table = serving_minutes.c
        query = sa.select(serving_minutes).where(table.model == model, table.minute >= since).order_by(table.minute)
        merged: dict[tuple[datetime, int, str], Minute] = {}
        with self.database.reading() as connection:
            for row in connection.execute(query).mappings():
                key = (row["minute"], row["version"], row["arm"])
                old = merged.get(key) or Minute(*key, 0, 0, 0, 0, 0.0, (0,) * len(row["histogram"]))
                merged[key] = Minute(
                    *key,
                    old.requests + row["requests"],
                    old.rows + row["rows"],
                    old.refused + row["refused"],
                    old.failed + row["failed"],
                    old.seconds + row["seconds"],
                    tuple(a + b for a, b in zip(old.histogram, row["histogram"], strict=True)),
                )
        return tuple(merged.values())

    def loads(self, model: str, limit: int = 50) -> tuple[Load, ...]:
        """Give the last tries to load a version, newest first."""
        query = (
            sa.select(serving_loads)
            .where(serving_loads.c.model == model)
            .order_by(serving_loads.c.id.desc())
            .limit(limit)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(Load(**{name: value for name, value in row.items() if name != "id"}) for row in rows)

    def processes(self, model: str | None = None, since: datetime | None = None) -> tuple[Process, ...]:
        """Give the serving processes, the newest heartbeat first.

        Parameters
        ----------
        model : str, optional
            Only those of a model.
        since : datetime, optional
            Only those that gave a sign of life since.
        """
        query = sa.select(serving_processes).order_by(serving_processes.c.heartbeat.desc())
        if model is not None:
            query = query.where(serving_processes.c.model == model)
        if since is not None:
            query = query.where(serving_processes.c.heartbeat >= since)
        with self.database.reading() as connection:
            return tuple(Process(**row) for row in connection.execute(query).mappings())

    def record_load(self, load: Load) -> None:
        """Write down a try to load a version."""
        with self.database.transaction() as connection:
            connection.execute(sa.insert(serving_loads), {**load.__dict__})

    def rejected(self, model: str, version: int, since: datetime) -> bool:
        """Say whether a process has given a version up since a time because it failed as a canary."""
        query = sa.select(serving_loads.c.error).where(
            serving_loads.c.model == model,
            serving_loads.c.version == version,
            serving_loads.c.ok.is_(False),
            serving_loads.c.at >= since,
        )
        with self.database.reading() as connection:
            return any((error or {}).get("code") == _REJECTED for error in connection.execute(query).scalars())

    def record_process(self, process: Process) -> None:
        """Write down what a process says of itself."""
        with self.database.transaction() as connection:
            upsert(connection, serving_processes, process.__dict__, key=("process",))

    def acknowledge(self, process: str, document: int) -> None:
        """Write down at once which document a process answers by; whoever changed it may be waiting for that."""
        with self.database.transaction() as connection:
            connection.execute(
                sa.update(serving_processes).where(serving_processes.c.process == process).values(document=document)
            )
