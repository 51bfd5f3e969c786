"""The engine's records: reads and writes of its three tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

import sqlalchemy as sa

from noria.pipeline.artifact import ArtifactRef
from noria.pipeline.tables import actions, leases, step_states
from noria.store.blobs import Digest, canonical_json
from noria.store.database import upsert
from noria.store.process import is_alive, this_process

if TYPE_CHECKING:
    from noria.pipeline.event import StepState
    from noria.pipeline.key import KeyParts
    from noria.store.database import Database

__all__ = ["EXPIRY", "Action", "Past", "Records", "StepRecord"]

EXPIRY = timedelta(seconds=60)
"""A lease of another machine is dead when its heart has not beaten for this long."""

_RECENT = 4
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_BROKEN_OFF = {"failed": "failed", "running": "interrupted", "cancelled": "interrupted"}
_COLUMNS = (
    actions.c.key,
    actions.c.step,
    actions.c.output,
    actions.c.created,
    actions.c.seconds,
    actions.c.run_id,
)


@dataclass(frozen=True)
class Action:
    """A finished piece of work."""

    key: Digest
    step: str
    output: ArtifactRef
    created: datetime
    seconds: float
    run_id: str


@dataclass(frozen=True)
class Past:
    """What became of a step before.

    Parameters
    ----------
    last : Action or None
        The result it gave or took last, in whichever run.
    broken_off : str
        How it ended last, if without a result: "failed", "interrupted"; else "".
    """

    last: Action | None = None
    broken_off: str = ""


@dataclass(frozen=True)
class StepRecord:
    """How one step of one run went."""

    run_id: str
    step: str
    state: StepState
    key: Digest | None = None
    reason: str = ""
    output: ArtifactRef | None = None
    seconds: float | None = None
    started: datetime | None = None
    ended: datetime | None = None
    error: Mapping[str, str] | None = None


class Records:
    """Finds, claims and publishes work.

    Parameters
    ----------
    database : Database
        Migrated.
    scope : str
        Whose steps these are, such as a project's name: results by key are everybody's, but what a step did last is
        told of its own scope only.
    """

    def __init__(self, database: Database, scope: str = "") -> None:
        self._database = database
        self._scope = scope
        self._owner = this_process()

    def recent(self, steps: Collection[str]) -> dict[Digest, Action]:
        """Give the latest results of some steps: one query that answers most look-ups of a run."""
        query = (
            sa.select(*_COLUMNS)
            .where(actions.c.step.in_(list(steps)))
            .order_by(actions.c.created.desc())
            .limit(max(100, _RECENT * len(steps)))
        )
        with self._database.reading() as connection:
            return {row.key: _action(row) for row in connection.execute(query)}

    def action(self, key: Digest) -> Action | None:
        """Find the result of one key."""
        with self._database.reading() as connection:
            return self._find(connection, key)

    def parts(self, key: Digest) -> KeyParts | None:
        """Recall what a key was made of."""
        with self._database.reading() as connection:
            return cast("KeyParts | None", connection.scalar(sa.select(actions.c.parts).where(actions.c.key == key)))

    def pasts(self, steps: Collection[str]) -> dict[str, Past]:
        """Recall what became of some steps before: two queries, however many steps."""
        wanted = sa.and_(step_states.c.scope == self._scope, step_states.c.step.in_(list(steps)))
        used = step_states.c.state.in_(("finished", "cached"))
        latest = (
            sa.select(step_states.c.step, sa.func.max(step_states.c.ended).label("at"))
            .where(wanted, used)
            .group_by(step_states.c.step)
            .subquery()
        )
        joined = sa.and_(
            step_states.c.scope == self._scope,
            step_states.c.step == latest.c.step,
            step_states.c.ended == latest.c.at,
        )
        results = (
            sa.select(*_COLUMNS, latest.c.step.label("used_by"))
            .join_from(latest, step_states, joined)
            .join(actions, actions.c.key == step_states.c.key)
            .where(used)
        )
        begun = (
            sa.select(step_states.c.step, sa.func.max(step_states.c.started).label("at"))
            .where(wanted)
            .group_by(step_states.c.step)
            .subquery()
        )
        on = sa.and_(
            step_states.c.scope == self._scope,
            step_states.c.step == begun.c.step,
            step_states.c.started == begun.c.at,
        )
        endings = sa.select(step_states.c.step, step_states.c.state).join_from(begun, step_states, on)
        with self._database.reading() as connection:
            last = {row.used_by: _action(row) for row in connection.execute(results)}
            ended = {row.step: _BROKEN_OFF.get(row.state, "") for row in connection.execute(endings)}
        return {step: Past(last.get(step), ended.get(step, "")) for step in steps}

    def claim(
        self, key: Digest, step: str, run_id: str, *, fresh: bool, now: datetime, again: bool = False
    ) -> Action | Literal["taken", "held"]:
        """Take a key to work on it.

        Parameters
        ----------
        key : Digest
            What is to be computed.
        step, run_id : str
            For whom.
        fresh : bool
            A result that is there already does not count.
        now : datetime
            The time.
        again : bool
            Somebody was at it when last asked: look before writing, as most often they still are.

        Returns
        -------
        Action, "taken" or "held"
            The result somebody else has published meanwhile; or it is ours to do; or somebody is at it.
        """
        if again:
            with self._database.reading() as connection:
                found = None if fresh else self._find(connection, key)
                if found is not None or self._held(connection, key, now):
                    return found or "held"
        with self._database.transaction() as connection:
            found = None if fresh else self._find(connection, key)
            if found is not None:
                return found
            old = connection.execute(sa.select(leases).where(leases.c.key == key)).first()
            if old is not None and _lives(old.owner, old.beat, now):
                return "held"
            row = {"key": key, "owner": self._owner, "step": step, "run_id": run_id, "taken": now, "beat": now}
            if old is not None:  # dead; but only that one, as somebody may have taken it over this instant
                dead = sa.and_(leases.c.owner == old.owner, leases.c.run_id == old.run_id, leases.c.taken == old.taken)
                connection.execute(sa.delete(leases).where(leases.c.key == key, dead))
            upsert(connection, leases, row, key=("key",), update=())
            # SQLite has one writer at a time; on PostgreSQL two may insert at once, and the row that is there wins.
            if self._database.dialect != "sqlite":
                winner = connection.execute(sa.select(leases.c.run_id, leases.c.owner).where(leases.c.key == key)).one()
                if (winner.run_id, winner.owner) != (run_id, self._owner):
                    return "held"
            self._mark(connection, [StepRecord(run_id, step, "running", key=key, started=now)])
        return "taken"

    def beat(self, run_id: str, now: datetime) -> None:
        """Show that this run's leases are alive."""
        with self._database.transaction() as connection:
            connection.execute(
                sa.update(leases).where(leases.c.run_id == run_id, leases.c.owner == self._owner).values(beat=now)
            )

    def publish(
        self,
        record: StepRecord,
        parts: KeyParts,
        *,
        keep: bool,
    ) -> None:
        """Make a result known, and free its key, in one transaction.

        Parameters
        ----------
        record : StepRecord
            The finished step, with key and output.
        parts : KeyParts
            What the key was made of.
        keep : bool
            False when the result must not serve another run.
        """
        if record.output is None or record.key is None:
            raise ValueError("only a finished step can be published")
        with self._database.transaction() as connection:
            if keep:
                row = _row(record.key, record.step, record.ended, record.output, parts, record.seconds, record.run_id)
                upsert(connection, actions, row, key=("key",))
            self._free(connection, record.run_id, record.key)
            self._mark(connection, [record])

    def remember(
        self,
        key: Digest,
        name: str,
        output: ArtifactRef,
        parts: Mapping[str, object],
        *,
        seconds: float,
        run_id: str,
        at: datetime,
    ) -> None:
        """Keep what a part of a step found; see `noria.pipeline.memo`."""
        with self._database.transaction() as connection:
            upsert(connection, actions, _row(key, name, at, output, parts, seconds, run_id), key=("key",))

    def forget_parts(self, name: str, *, before: datetime) -> None:
        """Let go of what parts of a step found before a time; a sweep of the store then frees their room."""
        with self._database.transaction() as connection:
            connection.execute(sa.delete(actions).where(actions.c.step == name, actions.c.created < before))

    def settle(self, records: Iterable[StepRecord], *, free: str | None = None) -> None:
        """Write how steps ended, and free what a run still holds.

        Parameters
        ----------
        records : iterable of StepRecord
            The steps.
        free : str, optional
            Run whose leases are all given back.
        """
        rows = list(records)
        if not rows and free is None:
            return
        with self._database.transaction() as connection:
            if free is not None:
                self._free(connection, free, None)
            self._mark(connection, rows)

    def free(self, run_id: str, key: Digest) -> None:
        """Give a key back without a result."""
        with self._database.transaction() as connection:
            self._free(connection, run_id, key)

    def states(self, run_id: str) -> list[StepRecord]:
        """Give the steps of a run, in the order they began."""
        query = (
            sa.select(step_states)
            .where(step_states.c.run_id == run_id)
            .order_by(step_states.c.started.is_(None), step_states.c.started, step_states.c.step)
        )
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def outputs_before(self, run_id: str, step: str, *, most: int) -> list[ArtifactRef]:
        """Give what a step of the same project gave before a run, the newest first, each once."""
        state = step_states.c
        scope = sa.select(state.scope).where(state.run_id == run_id, state.step == step).scalar_subquery()
        query = (
            sa.select(state.output)
            .where(state.scope == scope, state.step == step, state.run_id != run_id, state.output.is_not(None))
            .where(state.state == "finished")
            .order_by(state.ended.desc())
            .limit(most)
        )
        with self._database.reading() as connection:
            found = [ArtifactRef.from_json(output) for output in connection.execute(query).scalars()]
        return list(dict.fromkeys(found))

    def named(self) -> set[Digest]:
        """Name every object that an output of a step is made of."""
        found: set[Digest] = set()
        with self._database.reading() as connection:
            for column in (actions.c.output, step_states.c.output):
                for output in connection.execute(sa.select(column).where(column.is_not(None))).scalars():
                    found |= _named(output)
        return found

    def forget(self, run_ids: Sequence[str]) -> None:
        """Delete how the steps of some runs went; what they computed stays for other runs."""
        with self._database.transaction() as connection:
            for start in range(0, len(run_ids), 500):
                some = step_states.c.run_id.in_(run_ids[start : start + 500])
                connection.execute(sa.delete(step_states).where(some))

    def forget_outputs(self, gone: Set[Digest]) -> int:
        """Let no step give back what is made of objects that are gone; say how many results that were."""
        with self._database.transaction() as connection:
            rows = connection.execute(sa.select(actions.c.key, actions.c.output)).all()
            keys = [row.key for row in rows if _named(row.output) & gone]
            for start in range(0, len(keys), 500):
                connection.execute(sa.delete(actions).where(actions.c.key.in_(keys[start : start + 500])))
            state = step_states.c
            asked = sa.select(state.run_id, state.step, state.output).where(state.output.is_not(None))
            for row in connection.execute(asked).all():
                if _named(row.output) & gone:
                    one = sa.and_(state.run_id == row.run_id, state.step == row.step)
                    connection.execute(sa.update(step_states).where(one).values(output=None))
        return len(keys)

    def working(self, now: datetime) -> tuple[str, ...]:
        """Name the steps that somebody alive is working on now."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(leases)).all()
        return tuple(sorted(row.step for row in rows if _lives(row.owner, row.beat, now)))

    def _find(self, connection: sa.Connection, key: str) -> Action | None:
        row = connection.execute(sa.select(*_COLUMNS).where(actions.c.key == key)).first()
        return None if row is None else _action(row)

    def _held(self, connection: sa.Connection, key: Digest, now: datetime) -> bool:
        row = connection.execute(sa.select(leases).where(leases.c.key == key)).first()
        return row is not None and _lives(row.owner, row.beat, now)

    def _free(self, connection: sa.Connection, run_id: str, key: Digest | None) -> None:
        statement = sa.delete(leases).where(leases.c.run_id == run_id, leases.c.owner == self._owner)
        connection.execute(statement if key is None else statement.where(leases.c.key == key))

    def _mark(self, connection: sa.Connection, records: list[StepRecord]) -> None:
        rows = [
            {
                "run_id": one.run_id,
                "step": one.step,
                "scope": self._scope,
                "state": one.state,
                "key": one.key,
                "reason": one.reason,
                "output": None if one.output is None else one.output.to_json(),
                "seconds": one.seconds,
                "started": one.started,
                "ended": one.ended,
                "error": None if one.error is None else dict(one.error),
            }
            for one in records
        ]
        upsert(connection, step_states, rows, key=("run_id", "step"))


def _lives(owner: str, beat: datetime, now: datetime) -> bool:
    known = is_alive(owner)
    return now - beat < EXPIRY if known is None else known


def _named(output: object) -> set[Digest]:
    return {Digest(digest) for digest in _DIGEST.findall(canonical_json(output))}


def _row(
    key: Digest,
    step: str,
    created: datetime | None,
    output: ArtifactRef,
    parts: Mapping[str, object],
    seconds: float | None,
    run_id: str,
) -> dict[str, object]:
    return {
        "key": key, "step": step, "created": created, "output": output.to_json(), "parts": dict(parts),
        "seconds": seconds, "run_id": run_id,
    }  # fmt: skip


def _action(row: sa.Row[*tuple[Any, ...]]) -> Action:
    return Action(row.key, row.step, ArtifactRef.from_json(row.output), row.created, row.seconds, row.run_id)


def _record(row: sa.Row[*tuple[Any, ...]]) -> StepRecord:
    return StepRecord(
        run_id=row.run_id,
        step=row.step,
        state=row.state,
        key=row.key,
        reason=row.reason,
        output=None if row.output is None else ArtifactRef.from_json(row.output),
        seconds=row.seconds,
        started=row.started,
        ended=row.ended,
        error=row.error,
    )
