"""Looking at what has come in since the last look: the edge where windows are judged and alerts opened."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from noria.duration import parse_duration
from noria.monitoring import answers, drift, performance
from noria.monitoring.alarms import Alarms
from noria.monitoring.insertion import insert_first
from noria.monitoring.performance import Performance
from noria.monitoring.records import WindowRecord, Windows
from noria.monitoring.reference import Reference, reference_from_json
from noria.monitoring.span import parse_span
from noria.monitoring.tables import monitor_cursors, windows
from noria.monitoring.windows import Piece, cut, micros
from noria.predictions.entry import CARRIED, FEATURE
from noria.store.columns import from_micros, to_micros
from noria.store.database import upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from noria.evaluation.catalogue import Task
    from noria.monitoring.alerts import Alert
    from noria.monitoring.settings import MonitorSettings
    from noria.monitoring.span import Span
    from noria.store.database import Database

    Read = Callable[[datetime | None, datetime | None], pa.Table]
    References = Callable[[int], Reference | None]
    Seen = Mapping[str, int | None]

__all__ = ["REFERENCE_FILE", "Look", "look", "read_reference"]

REFERENCE_FILE = "reference.json"
SETTLING = timedelta(seconds=2)
"""How long a row may take from the answer to the log's file: newer ones are left for the next look."""
_EVERYWHERE = (0, "")


@dataclass(frozen=True)
class Look:
    """What one look found.

    Parameters
    ----------
    windows : tuple of WindowRecord
        Judged for the first time, oldest first.
    provisional : tuple of WindowRecord
        Not complete and judged on demand: shown, not kept, never an alarm. Their id is 0.
    opened, resolved : tuple of Alert
        What changed.
    """

    windows: tuple[WindowRecord, ...] = ()
    provisional: tuple[WindowRecord, ...] = ()
    opened: tuple[Alert, ...] = ()
    resolved: tuple[Alert, ...] = ()


def read_reference(data: bytes) -> Reference:
    """Read a version's ``reference.json``."""
    return reference_from_json(json.loads(data))


def look(
    database: Database,
    *,
    model: str,
    serving: int | None,
    read: Read,
    reference: References,
    settings: MonitorSettings,
    now: datetime,
    time_column: str | None = None,
    group_column: str | None = None,
    partial: bool = False,
    label_rows: Callable[[], int] | None = None,
    corrections: Callable[[], int] | None = None,
) -> Look:
    """Judge the windows that have become complete, and the labels that have come, since the last look.

    Parameters
    ----------
    database : Database
        Where windows and alerts are kept.
    model : str
        Whose answers.
    serving : int or None
        Version that answers now. Only its windows open alerts; None: those of every version do.
    read : callable(since, until) -> Table
        The prediction log joined with its labels, by time of arrival: columns prediction_id, ts, version, arm,
        prediction, score, x.<feature>…, label, label_ts.
    reference : callable(version) -> Reference or None
        What a version is compared with.
    settings : MonitorSettings
        The section [monitor].
    now : datetime
        Time of the look.
    time_column : str, optional
        Feature that says when a row happened; left out, its arrival does.
    group_column : str, optional
        Column whose rows depend on each other, where requests bring it along.
    partial : bool
        Judge incomplete windows as well, provisionally.
    label_rows : callable() -> int, optional
        How many labels have come, corrections too. While it stays the same, the windows that wait for labels are not
        read again; left out, they are read at every look.
    corrections : callable() -> int, optional
        How many of these labels came for a prediction that had one. Windows all of whose labels are there are read
        again for these only; left out, for any label.
    """
    looking = _Looking(database, model, serving, reference, settings, now, time_column, group_column)
    # Counted before the log is read: a label that comes meanwhile is news for the next look.
    seen = {"labels_seen": label_rows and label_rows(), "corrections_seen": corrections and corrections()}
    return looking.look(read, partial=partial, seen=seen)


