"""Experiments: runs that answer the same question stand together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import Conflict, ExperimentNotFound, WrongArgument
from noria.runs.tables import experiment_tags, experiments, runs
from noria.store.database import upsert

if TYPE_CHECKING:
    from noria.store.database import Database, Write

__all__ = ["DEFAULT", "Experiment", "Experiments", "ensure_experiment", "find_experiment"]

DEFAULT = 0
"""The experiment that is there from the start, called ``Default``."""

_INT32 = 1 << 31


@dataclass(frozen=True)
class Experiment:
    """A named set of runs.

    Parameters
    ----------
    id : int
        Its number for good.
    name : str
        Unique, those of deleted experiments included.
    artifact_location : str
        Where its runs' files are kept; empty: in noria's own store.
    created, updated : datetime
        UTC.
    deleted : datetime or None
        When it was put in the bin.
    tags : mapping of str to str
        Labels.
    """

    id: int
    name: str
    artifact_location: str
    created: datetime
    updated: datetime
    deleted: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Experiments:
    """All experiments.

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

    def create(
        self,
        name: str,
        *,
        artifact_location: str = "",
        tags: Mapping[str, str] | None = None,
        at: datetime | None = None,
    ) -> Experiment:
        """Open an experiment.

        Raises
        ------
        Conflict
            The name is taken, perhaps by a deleted experiment.
        WrongArgument
            The name is empty.
        """
        if not name.strip():
            raise WrongArgument("an experiment needs a name", mend="give it one", code="N-RUNS-020")
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> int:
            _must_be_free(connection, name)
            row = {"name": name, "artifact_location": artifact_location, "created": now, "updated": now}
            number = connection.execute(sa.insert(experiments).values(row).returning(experiments.c.id)).scalar_one()
            if tags:
                rows = [{"experiment_id": number, "name": key, "value": value} for key, value in tags.items()]
                connection.execute(sa.insert(experiment_tags), rows)
            return int(number)

        try:
            number = self._write(work)
        except IntegrityError as error:  # two at once: the other was first
            raise _taken(name, deleted=False) from error
        return Experiment(number, name, artifact_location, now, now, None, dict(tags or {}))

    def get(self, number: int) -> Experiment:
        """Read an experiment, a deleted one too.

        Raises
        ------
        ExperimentNotFound
            There is none of this number.
        """
        with self._database.reading() as connection:
            return find_experiment(connection, number)

    def by_name(self, name: str) -> Experiment | None:
        """Read an experiment, a deleted one too; None when no experiment has the name."""
        with self._database.reading() as connection:
            number = connection.execute(sa.select(experiments.c.id).where(experiments.c.name == name)).scalar()
            return None if number is None else find_experiment(connection, number)

    def ensure(self, name: str) -> int:
        """Give the number of the experiment of this name, opening it where there is none.

        Raises
        ------
        Conflict
            It is deleted.
        """
        for _ in range(2):
            found = self.by_name(name)
            if found is not None:
                if found.deleted is not None:
                    raise _taken(name, deleted=True)
                return found.id
            try:
                return self.create(name).id
            except Conflict:
                continue  # somebody opened it this instant
        raise _taken(name, deleted=False)

    def rename(self, number: int, name: str, *, at: datetime | None = None) -> None:
        """Give an experiment another name.

        Raises
        ------
        ExperimentNotFound
            There is none of this number.
        WrongArgument
            It is deleted, or the name is empty.
        Conflict
            The name is taken.
        """
        if not name.strip():
            raise WrongArgument("an experiment needs a name", mend="give it one", code="N-RUNS-020")

        def work(connection: sa.Connection) -> None:
            found = find_experiment(connection, number)
            if found.deleted is not None:
                raise _is_deleted(found)
            if found.name != name:
                _must_be_free(connection, name)
            changed = {"name": name, "updated": at or datetime.now(UTC)}
            connection.execute(sa.update(experiments).where(experiments.c.id == number).values(changed))

        try:
            self._write(work)
        except IntegrityError as error:
            raise _taken(name, deleted=False) from error

    def delete(self, number: int, *, at: datetime | None = None) -> None:
        """Put an experiment in the bin, with all its runs.

        Raises
        ------
        ExperimentNotFound
            There is none of this number that is not in the bin already.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            found = find_experiment(connection, number)
            if found.deleted is not None:
                raise _missing(number)
            gone = {"deleted": now}
            connection.execute(
                sa.update(experiments).where(experiments.c.id == number).values({**gone, "updated": now})
            )
            connection.execute(
                sa.update(runs).where(runs.c.experiment_id == number, runs.c.deleted.is_(None)).values(gone)
            )

        self._write(work)

    def restore(self, number: int, *, at: datetime | None = None) -> None:
        """Take an experiment out of the bin, with the runs that went in with it.

        Runs that had been deleted singly before stay deleted: somebody meant that.

        Raises
        ------
        ExperimentNotFound
            There is none of this number in the bin.
        """

        def work(connection: sa.Connection) -> None:
            found = find_experiment(connection, number)
            if found.deleted is None:
                raise _missing(number)
            connection.execute(
                sa.update(experiments)
                .where(experiments.c.id == number)
                .values(deleted=None, updated=at or datetime.now(UTC))
            )
            together = sa.and_(runs.c.experiment_id == number, runs.c.deleted == found.deleted)
            connection.execute(sa.update(runs).where(together).values(deleted=None))

        self._write(work)

    def set_tag(self, number: int, name: str, value: str, *, at: datetime | None = None) -> None:
        """Label an experiment.

        Raises
        ------
        ExperimentNotFound
            There is none of this number.
        WrongArgument
            It is deleted.
        """

        def work(connection: sa.Connection) -> None:
            found = find_experiment(connection, number)
            if found.deleted is not None:
                raise _is_deleted(found)
            row = {"experiment_id": number, "name": name, "value": value}
            upsert(connection, experiment_tags, row, key=("experiment_id", "name"))
            connection.execute(
                sa.update(experiments).where(experiments.c.id == number).values(updated=at or datetime.now(UTC))
            )

        self._write(work)

    def delete_tag(self, number: int, name: str) -> None:
        """Take a label off.

        Raises
        ------
        ExperimentNotFound
            There is no such experiment, or no such label on it.
        """

        def work(connection: sa.Connection) -> None:
            found = find_experiment(connection, number)
            if found.deleted is not None:
                raise _is_deleted(found)
            own = sa.and_(experiment_tags.c.experiment_id == number, experiment_tags.c.name == name)
            if connection.execute(sa.delete(experiment_tags).where(own)).rowcount == 0:
                raise ExperimentNotFound(
                    f"experiment {found.name!r} has no tag {name!r}", mend="look at its tags first", code="N-RUNS-021"
                )

        self._write(work)


def find_experiment(connection: sa.Connection, number: int) -> Experiment:
    """Read an experiment over an open connection.

    Raises
    ------
    ExperimentNotFound
        There is none of this number.
    """
    row = None
    if 0 <= number < _INT32:
        row = connection.execute(sa.select(experiments).where(experiments.c.id == number)).mappings().first()
    if row is None:
        raise _missing(number)
    own = sa.select(experiment_tags.c.name, experiment_tags.c.value).where(experiment_tags.c.experiment_id == number)
    tags = {name: value for name, value in connection.execute(own.order_by(experiment_tags.c.name))}
    return Experiment(**row, tags=tags)


def ensure_experiment(connection: sa.Connection, name: str) -> int:
    """Give the number of the experiment of this name over an open connection, opening it where there is none.

    Raises
    ------
    Conflict
        It is deleted.
    WrongArgument
        The name is empty.
    """
    if not name.strip():
        raise WrongArgument("an experiment needs a name", mend="give it one", code="N-RUNS-020")
    now = datetime.now(UTC)
    row = {"name": name, "artifact_location": "", "created": now, "updated": now}
    # Two may open it at once; then both log to the one.
    upsert(connection, experiments, row, key=("name",), update=())
    found = connection.execute(sa.select(experiments.c.id, experiments.c.deleted).where(experiments.c.name == name))
    number, deleted = found.one()
    if deleted is not None:
        raise _taken(name, deleted=True)
    return int(number)


def _must_be_free(connection: sa.Connection, name: str) -> None:
    row = connection.execute(sa.select(experiments.c.deleted).where(experiments.c.name == name)).first()
    if row is not None:
        raise _taken(name, deleted=row.deleted is not None)


def _taken(name: str, *, deleted: bool) -> Conflict:
    return Conflict(
        f"experiment {name!r} exists already" + (" and is deleted" if deleted else ""),
        why="a deleted experiment keeps its name, so that it can be restored" if deleted else "",
        mend="restore it, or choose another name" if deleted else "choose another name, or log to that one",
        code="N-RUNS-022",
    )


def _is_deleted(found: Experiment) -> WrongArgument:
    return WrongArgument(
        f"experiment {found.name!r} is deleted, and a deleted experiment takes nothing more",
        mend="restore it first",
        code="N-RUNS-023",
    )


def _missing(number: int) -> ExperimentNotFound:
    return ExperimentNotFound(
        f"there is no experiment {number}", mend="noria runs experiments     lists them", code="N-RUNS-024"
    )
