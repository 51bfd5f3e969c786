"""What a run was given and what it made: data sets that went in, models that went in or came out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from noria.runs.recording import open_run
from noria.runs.tables import input_datasets, run_inputs, run_models, runs
from noria.store.database import upsert
from noria.store.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.store.database import Database, Write

__all__ = ["DatasetInput", "Inputs", "ModelUse", "read_datasets", "read_model_uses"]

_AT_ONCE = 500


@dataclass(frozen=True)
class DatasetInput:
    """A data set that a run read.

    Parameters
    ----------
    name, digest : str
        What it is called, and which content it had; one of each is kept per experiment.
    source_type, source : str
        Where it came from, in words of whoever logged it.
    schema, profile : str or None
        Its columns and counts, as JSON.
    context : str or None
        Its role: ``training``, ``eval`` …
    tags : mapping of str to str
        Labels of this use.
    """

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str | None = None
    profile: str | None = None
    context: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelUse:
    """A logged model that a run took in or put out."""

    model_id: str
    role: Literal["input", "output"]
    step: int = 0


class Inputs:
    """Inputs and outputs of all runs.

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

    def log_datasets(self, run: str, datasets: Sequence[DatasetInput]) -> None:
        """Record data sets that a run read; what the experiment knows already is kept once.

        Raises
        ------
        RunNotFound, WrongArgument
            There is no such run, or it is deleted.
        """

        def work(connection: sa.Connection) -> None:
            opened = open_run(connection, run)
            for dataset in datasets:
                key = {"experiment_id": opened.experiment_id, "name": dataset.name, "digest": dataset.digest}
                row = {
                    **key,
                    "source_type": dataset.source_type,
                    "source": dataset.source,
                    "schema": dataset.schema,
                    "profile": dataset.profile,
                }
                upsert(connection, input_datasets, row, key=tuple(key), update=())
                own = sa.and_(*(input_datasets.c[name] == value for name, value in key.items()))
                did = connection.execute(sa.select(input_datasets.c.did).where(own)).scalar_one()
                known = connection.execute(
                    sa.select(run_inputs.c.context, run_inputs.c.tags).where(
                        run_inputs.c.rid == opened.rid, run_inputs.c.did == did
                    )
                ).first()
                context, tags = (None, {}) if known is None else (known.context, known.tags)
                # A second mention adds to the first: a metric of a data set names it again, without its role.
                used = {
                    "rid": opened.rid,
                    "did": did,
                    "context": context if dataset.context is None else dataset.context,
                    "tags": {**tags, **dataset.tags},
                }
                upsert(connection, run_inputs, used, key=("rid", "did"))

        self._write(work)

    def log_models(
        self, run: str, models: Sequence[str], *, role: Literal["input", "output"] = "input", steps: Sequence[int] = ()
    ) -> None:
        """Record logged models that a run took in or put out.

        Parameters
        ----------
        run : str
            Which run.
        models : sequence of str
            Their ids.
        role : str
            Whether they went in or came out.
        steps : sequence of int, optional
            When each came out; 0 when left out.

        Raises
        ------
        RunNotFound, WrongArgument
            There is no such run, or it is deleted.
        """

        def work(connection: sa.Connection) -> None:
            opened = open_run(connection, run)
            at = list(steps) or [0] * len(models)
            rows = [
                {"rid": opened.rid, "model_id": model, "role": role, "step": step}
                for model, step in zip(models, at, strict=True)
            ]
            upsert(connection, run_models, rows, key=("rid", "model_id", "role"))

        self._write(work)

    def datasets(self, ids: Sequence[str]) -> dict[str, tuple[DatasetInput, ...]]:
        """Give the data sets of several runs, by run id, in the order they were first seen."""
        with self._database.reading() as connection:
            return read_datasets(connection, ids)

    def used_in(
        self, experiments: Sequence[int], *, limit: int = 1_000
    ) -> tuple[tuple[int, str, str, str | None], ...]:
        """Name the data sets that runs of some experiments read: experiment, name, digest and context, each once."""
        own = input_datasets.c
        query = (
            sa.select(own.experiment_id, own.name, own.digest, run_inputs.c.context)
            .join(run_inputs, run_inputs.c.did == own.did)
            .where(own.experiment_id.in_(list(experiments)))
            .distinct()
            .order_by(own.experiment_id, own.name, own.digest, run_inputs.c.context)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple([(row[0], row[1], row[2], row[3]) for row in connection.execute(query)])

    def models(self, ids: Sequence[str]) -> dict[str, tuple[ModelUse, ...]]:
        """Give the logged models that several runs took in or put out, by run id."""
        with self._database.reading() as connection:
            return read_model_uses(connection, ids)


def read_datasets(connection: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[DatasetInput, ...]]:
    """Do what `Inputs.datasets` does over an open connection."""
    found: dict[str, list[DatasetInput]] = {}
    for run, name, digest, source_type, source, schema, profile, context, tags in _each(
        connection, _DATASETS_OF, _datasets, ids
    ):
        labels = json.loads(tags) if isinstance(tags, str) else tags
        one = DatasetInput(name, digest, source_type, source, schema, profile, context, labels)
        found.setdefault(run, []).append(one)
    return {run: tuple(given) for run, given in found.items()}


def read_model_uses(connection: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[ModelUse, ...]]:
    """Do what `Inputs.models` does over an open connection."""
    found: dict[str, list[ModelUse]] = {}
    for run, model_id, role, step in _each(connection, _MODELS_OF, _uses, ids):
        found.setdefault(run, []).append(ModelUse(model_id, role, step))
    return {run: tuple(used) for run, used in found.items()}


def _each(
    connection: sa.Connection, one: Prepared, query: sa.Select[Any], ids: Sequence[str]
) -> Iterator[Sequence[Any]]:
    if len(ids) == 1:  # what is asked most: a single run
        yield from one.run(connection, {"run": ids[0]})
        return
    for start in range(0, len(ids), _AT_ONCE):
        yield from connection.execute(query.where(runs.c.id.in_(ids[start : start + _AT_ONCE])))


_set = input_datasets.c
_datasets = (
    sa.select(
        runs.c.id,
        *(_set.name, _set.digest, _set.source_type, _set.source, _set.schema, _set.profile),
        run_inputs.c.context,
        run_inputs.c.tags,
    )
    .join(run_inputs, run_inputs.c.rid == runs.c.rid)
    .join(input_datasets, _set.did == run_inputs.c.did)
    .order_by(_set.did)
)
_uses = (
    sa.select(runs.c.id, run_models.c.model_id, run_models.c.role, run_models.c.step)
    .join(run_models, run_models.c.rid == runs.c.rid)
    .order_by(run_models.c.role, run_models.c.step, run_models.c.model_id)
)
_DATASETS_OF = Prepared(lambda _dialect: _datasets.where(runs.c.id == sa.bindparam("run")))
_MODELS_OF = Prepared(lambda _dialect: _uses.where(runs.c.id == sa.bindparam("run")))
