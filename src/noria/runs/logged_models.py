"""Models as they were logged: each with the run that made it, its params, tags, and what was measured of it.

A logged model is a candidate: it belongs to an experiment and to the run it came from. What a team decides to keep
becomes a version in the registry.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.errors import ModelNotFound, WrongArgument
from noria.runs.experiments import find_experiment
from noria.runs.tables import logged_model_metrics, logged_model_params, logged_model_tags, logged_models
from noria.store.database import upsert

if TYPE_CHECKING:
    from noria.store.database import Database, Write

__all__ = ["LoggedModel", "LoggedModels", "ModelMetric", "ModelStatus", "read_models", "record_model_metrics"]

ModelStatus = Literal["pending", "ready", "upload_failed"]
_AT_ONCE = 500


@dataclass(frozen=True)
class ModelMetric:
    """A number measured of a model: by which run, and on which data where that is known."""

    name: str
    value: float
    at_ms: int
    step: int = 0
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True)
class LoggedModel:
    """A logged model.

    Parameters
    ----------
    id : str
        ``m-`` and 32 hexadecimal digits.
    experiment_id : int
        Where it belongs.
    name, type : str
        What it is called, and what sort it is: both in the words of whoever logged it.
    status : ModelStatus
        ``pending`` until all its files are there.
    source_run_id : str
        The run it came from, or empty.
    created, updated : datetime
        UTC.
    deleted : datetime or None
        When it was put in the bin.
    params, tags : mapping of str to str
        Settings and labels.
    metrics : tuple of ModelMetric
        The latest of each, for each run and data set.
    """

    id: str
    experiment_id: int
    name: str
    type: str
    status: ModelStatus
    source_run_id: str
    created: datetime
    updated: datetime
    deleted: datetime | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[ModelMetric, ...] = ()


class LoggedModels:
    """All logged models.

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
        experiment: int,
        *,
        name: str = "",
        type: str = "",
        source_run_id: str = "",
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
        at: datetime | None = None,
    ) -> LoggedModel:
        """Open a logged model, its files still to come.

        Parameters
        ----------
        experiment : int
            Where it belongs.
        name, type, source_run_id, params, tags
            See `LoggedModel`; a nameless one is called by its id.
        model_id : str, optional
            Its id, when whoever logs it has chosen one.
        at : datetime, optional
            When; now, when left out.

        Raises
        ------
        ExperimentNotFound, WrongArgument
            There is no such experiment, or it is deleted.
        """
        id_ = model_id or f"m-{uuid.uuid4().hex}"
        now = at or datetime.now(UTC)
        row: dict[str, object] = {
            "id": id_,
            "experiment_id": experiment,
            "name": name or id_,
            "type": type,
            "status": "pending",
            "source_run_id": source_run_id,
            "created": now,
            "updated": now,
        }

        def work(connection: sa.Connection) -> LoggedModel:
            found = find_experiment(connection, experiment)
            if found.deleted is not None:
                raise WrongArgument(
                    f"experiment {found.name!r} is deleted, and takes no new models",
                    mend="restore it, or log to another",
                    code="N-RUNS-040",
                )
            connection.execute(sa.insert(logged_models).values(row))
            _put(connection, logged_model_params, id_, params or {})
            _put(connection, logged_model_tags, id_, tags or {})
            return read_models(connection, [id_])[0]

        return self._write(work)

    def get(self, model_id: str, *, deleted: bool = False) -> LoggedModel:
        """Read a logged model.

        Parameters
        ----------
        model_id : str
            Its id.
        deleted : bool
            Also one that is in the bin.

        Raises
        ------
        ModelNotFound
            There is none of this id.
        """
        with self._database.reading() as connection:
            return _find(connection, model_id, deleted=deleted)

    def of_run(self, run: str) -> tuple[LoggedModel, ...]:
        """Give the models that came from a run, the oldest first."""
        own = logged_models.c
        query = sa.select(own.id).where(own.source_run_id == run, own.deleted.is_(None)).order_by(own.created, own.id)
        with self._database.reading() as connection:
            return tuple(read_models(connection, connection.execute(query).scalars().all()))

    def update(self, model_id: str, status: ModelStatus, *, at: datetime | None = None) -> LoggedModel:
        """Say how its upload ended.

        Raises
        ------
        ModelNotFound
            There is none of this id.
        """
        return self._write(lambda connection: self._change(connection, model_id, at, status=status))

    def set_tags(self, model_id: str, tags: Mapping[str, str], *, at: datetime | None = None) -> LoggedModel:
        """Label a logged model.

        Raises
        ------
        ModelNotFound
            There is none of this id.
        """

        def work(connection: sa.Connection) -> LoggedModel:
            _find(connection, model_id)
            _put(connection, logged_model_tags, model_id, tags)
            return self._change(connection, model_id, at)

        return self._write(work)

    def delete_tag(self, model_id: str, name: str, *, at: datetime | None = None) -> None:
        """Take a label off.

        Raises
        ------
        ModelNotFound
            There is none of this id, or it has no such label.
        """

        def work(connection: sa.Connection) -> None:
            _find(connection, model_id)
            own = sa.and_(logged_model_tags.c.model_id == model_id, logged_model_tags.c.name == name)
            if connection.execute(sa.delete(logged_model_tags).where(own)).rowcount == 0:
                raise ModelNotFound(
                    f"logged model {model_id} has no tag {name!r}", mend="look at its tags first", code="N-RUNS-041"
                )
            self._change(connection, model_id, at)

        self._write(work)

    def log_params(self, model_id: str, params: Mapping[str, str], *, at: datetime | None = None) -> LoggedModel:
        """Record settings of a logged model; a name that is there must have the same value.

        Raises
        ------
        ModelNotFound
            There is none of this id.
        WrongArgument
            A param has another value already.
        """

        def work(connection: sa.Connection) -> LoggedModel:
            known = _find(connection, model_id).params
            for name, value in params.items():
                if known.get(name, value) != value:
                    raise WrongArgument(
                        f"param {name!r} of logged model {model_id} is {known[name]!r} and cannot become {value!r}",
                        why="a param is written once",
                        mend="log it under another name",
                        code="N-RUNS-042",
                    )
            _put(connection, logged_model_params, model_id, params)
            return self._change(connection, model_id, at)

        return self._write(work)

    def log_metrics(self, model_id: str, metrics: Sequence[ModelMetric]) -> None:
        """Record what was measured of it.

        Raises
        ------
        ModelNotFound
            There is none of this id.
        """

        def work(connection: sa.Connection) -> None:
            _find(connection, model_id)
            record_model_metrics(connection, model_id, metrics)

        self._write(work)

    def delete(self, model_id: str, *, at: datetime | None = None) -> None:
        """Put it in the bin.

        Raises
        ------
        ModelNotFound
            There is none of this id that is not there already.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            _find(connection, model_id)
            gone = {"deleted": now, "updated": now}
            connection.execute(sa.update(logged_models).where(logged_models.c.id == model_id).values(gone))

        self._write(work)

    def _change(self, connection: sa.Connection, model_id: str, at: datetime | None, **changed: object) -> LoggedModel:
        found = _find(connection, model_id)
        now = at or datetime.now(UTC)
        changing = sa.update(logged_models).where(logged_models.c.id == model_id)
        connection.execute(changing.values(**changed, updated=now))
        return replace(found, updated=now, **changed)  # type: ignore[arg-type] # columns are fields


def read_models(connection: sa.Connection, ids: Sequence[str]) -> list[LoggedModel]:
    """Read logged models in the order of their ids; those that are not there are left out."""
    found: dict[str, LoggedModel] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        params = _of(connection, logged_model_params, some)
        tags = _of(connection, logged_model_tags, some)
        metrics: dict[str, list[ModelMetric]] = {}
        own = logged_model_metrics.c
        measured = sa.select(logged_model_metrics).where(own.model_id.in_(some))
        for row in connection.execute(measured.order_by(own.name, own.run_id, own.dataset_name, own.dataset_digest)):
            value = math.nan if row.nan else row.value
            one = ModelMetric(row.name, value, row.at_ms, row.step, row.run_id, row.dataset_name, row.dataset_digest)
            metrics.setdefault(row.model_id, []).append(one)
        for fields in connection.execute(sa.select(logged_models).where(logged_models.c.id.in_(some))).mappings():
            id_ = fields["id"]
            found[id_] = LoggedModel(
                **fields, params=params.get(id_, {}), tags=tags.get(id_, {}), metrics=tuple(metrics.get(id_, ()))
            )
    return [found[id_] for id_ in ids if id_ in found]


def record_model_metrics(connection: sa.Connection, model_id: str, metrics: Sequence[ModelMetric]) -> None:
    """Keep the latest of each metric for each run and data set, over an open connection."""
    own = logged_model_metrics.c
    for metric in metrics:
        nan = math.isnan(metric.value)
        key = {
            "model_id": model_id,
            "name": metric.name,
            "run_id": metric.run_id,
            "dataset_name": metric.dataset_name,
            "dataset_digest": metric.dataset_digest,
        }
        new = {"value": 0.0 if nan else metric.value, "nan": int(nan), "step": metric.step, "at_ms": metric.at_ms}
        same = sa.and_(*(own[name] == value for name, value in key.items()))
        there = connection.execute(sa.select(own.step, own.at_ms, own.value).where(same)).first()
        if there is None or (metric.step, metric.at_ms, new["value"]) > tuple(there):
            upsert(connection, logged_model_metrics, {**key, **new}, key=tuple(key))


def _put(connection: sa.Connection, table: sa.Table, model_id: str, values: Mapping[str, str]) -> None:
    rows = [{"model_id": model_id, "name": name, "value": value} for name, value in values.items()]
    upsert(connection, table, rows, key=("model_id", "name"))


def _of(connection: sa.Connection, table: sa.Table, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for id_, name, value in connection.execute(
        sa.select(table.c.model_id, table.c.name, table.c.value).where(table.c.model_id.in_(ids)).order_by(table.c.name)
    ):
        found.setdefault(id_, {})[name] = value
    return found


def _find(connection: sa.Connection, model_id: str, *, deleted: bool = False) -> LoggedModel:
    found = read_models(connection, [model_id])
    if not found or (found[0].deleted is not None and not deleted):
        raise ModelNotFound(
            f"there is no logged model {model_id!r}", mend="noria runs show RUN lists those of a run", code="N-RUNS-043"
        )
    return found[0]
