"""The book of runs: start, record, finish, find."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import WrongArgument
from noria.runs.hydration import read_runs
from noria.runs.paging import Page
from noria.runs.recording import (
    Point,
    create_run,
    delete_tag,
    open_run,
    record_params,
    record_points,
    record_tags,
    run_not_found,
)
from noria.runs.run import MetricPoint, Run, RunId, Status
from noria.runs.search import Question, count, search
from noria.runs.tables import experiments, metric_points, runs
from noria.store.process import is_alive, this_process

if TYPE_CHECKING:
    from noria.store.database import Database, Write

__all__ = ["EXPIRY", "Runs", "is_lost"]

EXPIRY = timedelta(seconds=25)
"""A run of another machine is lost when its heart has not beaten for this long."""

_SHORTEST_PREFIX = 4
_AT_ONCE = 500


class Runs:
    """Runs and what is recorded about them.

    Parameters
    ----------
    database : Database
        Migrated.
    write : Write, optional
        How a write is made durable; in a transaction of its own when left out.
    """

    def __init__(self, database: Database, write: Write | None = None) -> None:
        self._database = database
        self._write: Write = write or database.write

    def start(
        self,
        kind: str,
        name: str,
        *,
        experiment: int = 0,
        run: str | None = None,
        tags: Mapping[str, str] | None = None,
        git_commit: str | None = None,
        git_clean: bool | None = None,
        trigger: str = "manual",
        user_id: str = "",
        status: Status = "running",
        at: datetime | None = None,
        beats: bool = True,
    ) -> RunId:
        """Open a run.

        Parameters
        ----------
        kind : str
            What sort of work.
        name : str
            For people; need not be unique.
        experiment : int
            Which experiment it belongs to.
        run : str, optional
            Its id, when whoever starts it has chosen one; a run that has it already is left as it is.
        tags : mapping of str to str, optional
            Labels.
        git_commit, git_clean : optional
            The code, from `noria.runs.code.git_state`.
        trigger : str
            Who or what started it.
        user_id : str
            Who it is run by.
        status : Status
            ``running``, or ``scheduled``.
        at : datetime, optional
            When; now, when left out.
        beats : bool
            This process will call `heartbeat` every few seconds, so that silence means death.

        Raises
        ------
        ExperimentNotFound
            There is no such experiment.
        WrongArgument
            The experiment is deleted.
        """
        id_ = RunId(run or uuid.uuid4().hex)
        now = at or datetime.now(UTC)
        row: dict[str, object] = {
            "id": id_,
            "experiment_id": experiment,
            "kind": kind,
            "name": name,
            "status": status,
            "started": now,
            "ended": None,
            "deleted": None,
            "beat": datetime.now(UTC) if beats else None,
            "process": this_process() if beats else "",
            "trigger": trigger,
            "user_id": user_id,
            "git_commit": git_commit,
            "git_clean": git_clean,
            "error": None,
        }
        self._write(lambda connection: create_run(connection, row, tags or {}))
        return id_

    def log_batch(
        self,
        run: str,
        *,
        points: Sequence[Point] = (),
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        replace_params: bool = False,
    ) -> None:
        """Record metrics, settings and labels together: all of it or nothing.

        Raises
        ------
        RunNotFound
            There is no such run.
        WrongArgument
            The run is deleted, or a param has another value already.
        """

        def work(connection: sa.Connection) -> None:
            opened = open_run(connection, run)
            record_params(connection, opened, params or {}, replace=replace_params)
            record_points(connection, opened, points)
            record_tags(connection, opened, tags or {})

        self._write(work)

    def log_params(self, run: str, params: Mapping[str, object], *, replace: bool = True) -> None:
        """Record settings: JSON values; see `noria.runs.recording.record_params`."""
        self.log_batch(run, params=params, replace_params=replace)

    def log_metrics(self, run: str, metrics: Mapping[str, float], *, step: int = 0, at: datetime | None = None) -> None:
        """Record numbers, NaN and infinities included.

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
        at_ms = int((at or datetime.now(UTC)).timestamp() * 1000)
        self.log_batch(run, points=[Point(name, float(value), at_ms, step) for name, value in metrics.items()])

    def set_tag(self, run: str, name: str, value: str) -> None:
        """Label a run."""
        self.log_batch(run, tags={name: value})

    def delete_tag(self, run: str, name: str) -> None:
        """Take a label off.

        Raises
        ------
        RunNotFound
            There is no such run, or it has no such tag.
        """
        self._write(lambda connection: delete_tag(connection, open_run(connection, run), name))

    def heartbeat(self, run: str, at: datetime | None = None) -> None:
        """Show that a run is alive; one that was given up as lost runs again."""
        living = sa.and_(runs.c.id == run, runs.c.status.in_(("running", "lost")))
        beat = sa.update(runs).where(living).values(beat=at or datetime.now(UTC), status="running", ended=None)
        self._write(lambda connection: connection.execute(beat) and None)

    def update(
        self, run: str, *, status: Status | None = None, ended: datetime | None = None, name: str | None = None
    ) -> None:
        """Change how a run stands or what it is called.

        A status that is no end takes the end away.

        Raises
        ------
        RunNotFound
            There is no such run.
        WrongArgument
            It is deleted.
        """

        def work(connection: sa.Connection) -> None:
            opened = open_run(connection, run)
            changed: dict[str, object] = {}
            if status is not None:
                changed["status"] = status
                if status in ("running", "scheduled"):
                    changed["ended"] = None
            if ended is not None:
                changed["ended"] = ended
            if name is not None:
                changed["name"] = name
            if changed:
                connection.execute(sa.update(runs).where(runs.c.rid == opened.rid).values(changed))

        self._write(work)

    def finish(
        self, run: str, status: Status, *, error: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> None:
        """Close a run.

        Raises
        ------
        RunNotFound
            There is no such run.
        """
        ending = {"status": status, "ended": at or datetime.now(UTC), "error": None if error is None else dict(error)}
        closing = sa.update(runs).where(runs.c.id == run).values(ending)
        if self._write(lambda connection: connection.execute(closing).rowcount) == 0:
            raise run_not_found(run)

    def mark_lost(self, now: datetime) -> tuple[RunId, ...]:
        """Close the runs whose process went away, and name them.

        A process of this machine that is gone is known at once; any other run is given up when its heart
        has not beaten for `EXPIRY`, unless its process is seen to live. A run that has no heart, as those of clients
        that only speak when they log something, is left alone.
        """
        beating = sa.and_(runs.c.status == "running", runs.c.beat.is_not(None))
        with self._database.reading() as connection:
            open_runs = connection.execute(sa.select(runs.c.id, runs.c.beat, runs.c.process).where(beating)).all()
        lost = [RunId(row.id) for row in open_runs if is_lost(row.process, now - row.beat)]
        if lost:
            gone = sa.update(runs).where(runs.c.id.in_(lost), beating).values(status="lost", ended=runs.c.beat)
            self._write(lambda connection: connection.execute(gone) and None)
        return tuple(lost)

    def give_up(self, ids: Sequence[str], *, at: datetime | None = None) -> None:
        """Close running runs that have no heart and whose client is known to have gone.

        The next word about one of them takes that back.
        """
        silent = sa.and_(runs.c.id.in_(ids), runs.c.status == "running", runs.c.beat.is_(None))
        gone = sa.update(runs).where(silent).values(status="lost", ended=at or datetime.now(UTC))
        self._write(lambda connection: connection.execute(gone) and None)

    def delete(self, ids: Sequence[str], *, at: datetime | None = None) -> int:
        """Put runs in the bin; those that are there already stay. Gives how many went in.

        Raises
        ------
        RunNotFound
            One of them does not exist; none is deleted then.
        """
        return self._move(ids, at or datetime.now(UTC))

    def restore(self, ids: Sequence[str]) -> int:
        """Take runs out of the bin. Gives how many came out.

        Raises
        ------
        RunNotFound
            One of them does not exist; none is restored then.
        WrongArgument
            The experiment of one of them is deleted.
        """
        return self._move(ids, None)

    def get(self, run: str) -> Run:
        """Read a run, a deleted one too.

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
            rids = connection.execute(sa.select(runs.c.rid).where(runs.c.id == run)).scalars().all()
            if not rids and len(run) >= _SHORTEST_PREFIX and run.isalnum():
                # A range rather than LIKE: the same index on both databases.
                beginning = sa.and_(runs.c.id > run, runs.c.id < run + "\x7f")
                rids = connection.execute(sa.select(runs.c.rid).where(beginning).limit(2)).scalars().all()
            if not rids:
                raise run_not_found(run)
            found = read_runs(connection, rids)
        if len(found) > 1:
            raise WrongArgument(
                f"more than one run begins with {run!r}",
                why=", ".join(one.id for one in found),
                mend="give more digits",
                code="N-RUNS-002",
            )
        return found[0]

    def list(
        self,
        limit: int = 50,
        before: Run | None = None,
        experiment: int | None = None,
    ) -> tuple[Run, ...]:
        """List runs, the latest first.

        Parameters
        ----------
        limit : int
            At most so many.
        before : Run, optional
            Go on after this one: the last of the page before.
        experiment : int, optional
            Only runs of this experiment.
        """
        query = sa.select(runs.c.rid).where(runs.c.deleted.is_(None))
        query = query.order_by(runs.c.started.desc(), runs.c.id).limit(limit)
        if experiment is not None:
            query = query.where(runs.c.experiment_id == experiment)
        if before is not None:
            later = sa.or_(runs.c.started < before.started, runs.c.id > before.id)
            query = query.where(runs.c.started <= before.started, later)
        with self._database.reading() as connection:
            return tuple(read_runs(connection, connection.execute(query).scalars().all()))

    def search(self, question: Question, limit: int = 100, token: str | None = None) -> Page[Run]:
        """Find a page of runs: see `noria.runs.search`.

        Raises
        ------
        WrongArgument
            The token is of another question.
        """
        with self._database.reading() as connection:
            found = search(connection, question, limit, token)
            return Page(tuple(read_runs(connection, found.rids)), found.token)

    def count(self, question: Question) -> int:
        """Say how many runs match, exactly."""
        with self._database.reading() as connection:
            return count(connection, question)

    def many(self, ids: Sequence[str]) -> dict[str, Run]:
        """Read runs by their whole ids; those that are not there are left out."""
        found: dict[str, Run] = {}
        with self._database.reading() as connection:
            for start in range(0, len(ids), _AT_ONCE):
                query = sa.select(runs.c.rid).where(runs.c.id.in_(ids[start : start + _AT_ONCE]))
                found.update({run.id: run for run in read_runs(connection, connection.execute(query).scalars().all())})
        return {id_: found[id_] for id_ in ids if id_ in found}

    def history(
        self, run: str, metric: str, *, limit: int | None = None, after: MetricPoint | None = None
    ) -> tuple[MetricPoint, ...]:
        """Give the values of one metric, by time, step, value.

        Parameters
        ----------
        run, metric : str
            Whose, and which.
        limit : int, optional
            At most so many.
        after : MetricPoint, optional
            Go on after this one: the last of the page before.

        Raises
        ------
        RunNotFound
            There is no such run.
        """
        point = metric_points.c
        with self._database.reading() as connection:
            opened = open_run(connection, run, writable=False)
            query = sa.select(point.step, point.value, point.at_ms, point.nan)
            query = query.where(point.rid == opened.rid, point.name == metric)
            query = query.order_by(point.at_ms, point.step, point.value, point.nan)
            if after is not None:
                nan = after.value != after.value
                place = (after.at_ms, after.step, 0.0 if nan else after.value, int(nan))
                query = query.where(sa.tuple_(point.at_ms, point.step, point.value, point.nan) > place)
            rows = connection.execute(query if limit is None else query.limit(limit)).all()
        return tuple([MetricPoint(step, _NAN if nan else value, at_ms) for step, value, at_ms, nan in rows])

    def _move(self, ids: Sequence[str], when: datetime | None) -> int:
        wanted = list(dict.fromkeys(ids))

        def work(connection: sa.Connection) -> int:
            moved = 0
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                known = connection.execute(
                    sa.select(runs.c.id, experiments.c.deleted)
                    .join(experiments, experiments.c.id == runs.c.experiment_id)
                    .where(runs.c.id.in_(some))
                ).all()
                missing = set(some) - {row.id for row in known}
                if missing:
                    raise run_not_found(min(missing))
                if when is None and any(row.deleted is not None for row in known):
                    raise WrongArgument(
                        "the experiment of a run is deleted, and so its runs are",
                        mend="restore the experiment first",
                        code="N-RUNS-015",
                    )
                there = runs.c.deleted.is_not(None) if when is None else runs.c.deleted.is_(None)
                changed = connection.execute(sa.update(runs).where(runs.c.id.in_(some), there).values(deleted=when))
                moved += changed.rowcount
            return moved

        return self._write(work)


_NAN = float("nan")


def is_lost(process: str, silence: timedelta) -> bool:
    """Say whether a process that was silent so long is taken for dead."""
    known = is_alive(process)
    return silence > EXPIRY if known is None else not known