class _Looking:
    """One look: what all its steps share."""

    def __init__(
        self,
        database: Database,
        model: str,
        serving: int | None,
        reference: References,
        settings: MonitorSettings,
        now: datetime,
        time_column: str | None,
        group_column: str | None,
    ) -> None:
        self.database = database
        self.model = model
        self.settings = settings
        self.now = now
        self.time_column = time_column
        self.group_column = group_column
        self.span: Span = parse_span(settings.window)
        # Who asks for windows of 80 rows wants them judged.
        self.least = min(settings.min_rows, self.span.rows or settings.min_rows)
        self.records = Windows(database)
        self.alarms = Alarms(database, model, serving, settings, now)
        self._reference = reference
        self._references: dict[int, Reference | None] = {}

    def look(self, read: Read, *, partial: bool, seen: Seen) -> Look:
        self.alarms.resolve_replaced()
        last = self.records.last(self.model)
        unsettled = self._unsettled(seen)
        cursors = self._cursors()
        starts = [*cursors.values(), *(record.first_ts for record in unsettled)]
        log = read(min(starts) if cursors else None, None)
        if not log.num_rows:
            return Look(opened=tuple(self.alarms.opened), resolved=tuple(self.alarms.resolved))
        log = log.sort_by([("ts", "ascending"), ("prediction_id", "ascending")])
        stored: list[WindowRecord] = []
        provisional: list[WindowRecord] = []
        for (version, arm), rows in _groups(log):
            fresh, moments = self._fresh(rows, last.get((version, arm)), partial=partial)
            complete: list[Piece] = []
            rest: list[Piece] = []
            for piece in cut(moments, self.span, complete_until=self._complete_until(moments)):
                (complete if piece.complete else rest).append(piece)
            for piece in complete:
                kept = self._store(*self._judge(version, arm, piece, fresh.take(piece.rows)))
                if kept is not None:
                    stored.append(kept)
            if partial:
                provisional += [self._judge(version, arm, piece, fresh.take(piece.rows))[0] for piece in rest]
            self._remember(version, arm, fresh, rest)
        self._remember_end(log)
        self._judge_labels([*unsettled, *stored], log, seen)
        provisional = [self._with_labels(record, log) for record in provisional]
        judged = self.records.of([record.id for record in stored])
        return Look(judged, tuple(provisional), tuple(self.alarms.opened), tuple(self.alarms.resolved))

    def reference(self, version: int) -> Reference | None:
        if version not in self._references:
            self._references[version] = self._reference(version)
        return self._references[version]

    # --- which rows -----------------------------------------------------------------------------------------------

    def _fresh(self, rows: pa.Table, last: WindowRecord | None, *, partial: bool) -> tuple[pa.Table, np.ndarray]:
        arrived = micros(rows["ts"])
        moments = self._moments(rows)
        keep = np.ones(rows.num_rows, dtype=bool)
        if not partial:
            keep &= arrived < to_micros(self.now - SETTLING)
        if last is not None and self.span.rows is not None:
            ids = np.array(rows["prediction_id"].to_pylist(), dtype=object)
            end = to_micros(last.last_ts)
            keep &= (arrived > end) | ((arrived == end) & (ids > last.last_id))
        elif last is not None:
            # A row that comes after its window was judged is too late; the window stands as judged.
            keep &= moments >= to_micros(last.ends)
        chosen = np.flatnonzero(keep)
        return rows.take(pa.array(chosen)), moments[chosen]

    def _moments(self, rows: pa.Table) -> np.ndarray:
        if self.time_column and self.span.rows is None:
            for column in (FEATURE + self.time_column, CARRIED + self.time_column):
                if column in rows.column_names:
                    return micros(rows[column])
        return micros(rows["ts"])

    def _complete_until(self, moments: np.ndarray) -> datetime:
        if self.time_column and self.span.rows is None and len(moments):
            # The stream's own clock: a window of events is over when a later event has come.
            return from_micros(max(int(moments.max()), 0))
        return self.now - SETTLING

    # --- judging --------------------------------------------------------------------------------------------------

    def _judge(self, version: int, arm: str, piece: Piece, rows: pa.Table) -> tuple[WindowRecord, object, datetime]:
        """Give the record, its counts as JSON, and the first arrival of all that was judged."""
        reference = self.reference(version)
        ids, arrived = rows["prediction_id"], micros(rows["ts"])
        record = WindowRecord(
            id=0,
            model=self.model,
            version=version,
            arm=arm,
            starts=piece.starts,
            first_id=str(ids[0]),
            ends=piece.ends,
            first_ts=from_micros(int(arrived.min())),
            last_ts=from_micros(int(arrived.max())),
            last_id=str(ids[-1]),
            rows=rows.num_rows,
            judged=self.now,
            drift=None,
            state="no reference",
            pooled=1,
            performance=None,
            verdict="immature",
            matured=0.0,
            settled=False,
        )
        if reference is None:
            return replace(record, verdict="unknown", settled=True), None, record.first_ts
        counts = reference.count(rows)
        together, pooled, since = counts, 1, record.first_ts
        if counts.rows < self.least:
            for waiting, first_ts in self.records.waiting(self.model, version, arm):
                together, pooled, since = together + waiting, pooled + 1, first_ts
        if together.rows < self.least:
            return replace(record, state="small"), counts.to_json(), since
        history = self.records.calibration(self.model, version, arm)
        result = drift.judge(reference, together, history=history, level=self.settings.level)
        state = "broken" if result.broken else "drifted" if result.drifted else "clean"
        # What was judged together is kept together: it may become part of what is normal for this version.
        return replace(record, drift=result.to_json(), state=state, pooled=pooled), together.to_json(), since

    def _store(self, record: WindowRecord, counts: object, since: datetime) -> WindowRecord | None:
        values = {name: getattr(record, name) for name in record.__dataclass_fields__ if name != "id"}
        with self.database.transaction() as connection:
            # Another process may have judged the same window: the row that came first stands, alerts and all.
            row = insert_first(connection, windows, {**values, "counts": counts})
            if row is None:
                return None
            stored = replace(record, id=row["id"])
            self.alarms.window(connection, stored, since=since)
        return stored

    # --- labels ---------------------------------------------------------------------------------------------------

    def _unsettled(self, seen: Seen) -> list[WindowRecord]:
        """Give the windows that may be judged otherwise than at the last look; settle those whose time is over."""
        waiting = self.records.unsettled(self.model)
        moved = [record for record in waiting if self._moved_on(record, seen)]
        over = {record.id for record in waiting if self.now >= self._closing(record)}
        self.records.settle(sorted(over - {record.id for record in moved}))
        return moved

    def _moved_on(self, record: WindowRecord, seen: Seen) -> bool:
        if record.performance is None or (record.verdict == "immature" and self.now >= self._due(record)):
            return True
        whole = record.matured >= 1 and record.verdict != "insufficient"
        news = "corrections_seen" if whole and seen["corrections_seen"] is not None else "labels_seen"
        return seen[news] is None or record.performance.get(news) != seen[news]

    def _due(self, record: WindowRecord) -> datetime:
        return record.ends + parse_duration(self.settings.labels_after)

    def _closing(self, record: WindowRecord) -> datetime:
        return record.ends + 2 * parse_duration(self.settings.labels_after) + timedelta(days=1)

    def _judge_labels(self, waiting: Iterable[WindowRecord], log: pa.Table, seen: Seen) -> None:
        insufficient: dict[tuple[int, str], list[pa.Table]] = {}
        for record in waiting:
            if record.settled:
                continue
            rows = self._rows_of(record, log)
            group = (record.version, record.arm)
            found = self._performance(record, rows, insufficient.get(group, []))
            if found is None:
                continue
            if found.verdict == "insufficient":
                insufficient.setdefault(group, []).append(rows)
            elif found.verdict != "immature":
                insufficient.pop(group, None)
            self._keep_performance(record, found, seen)

    def _with_labels(self, record: WindowRecord, log: pa.Table) -> WindowRecord:
        found = self._performance(record, self._rows_of(record, log), [])
        if found is None:
            return record
        return replace(record, performance=found.to_json(), verdict=found.verdict, matured=found.matured)

    def _performance(self, record: WindowRecord, rows: pa.Table, before: list[pa.Table]) -> Performance | None:
        reference = self.reference(record.version)
        if reference is None or not rows.num_rows:
            return None
        found = self._measure(reference, rows, due=self.now >= self._due(record))
        if found.verdict == "insufficient" and before:
            together = self._measure(reference, pa.concat_tables([*before, rows]), due=True)
            if together.verdict != "insufficient":
                # Judged on several windows, but the matured share shown is its own.
                return replace(together, rows=together.rows, pooled=len(before) + 1)
        return found

    def _measure(self, reference: Reference, rows: pa.Table, *, due: bool) -> Performance:
        labelled = rows.filter(pc.is_valid(rows["label"]))
        task: Task = "regression" if reference.task == "regression" else "classification"
        return performance.judge(
            reference,
            truth=answers.truth(labelled, task),
            prediction=answers.prediction(labelled, task),
            answered=rows.num_rows,
            due=due,
            level=self.settings.regression_level,
            margin=self.settings.margin,
            groups=answers.groups(labelled, self.group_column),
        )

    def _keep_performance(self, record: WindowRecord, found: Performance, seen: Seen) -> None:
        # A window that has all its labels waits on: the last word counts, and it may be a correction.
        settled = self.now >= self._closing(record)
        plain = {**found.to_json(), **seen}
        if record.performance == plain and record.settled == settled:
            return
        values = {"performance": plain, "verdict": found.verdict, "matured": found.matured, "settled": settled}
        with self.database.transaction() as connection:
            # Only one look may count this verdict against an alert: the one that changes it.
            changed = connection.execute(
                sa.update(windows).where(windows.c.id == record.id, windows.c.verdict == record.verdict).values(values)
            ).rowcount
            if changed and found.verdict != record.verdict:
                self.alarms.labels(connection, record, found)

    def _rows_of(self, record: WindowRecord, log: pa.Table) -> pa.Table:
        rows = log.filter(pc.and_(pc.equal(log["version"], record.version), pc.equal(log["arm"], record.arm)))
        if self.span.rows is None:
            moments = self._moments(rows)
            inside = (moments >= to_micros(record.starts)) & (moments < to_micros(record.ends))
            return rows.take(pa.array(np.flatnonzero(inside)))
        arrived = micros(rows["ts"])
        ids = np.array(rows["prediction_id"].to_pylist(), dtype=object)
        first, last = to_micros(record.first_ts), to_micros(record.last_ts)
        inside = (arrived > first) | ((arrived == first) & (ids >= record.first_id))
        inside &= (arrived < last) | ((arrived == last) & (ids <= record.last_id))
        return rows.take(pa.array(np.flatnonzero(inside)))

    # --- where the next look begins -------------------------------------------------------------------------------

    def _cursors(self) -> dict[tuple[int, str], datetime]:
        query = sa.select(monitor_cursors).where(monitor_cursors.c.model == self.model)
        with self.database.reading() as connection:
            return {(row.version, row.arm): row.since for row in connection.execute(query)}

    def _remember(self, version: int, arm: str, fresh: pa.Table, rest: Iterable[Piece]) -> None:
        waiting = [int(micros(fresh["ts"].take(pa.array(piece.rows))).min()) for piece in rest]
        if waiting:
            self._move_cursor((version, arm), from_micros(min(waiting)))
        else:
            self._drop_cursor((version, arm))

    def _remember_end(self, log: pa.Table) -> None:
        # What is newer than this has not been looked at, whichever version answered.
        newest = min(from_micros(int(micros(log["ts"]).max())), self.now - SETTLING)
        self._move_cursor(_EVERYWHERE, newest - SETTLING)

    def _move_cursor(self, group: tuple[int, str], since: datetime) -> None:
        values = {"model": self.model, "version": group[0], "arm": group[1], "since": since}
        with self.database.transaction() as connection:
            upsert(connection, monitor_cursors, values, key=("model", "version", "arm"))

    def _drop_cursor(self, group: tuple[int, str]) -> None:
        gone = sa.delete(monitor_cursors).where(
            monitor_cursors.c.model == self.model,
            monitor_cursors.c.version == group[0],
            monitor_cursors.c.arm == group[1],
        )
        with self.database.transaction() as connection:
            connection.execute(gone)


def _groups(log: pa.Table) -> Iterable[tuple[tuple[int, str], pa.Table]]:
    versions = log["version"].to_numpy()
    arms = np.array(log["arm"].to_pylist(), dtype=object)
    for version in np.unique(versions):
        of_version = versions == version
        for arm in sorted(set(arms[of_version])):
            yield (int(version), str(arm)), log.take(pa.array(np.flatnonzero(of_version & (arms == arm))))
