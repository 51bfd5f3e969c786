"""The windows that were judged: rows that pages, terminal and automation read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.monitoring.counts import WindowCounts, counts_from_json
from noria.monitoring.tables import windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from noria.store.database import Database

__all__ = ["DriftHistory", "WindowRecord", "Windows"]

_CALIBRATION = 60
# Everything but the counts, which are large and wanted only by the calibration.
_SHOWN = [column for column in windows.c if column.name != "counts"]


@dataclass(frozen=True)
class WindowRecord:
    """One judged window of one version's answers.

    Parameters
    ----------
    id, model, version, arm
        Whose answers.
    starts, ends : datetime
        Half-open, by the model's `time` column or by arrival.
    first_ts, first_id, last_ts, last_id
        Arrival and id of its first and last row.
    rows : int
        Answers.
    judged : datetime
        When.
    drift : mapping or None
        `DriftResult.to_json`; None where nothing could be compared.
    state : str
        ``clean``, ``drifted``, ``broken``, ``small`` (waits for more rows) or ``no reference``.
    pooled : int
        Windows judged together, this one counted.
    performance : mapping or None
        `Performance.to_json`.
    verdict : str
        Of the performance.
    matured : float
        Share of the answers whose label has come.
    settled : bool
        No label that comes later changes the verdict: it is too late for one.
    """

    id: int
    model: str
    version: int
    arm: str
    starts: datetime
    first_id: str
    ends: datetime
    first_ts: datetime
    last_ts: datetime
    last_id: str
    rows: int
    judged: datetime
    drift: Mapping[str, object] | None
    state: str
    pooled: int
    performance: Mapping[str, object] | None
    verdict: str
    matured: float
    settled: bool

    @property
    def findings(self) -> tuple[Mapping[str, object], ...]:
        """What the drift test found, smallest p first."""
        return () if self.drift is None else tuple(self.drift["findings"])  # type: ignore[arg-type]

    @property
    def flagged(self) -> tuple[Mapping[str, object], ...]:
        """The part of it that is an alarm."""
        return tuple(finding for finding in self.findings if finding["flagged"])

    def summary(self) -> str:
        """Tell the window in one line.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> t = datetime(2026, 5, 4, tzinfo=UTC)
        >>> seen, judged = (t, "a", t, t, t, "b", 40), (t, None, "small", 1, None, "immature", 0.0, False)
        >>> WindowRecord(1, "m", 2, "live", *seen, *judged).summary()
        'm@2, 40 rows from 2026-05-04 00:00: small, waits for more rows; performance: immature, 0 % labelled'
        """
        says = {
            "clean": "no drift",
            "small": "small, waits for more rows",
            "no reference": "no reference to compare with",
        }
        names = list(dict.fromkeys(str(finding["name"]) for finding in self.flagged))
        state = says.get(self.state, f"{self.state}: {', '.join(names)}")
        about = f"{self.model}@{self.version}, {self.rows:,} rows from {self.starts:%Y-%m-%d %H:%M}: {state}"
        if self.drift is not None and not self.drift["calibrated"]:
            about += " (uncalibrated)"
        found = self.performance or {}
        if found.get("value") is not None:
            measured = f"{found['metric']} {found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
            return f"{about}; {measured}, {self.verdict}"
        return f"{about}; performance: {self.verdict}, {100 * self.matured:.0f} % labelled"

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {
            "id": self.id,
            "model": self.model,
            "version": self.version,
            "arm": self.arm,
            "starts": self.starts.isoformat(),
            "ends": self.ends.isoformat(),
            "rows": self.rows,
            "state": self.state,
            "pooled": self.pooled,
            "drift": None if self.drift is None else dict(self.drift),
            "performance": None if self.performance is None else dict(self.performance),
            "verdict": self.verdict,
            "matured": self.matured,
        }


@dataclass(frozen=True)
class DriftHistory:
    """Feature by time, for a heat map.

    Parameters
    ----------
    windows : tuple of WindowRecord
        Oldest first: the columns.
    names : tuple of str
        Features, and ``prediction``: the rows; those that moved most first.
    effects : tuple of tuple of float or None
        Per feature and window the largest effect; None where it was not compared.
    flagged : tuple of tuple of bool
        Whether it was part of an alarm.
    """

    windows: tuple[WindowRecord, ...]
    names: tuple[str, ...]
    effects: tuple[tuple[float | None, ...], ...]
    flagged: tuple[tuple[bool, ...], ...]


class Windows:
    """The judged windows of all models.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def list(self, model: str, *, version: int | None = None, limit: int = 50) -> tuple[WindowRecord, ...]:
        """Give the newest windows, oldest first."""
        query = sa.select(*_SHOWN).where(windows.c.model == model)
        if version is not None:
            query = query.where(windows.c.version == version)
        query = query.order_by(windows.c.ends.desc(), windows.c.id.desc()).limit(limit)
        with self.database.reading() as connection:
            found = [WindowRecord(**row) for row in connection.execute(query).mappings()]
        return tuple(reversed(found))

    def of(self, numbers: Sequence[int]) -> tuple[WindowRecord, ...]:
        """Give windows by their ids, in order of their end."""
        query = sa.select(*_SHOWN).where(windows.c.id.in_(numbers)).order_by(windows.c.ends, windows.c.id)
        with self.database.reading() as connection:
            return tuple(WindowRecord(**row) for row in connection.execute(query).mappings())

    def judged(self, model: str, *, limit: int = 50) -> tuple[WindowRecord, ...]:
        """Give the newest windows that were compared with their reference, oldest first."""
        return tuple(record for record in self.list(model, limit=limit) if record.drift is not None)

    def models(self) -> tuple[str, ...]:
        """Name the models that have windows."""
        query = sa.select(windows.c.model).distinct().order_by(windows.c.model)
        with self.database.reading() as connection:
            return tuple(connection.execute(query).scalars())

    def unsettled(self, model: str) -> tuple[WindowRecord, ...]:
        """Give the windows whose labels may still change, oldest first."""
        query = sa.select(*_SHOWN).where(windows.c.model == model, windows.c.settled.is_(False))
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(windows.c.ends, windows.c.id)).mappings()
            return tuple(WindowRecord(**row) for row in rows)

    def settle(self, numbers: Sequence[int]) -> None:
        """Let windows stand as they are judged."""
        if not numbers:
            return
        with self.database.transaction() as connection:
            connection.execute(sa.update(windows).where(windows.c.id.in_(numbers)).values(settled=True))

    def labelled(self, model: str) -> int:
        """Say how many answers of the judged windows have a label; a shadow's are of the same rows once more."""
        query = sa.select(sa.func.sum(windows.c.rows * windows.c.matured))
        with self.database.reading() as connection:
            found = connection.execute(query.where(windows.c.model == model, windows.c.arm != "shadow")).scalar()
        return round(found or 0)

    def last(self, model: str) -> dict[tuple[int, str], WindowRecord]:
        """Give the newest window of each version and arm."""
        newest = (
            sa.select(sa.func.max(windows.c.id))
            .where(windows.c.model == model)
            .group_by(windows.c.version, windows.c.arm)
        )
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(*_SHOWN).where(windows.c.id.in_(newest))).mappings()
            return {(row["version"], row["arm"]): WindowRecord(**row) for row in rows}

    def ended(self, model: str, version: int, since: datetime) -> datetime | None:
        """Give the last answer of the version's window whose first answer was at `since`, or None without one."""
        query = sa.select(sa.func.max(windows.c.last_ts)).where(
            windows.c.model == model, windows.c.version == version, windows.c.first_ts == since
        )
        with self.database.reading() as connection:
            last: datetime | None = connection.execute(query).scalar()
        return last

    def calibration(self, model: str, version: int, arm: str) -> tuple[WindowCounts, ...]:
        """Give the counts of the first windows without an alarm: what is normal for this version.

        Frozen once there are sixty: a history that rolls on would take a slow drift for normal.
        """
        query = (
            sa.select(windows.c.counts)
            .where(
                windows.c.model == model, windows.c.version == version, windows.c.arm == arm, windows.c.state == "clean"
            )
            .order_by(windows.c.id)
            .limit(_CALIBRATION)
        )
        with self.database.reading() as connection:
            return tuple(counts_from_json(counts) for counts in connection.execute(query).scalars() if counts)

    def waiting(self, model: str, version: int, arm: str) -> tuple[tuple[WindowCounts, datetime], ...]:
        """Give counts and first arrival of the newest windows that were too small to be judged alone, newest first."""
        query = (
            sa.select(windows.c.state, windows.c.counts, windows.c.first_ts)
            .where(windows.c.model == model, windows.c.version == version, windows.c.arm == arm)
            .order_by(windows.c.id.desc())
            .limit(_CALIBRATION)
        )
        found = []
        with self.database.reading() as connection:
            for state, counts, first_ts in connection.execute(query):
                if state != "small" or not counts:
                    break
                found.append((counts_from_json(counts), first_ts))
        return tuple(found)

    def history(self, model: str, *, version: int | None = None, limit: int = 60) -> DriftHistory:
        """Give the drift of every feature over the newest windows."""
        compared = tuple(record for record in self.list(model, version=version, limit=limit) if record.drift)
        names: dict[str, float] = {}
        cells: dict[tuple[str, int], tuple[float, bool]] = {}
        for column, record in enumerate(compared):
            for finding in record.findings:
                name, effect = str(finding["name"]), float(finding["effect"])  # type: ignore[arg-type]
                before = cells.get((name, column), (0.0, False))
                cells[name, column] = (max(before[0], effect), before[1] or bool(finding["flagged"]))
                names[name] = max(names.get(name, 0.0), effect)
        ordered = tuple(sorted(names, key=lambda name: (-names[name], name)))
        columns = range(len(compared))
        return DriftHistory(
            compared,
            ordered,
            tuple(tuple(cells[name, c][0] if (name, c) in cells else None for c in columns) for name in ordered),
            tuple(tuple(cells.get((name, c), (0.0, False))[1] for c in columns) for name in ordered),
        )
