"""Takes in what clients say about their runs: each word once, however often it is sent.

A client keeps what it says in a journal and numbers it. What is taken in and how far the journal has been read are
written in one transaction, so a batch that is sent again because its answer was lost changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import NoriaError, WrongArgument
from noria.runs.experiments import ensure_experiment
from noria.runs.inputs import DatasetInput, Inputs
from noria.runs.log import record_lines
from noria.runs.operations import (
    Batch,
    Dataset,
    Finish,
    Lines,
    Metrics,
    Operation,
    Params,
    Start,
    Tags,
    checked_name,
    number_from,
)
from noria.runs.recording import (
    OpenRun,
    Point,
    create_run,
    open_run,
    record_params,
    record_points,
    record_tags,
)
from noria.runs.runs import EXPIRY, is_lost
from noria.runs.tables import run_journals, runs
from noria.store.database import upsert

if TYPE_CHECKING:
    from noria.store.database import Database, Write

__all__ = ["Ingestion", "Refusal", "Taken"]

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Refusal:
    """An operation that was not carried out, and why; those around it were."""

    number: int
    code: str
    what: str


@dataclass(frozen=True)
class Taken:
    """How far a journal has been read, and what was refused on the way."""

    acknowledged: int
    refused: tuple[Refusal, ...] = ()


class Ingestion:
    """The door for what clients say.

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

    def take(self, run: str, batch: Batch) -> Taken:
        """Carry operations out, all in one transaction.

        An operation that cannot be carried out, such as another value for a param, costs only itself: it is named in
        the answer. What does not come from one operation, such as a run that is deleted, refuses the batch.

        Parameters
        ----------
        run : str
            Its id, 32 hexadecimal digits chosen by the client.
        batch : Batch
            The operations.

        Raises
        ------
        RunNotFound
            There is no such run, and the batch does not begin one.
        WrongArgument
            The id is none, or the run is deleted.
        Conflict
            It is to begin in an experiment that is deleted.
        """
        if not _ID.fullmatch(run):
            raise WrongArgument(
                f"{run[:80]!r} is no id of a run", mend="choose 32 hexadecimal digits", code="N-RUNS-051"
            )
        return self._write(lambda connection: _Writing(self._database, connection, run, batch).done())


class _Writing:
    """A batch on its way into an open transaction."""

    def __init__(self, database: Database, connection: sa.Connection, run: str, batch: Batch) -> None:
        self.inputs = Inputs(database, lambda work: work(connection))
        self.connection = connection
        self.batch = batch
        self.points: list[Point] = []
        self.lines: list[tuple[int, str]] = []
        operations = batch.operations
        if operations and isinstance(operations[0], Start):
            _begin(connection, run, operations[0], alive=batch.alive)
        # Words of a dead process are no sign of life: a run that is lost stays lost.
        self.run = open_run(connection, run, writable=batch.alive)
        if self.run.deleted:
            open_run(connection, run)

    def done(self) -> Taken:
        batch, connection = self.batch, self.connection
        known = _acknowledged(connection, self.run, batch.journal)
        refused: list[Refusal] = []
        number = max(batch.first, known + 1)
        for operation in batch.operations[number - batch.first :]:
            try:
                self._carry_out(operation)
            except NoriaError as error:
                # Every refusal is made before the database is asked, so the transaction is whole.
                refused.append(Refusal(number, error.code, error.what))
            number += 1
        record_points(connection, self.run, self.points)
        record_lines(connection, self.run, self.lines)
        last = batch.first + len(batch.operations) - 1
        if last > known:
            row = {"rid": self.run.rid, "journal": batch.journal, "acknowledged": last}
            upsert(connection, run_journals, row, key=("rid", "journal"))
        if batch.alive:
            beating = sa.and_(runs.c.rid == self.run.rid, runs.c.status == "running", runs.c.beat.is_not(None))
            connection.execute(sa.update(runs).where(beating).values(beat=datetime.now(UTC)))
        return Taken(max(known, last), tuple(refused))

    def _carry_out(self, said: Operation) -> None:
        connection, run = self.connection, self.run
        if isinstance(said, Metrics):
            named = [(checked_name(name), number_from(value)) for name, value in said.values.items()]
            self.points += [Point(name, value, said.at_ms, said.step) for name, value in named]
        elif isinstance(said, Params):
            params = {checked_name(name, "param"): value for name, value in said.values.items()}
            record_params(connection, run, params)
        elif isinstance(said, Tags):
            record_tags(connection, run, {checked_name(name, "tag"): value for name, value in said.values.items()})
        elif isinstance(said, Lines):
            self.lines += [(said.at_ms, line) for line in said.lines]
        elif isinstance(said, Dataset):
            self.inputs.log_datasets(run.id, [_dataset(said)])
        elif isinstance(said, Start):
            if said.resume:
                again: dict[str, object] = {"status": "running", "ended": None, "error": None}
                again |= {"process": said.process, "beat": datetime.now(UTC)}
                connection.execute(sa.update(runs).where(runs.c.rid == run.rid).values(again))
        else:
            _end(connection, run, said)


def _begin(connection: sa.Connection, run: str, start: Start, *, alive: bool) -> None:
    now = datetime.now(UTC)
    began = _time(start.at_ms)
    row: dict[str, object] = {
        "id": run,
        "experiment_id": ensure_experiment(connection, start.experiment) if start.experiment else 0,
        "kind": start.kind,
        "name": start.name,
        "status": "running",
        "started": began,
        "ended": None,
        "deleted": None,
        "beat": now if alive else began,
        "process": start.process,
        "trigger": start.trigger,
        "user_id": start.user,
        "git_commit": start.git_commit,
        "git_clean": start.git_clean,
        "error": None,
    }
    create_run(connection, row, {})


def _end(connection: sa.Connection, run: OpenRun, end: Finish) -> None:
    own = runs.c.rid == run.rid
    if end.status == "lost":
        # Said on behalf of a dead process. How the run itself said that it ended counts for more, and it may go on
        # in another process.
        status, beat, process = connection.execute(
            sa.select(runs.c.status, runs.c.beat, runs.c.process).where(own)
        ).one()
        silence = EXPIRY if beat is None else datetime.now(UTC) - beat
        if status not in ("running", "lost") or not is_lost(process, silence):
            return
    ending = {"status": end.status, "ended": _time(end.at_ms), "error": end.error}
    connection.execute(sa.update(runs).where(own).values(ending))


def _acknowledged(connection: sa.Connection, run: OpenRun, journal: str) -> int:
    query = sa.select(run_journals.c.acknowledged)
    query = query.where(run_journals.c.rid == run.rid, run_journals.c.journal == journal)
    return connection.execute(query).scalar() or 0


def _dataset(said: Dataset) -> DatasetInput:
    return DatasetInput(said.name, said.digest, said.source_type, said.source, said.schema, said.profile, said.context)


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
