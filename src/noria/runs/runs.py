"""The book of runs: start, record, finish, find."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from noria.errors import RunNotFound, WrongArgument
from noria.runs.run import MetricPoint, Run, RunArtifact, RunId, Status
from noria.runs.tables import run_artifacts, run_metrics, run_params, run_tags, runs
from noria.store.database import upsert
from noria.store.process import is_alive, this_process

if TYPE_CHECKING:
    from noria.store.blobs import Digest
    from noria.store.database import Database

__all__ = ["EXPIRY", "Runs"]

EXPIRY = timedelta(seconds=60)
"""A run of another machine is lost when its heart has not beaten for this long."""

_SHORTEST_PREFIX = 4


class Runs:
    """Runs and what is recorded about them.

    Parameters
    ----------
    database : Database
        Migrated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(
        self,
        kind: str,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        git_commit: str | None = None,
        git_clean: bool | None = None,
        trigger: str = "manual",
        at: datetime | None = None,
    ) -> RunId:
        """Open a run.

        Parameters
        ----------
        kind : str
            What sort of work.
        name : str
            For people; need not be unique.
        tags : mapping of str to str, optional
            Labels.
        git_commit, git_clean : optional
            The code, from `noria.runs.code.git_state`.
        trigger : str
            Who or what started it.
        at : datetime, optional
            When; now, when left out.
        """
        run = RunId(uuid.uuid4().hex)
        now = at or datetime.now(UTC)
        row = {
            "id": run,
            "kind": kind,
            "name": name,
            "status": "running",
            "started": now,
            "ended": None,
            "beat": now,
            "process": this_process(),
            "trigger": trigger,
            "git_commit": git_commit,
            "git_clean": git_clean,
            "error": None,
        }
        with self._database.transaction() as connection:
            connection.execute(sa.insert(runs), [row])
            if tags:
                rows = [{"run_id": run, "name": key, "value": value} for key, value in tags.items()]
                connection.execute(sa.insert(run_tags), rows)
        return run

    def log_params(self, run: str, params: Mapping[str, object]) -> None:
        """Record settings: JSON values; a name that is there already is overwritten."""
        rows = [{"run_id": run, "name": name, "value": value} for name, value in params.items()]
        with self._database.transaction() as connection:
            upsert(connection, run_params, rows, key=("run_id", "name"))

    def log_metrics(self, run: str, metrics: Mapping[str, float], *, step: int = 0, at: datetime | None = None) -> None:
        """Record numbers; one that is not finite is kept as None.

        Parameters
        ----------
        run : str
            Which run.
        metrics : mapping of str to float
            The numbers.
        step : int
            Where in a curve; the highest step is the metric's value.
        at : datetime, optional
            When; now, when left out.
        """
        now = at or datetime.now(UTC)
        rows = [
            {
                "run_id": run,
                "name": name,
                "step": step,
                "value": float(value) if math.isfinite(value) else None,
                "at": now,
            }
            for name, value in metrics.items()
        ]
        with self._database.transaction() as connection:
            upsert(connection, run_metrics, rows, key=("run_id", "name", "step"))

    def set_tag(self, run: str, name: str, value: str) -> None:
        """Label a run."""
        with self._database.transaction() as connection:
            row = {"run_id": run, "name": name, "value": value}
            upsert(connection, run_tags, row, key=("run_id", "name"))

    def add_artifact(
        self, run: str, path: str, digest: Digest, size: int, media_type: str = "application/octet-stream"
    ) -> None:
        """Record a file the run left in the store.

        Parameters
        ----------
        run : str
            Which run.
        path : str
            Its name within the run.
        digest : Digest
            Its content.
        size : int
            Bytes.
        media_type : str
            Such as ``text/html``.
        """
        row = {"run_id": run, "path": path, "digest": digest, "size": size, "media_type": media_type}
        with self._database.transaction() as connection:
            upsert(connection, run_artifacts, row, key=("run_id", "path"))

    def artifacts(self, run: str) -> tuple[RunArtifact, ...]:
        """List the files a run left, by path."""
        query = sa.select(run_artifacts).where(run_artifacts.c.run_id == run).order_by(run_artifacts.c.path)
        with self._database.reading() as connection:
            return tuple(
                RunArtifact(row.path, row.digest, row.size, row.media_type) for row in connection.execute(query)
            )

    def heartbeat(self, run: str, at: datetime | None = None) -> None:
        """Show that a run is alive."""
        with self._database.transaction() as connection:
            connection.execute(
                sa.update(runs).where(runs.c.id == run, runs.c.status == "running").values(beat=at or datetime.now(UTC))
            )

    def finish(
        self, run: str, status: Status, *, error: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> None:
        """Close a run.

        Raises
        ------
        RunNotFound
            There is no such run.
        """
        with self._database.transaction() as connection:
            done = connection.execute(
                sa.update(runs)
                .where(runs.c.id == run)
                .values(status=status, ended=at or datetime.now(UTC), error=None if error is None else dict(error))
            )
            if done.rowcount == 0:
                raise _not_found(run)

    def mark_lost(self, now: datetime) -> tuple[RunId, ...]:
        """Close the runs whose process went away, and name them.

        A process of this machine that is gone is known at once; any other run is given up when its heart
        has not beaten for `EXPIRY`, unless its process is seen to live.
        """
        with self._database.reading() as connection:
            open_runs = connection.execute(
                sa.select(runs.c.id, runs.c.beat, runs.c.process).where(runs.c.status == "running")
            ).all()
        lost = [RunId(row.id) for row in open_runs if _is_lost(row.process, now - row.beat)]
        if lost:
            with self._database.transaction() as connection:
                connection.execute(
                    sa.update(runs)
                    .where(runs.c.id.in_(lost), runs.c.status == "running")
                    .values(status="lost", ended=runs.c.beat)
                )
        return tuple(lost)

    def get(self, run: str) -> Run:
        """Read a run.

        Parameters
        ----------
        run : str
            Its id, or the first digits of it where they are enough.

        Raises
        ------
        RunNotFound
            There is no such run.
        WrongArgument
            Several runs begin with these digits.
        """
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(runs).where(runs.c.id == run)).all()
            if not rows and len(run) >= _SHORTEST_PREFIX and run.isalnum():
                rows = connection.execute(sa.select(runs).where(runs.c.id.startswith(run)).limit(2)).all()
            if not rows:
                raise _not_found(run)
            if len(rows) > 1:
                raise WrongArgument(
                    f"more than one run begins with {run!r}",
                    why=", ".join(row.id for row in rows),
                    mend="give more digits",
                    code="N-RUNS-002",
                )
            return _read(connection, rows)[0]

    def list(
        self, limit: int = 50, before: Run | None = None, where: Mapping[str, str] | None = None
    ) -> tuple[Run, ...]:
        """List runs, the latest first.

        Parameters
        ----------
        limit : int
            At most so many.
        before : Run, optional
            Go on after this one: the last of the page before.
        where : mapping of str to str, optional
            Only runs with this ``kind``, ``name``, ``status``, ``trigger``, ``git_commit``, or ``tags.NAME``.

        Raises
        ------
        WrongArgument
            `where` names something else.
        """
        query = sa.select(runs).order_by(runs.c.started.desc(), runs.c.id.desc()).limit(limit)
        if before is not None:
            earlier = runs.c.started < before.started
            tied = sa.and_(runs.c.started == before.started, runs.c.id < before.id)
            query = query.where(sa.or_(earlier, tied))
        for name, value in (where or {}).items():
            query = query.where(_condition(name, value))
        with self._database.reading() as connection:
            return tuple(_read(connection, connection.execute(query).all()))

    def history(self, run: str, metric: str) -> tuple[MetricPoint, ...]:
        """Give every value of one metric, by step."""
        query = (
            sa.select(run_metrics.c.step, run_metrics.c.value, run_metrics.c.at)
            .where(run_metrics.c.run_id == run, run_metrics.c.name == metric)
            .order_by(run_metrics.c.step)
        )
        with self._database.reading() as connection:
            return tuple(MetricPoint(row.step, row.value, row.at) for row in connection.execute(query))


def _condition(name: str, value: str) -> sa.ColumnElement[bool]:
    if name.startswith("tags."):
        matching = run_tags.c.name == name.removeprefix("tags.")
        return runs.c.id.in_(sa.select(run_tags.c.run_id).where(matching, run_tags.c.value == value))
    columns = ("kind", "name", "status", "trigger", "git_commit")
    if name not in columns:
        raise WrongArgument(
            f"runs cannot be searched by {name!r}",
            mend=f"use one of {', '.join(columns)} or tags.NAME",
            code="N-RUNS-003",
        )
    return runs.c[name] == value


def _read(connection: sa.Connection, rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> Sequence[Run]:
    """Join runs with their params, metrics and tags: three queries, however many runs."""
    ids = [row.id for row in rows]
    params = _by_run(connection.execute(_all_of(run_params, ids)))
    tags = _by_run(connection.execute(_all_of(run_tags, ids)))
    # Ordered by step, so that the highest one is what stays.
    ordered = _all_of(run_metrics, ids).order_by(run_metrics.c.step)
    metrics = _by_run(connection.execute(ordered))
    return [
        Run(
            id=RunId(row.id),
            kind=row.kind,
            name=row.name,
            status=row.status,
            started=row.started,
            ended=row.ended,
            trigger=row.trigger,
            git_commit=row.git_commit,
            git_clean=row.git_clean,
            params=params.get(row.id, {}),
            metrics=metrics.get(row.id, {}),
            tags=tags.get(row.id, {}),
            error=row.error,
        )
        for row in rows
    ]


def _all_of(table: sa.Table, ids: Sequence[str]) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(table.c.run_id, table.c.name, table.c.value).where(table.c.run_id.in_(ids))


def _by_run(rows: Iterable[sa.Row[*tuple[Any, ...]]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row.run_id, {})[row.name] = row.value
    return found


def _is_lost(process: str, silence: timedelta) -> bool:
    known = is_alive(process)
    return silence > EXPIRY if known is None else not known


def _not_found(run: str) -> RunNotFound:
    return RunNotFound(f"there is no run {run!r}", mend="see them with: noria runs list", code="N-RUNS-001")
