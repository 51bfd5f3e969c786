"""Taking over what was recorded elsewhere: many runs at once, each with the id and the times it has there.

Every function takes an open connection and can be called again with the same: what is there stays as it is. A run that
somebody has gone on with here is never overwritten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.runs.experiments import find_experiment
from noria.runs.recording import write_points
from noria.runs.tables import (
    artifacts,
    experiment_tags,
    experiments,
    input_datasets,
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    run_inputs,
    run_models,
    run_params,
    run_tags,
    runs,
)
from noria.store.database import upsert
from noria.store.prepared import Prepared, inserting

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert

    from noria.runs.experiments import Experiment
    from noria.runs.inputs import DatasetInput, ModelUse
    from noria.runs.run import Status
    from noria.store.blobs import Digest

__all__ = [
    "AdoptedModel",
    "AdoptedRun",
    "Difference",
    "ModelMetric",
    "adopt_experiment",
    "adopt_files",
    "adopt_inputs",
    "adopt_model",
    "adopt_points",
    "adopt_runs",
]

PointRow = tuple[int, int, str, float, int, int]
"""Run's rid, experiment, metric, value, time in milliseconds, step."""

_AT_ONCE = 500
_UNFINISHED = ("running", "scheduled", "lost")


@dataclass(frozen=True, slots=True)
class AdoptedRun:
    """A run as it was elsewhere: see `noria.runs.run.Run`."""

    id: str
    experiment_id: int
    name: str
    status: Status
    started: datetime
    ended: datetime | None = None
    deleted: datetime | None = None
    user_id: str = ""
    git_commit: str | None = None
    kind: str = "logged"
    trigger: str = "import"
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelMetric:
    """The latest value of a metric of a logged model, for one run and data set."""

    name: str
    value: float
    at_ms: int
    step: int
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True)
class AdoptedModel:
    """A logged model as it was elsewhere."""

    id: str
    experiment_id: int
    name: str
    type: str
    status: str
    source_run_id: str
    created: datetime
    updated: datetime
    deleted: datetime | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[ModelMetric] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """A param or tag that has another value here; the one here stays."""

    run: str
    kind: Literal["param", "tag"]
    name: str
    here: str
    there: str


def adopt_experiment(
    connection: sa.Connection,
    name: str,
    *,
    created: datetime,
    updated: datetime,
    deleted: datetime | None = None,
    tags: Mapping[str, str] | None = None,
) -> tuple[Experiment, bool]:
    """Give the experiment of this name, made with these times where there is none; tags it lacks are added.

    Returns
    -------
    Experiment, bool
        As it is here, and whether it was there before.
    """
    number = connection.execute(sa.select(experiments.c.id).where(experiments.c.name == name)).scalar()
    there = number is not None
    if number is None:
        row = {"name": name, "artifact_location": "", "created": created, "updated": updated, "deleted": deleted}
        number = connection.execute(sa.insert(experiments).values(row).returning(experiments.c.id)).scalar_one()
    rows = [{"experiment_id": number, "name": key, "value": value} for key, value in (tags or {}).items()]
    upsert(connection, experiment_tags, rows, key=("experiment_id", "name"), update=())
    return find_experiment(connection, int(number)), there


def adopt_runs(
    connection: sa.Connection, adopted: Sequence[AdoptedRun]
) -> tuple[dict[str, int], frozenset[str], list[Difference]]:
    """Write runs with their params and tags.

    A run that is here already gets the params and tags it lacks; if it was unfinished here, it ends as it did there.

    Returns
    -------
    dict of run id to rid
        Of all of them.
    frozenset of run id
        Those that were here before.
    list of Difference
        What is here and there and not equal.
    """
    ids = [run.id for run in adopted]
    known = frozenset(_rids(connection, ids))
    fresh = [_row(run) for run in adopted if run.id not in known]
    if fresh:
        connection.execute(sa.insert(runs), fresh)
    rids = _rids(connection, ids)
    for run in adopted:
        if run.id in known and run.status not in _UNFINISHED:
            open_ = sa.and_(runs.c.id == run.id, runs.c.status.in_(_UNFINISHED))
            connection.execute(sa.update(runs).where(open_).values(status=run.status, ended=run.ended))
    params = [
        {"rid": rids[run.id], "name": name, "value": value, "json": 0}
        for run in adopted
        for name, value in sorted(run.params.items())
    ]
    tags = [
        {"rid": rids[run.id], "name": name, "value": value}
        for run in adopted
        for name, value in sorted(run.tags.items())
    ]
    # Those here before may have values of their own, so they are looked at first.
    differing = _differences(connection, [run for run in adopted if run.id in known], rids)
    if params:
        _PARAM.run(connection, params)
    if tags:
        _TAG.run(connection, tags)
    return rids, known, differing


def adopt_points(connection: sa.Connection, points: Iterable[PointRow]) -> None:
    """Write values of metrics of any runs; an exact repeat is there already."""
    rows: list[Mapping[str, object]] = []
    latest: dict[tuple[int, str], tuple[tuple[int, int, float], Mapping[str, object]]] = {}
    for rid, experiment_id, name, value, at_ms, step in points:
        nan = value != value
        number = 0.0 if nan else value
        row = {"rid": rid, "name": name, "at_ms": at_ms, "step": step, "value": number, "nan": int(nan)}
        rows.append(row)
        rank = (step, at_ms, number)
        best = latest.get((rid, name))
        if best is None or rank > best[0]:
            latest[(rid, name)] = rank, {**row, "experiment_id": experiment_id}
    write_points(connection, rows, [latest[key][1] for key in sorted(latest)])


def adopt_inputs(
    connection: sa.Connection,
    datasets: Sequence[tuple[int, int, DatasetInput]],
    models: Sequence[tuple[int, ModelUse]],
) -> None:
    """Write what runs were given and made.

    Parameters
    ----------
    connection : Connection
        Of a running transaction.
    datasets : sequence of (rid, experiment id, DatasetInput)
        Data sets that went in.
    models : sequence of (rid, ModelUse)
        Logged models that went in or came out.
    """
    known: dict[tuple[int, str, str], int] = {}
    for _rid, experiment_id, dataset in datasets:
        key = experiment_id, dataset.name, dataset.digest
        if key not in known:
            row = {
                "experiment_id": experiment_id,
                "name": dataset.name,
                "digest": dataset.digest,
                "source_type": dataset.source_type,
                "source": dataset.source,
                "schema": dataset.schema,
                "profile": dataset.profile,
            }
            upsert(connection, input_datasets, row, key=("experiment_id", "name", "digest"), update=())
            column = input_datasets.c
            same = sa.and_(column.experiment_id == key[0], column.name == key[1], column.digest == key[2])
            known[key] = connection.execute(sa.select(column.did).where(same)).scalar_one()
    used = {
        (rid, did): {"rid": rid, "did": did, "context": dataset.context, "tags": dict(dataset.tags)}
        for rid, experiment_id, dataset in datasets
        for did in (known[experiment_id, dataset.name, dataset.digest],)
    }
    upsert(connection, run_inputs, list(used.values()), key=("rid", "did"), update=())
    made = {
        (rid, use.model_id, use.role): {"rid": rid, "model_id": use.model_id, "role": use.role, "step": use.step}
        for rid, use in models
    }
    upsert(connection, run_models, list(made.values()), key=("rid", "model_id", "role"), update=())


def adopt_model(connection: sa.Connection, model: AdoptedModel) -> bool:
    """Write a logged model; gives whether it was here before. One that was pending here gets its end from there."""
    there = connection.execute(sa.select(logged_models.c.status).where(logged_models.c.id == model.id)).scalar()
    if there is None:
        names = ("id", "experiment_id", "name", "type", "status", "source_run_id", "created", "updated", "deleted")
        connection.execute(sa.insert(logged_models), {name: getattr(model, name) for name in names})
    elif there == "pending" != model.status:
        changed = {"status": model.status, "updated": model.updated}
        connection.execute(sa.update(logged_models).where(logged_models.c.id == model.id).values(changed))
    for table, values in ((logged_model_params, model.params), (logged_model_tags, model.tags)):
        rows = [{"model_id": model.id, "name": name, "value": value} for name, value in sorted(values.items())]
        upsert(connection, table, rows, key=("model_id", "name"), update=())
    metrics = [
        {
            "model_id": model.id,
            "name": one.name,
            "run_id": one.run_id,
            "dataset_name": one.dataset_name,
            "dataset_digest": one.dataset_digest,
            "value": 0.0 if math.isnan(one.value) else one.value,
            "nan": int(math.isnan(one.value)),
            "step": one.step,
            "at_ms": one.at_ms,
        }
        for one in model.metrics
    ]
    if metrics:
        _MODEL_METRIC.run(connection, metrics)
    return there is not None


def adopt_files(
    connection: sa.Connection, owner: str, files: Sequence[tuple[str, Digest, int, str]], at: datetime
) -> None:
    """Record files whose bytes are in the store: path, digest, size, media type."""
    rows = [
        {"owner": owner, "path": path, "digest": digest, "size": size, "media_type": kind, "added": at}
        for path, digest, size, kind in files
    ]
    upsert(connection, artifacts, rows, key=("owner", "path"))


def _row(run: AdoptedRun) -> dict[str, object]:
    return {
        "id": run.id,
        "experiment_id": run.experiment_id,
        "kind": run.kind,
        "name": run.name,
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "deleted": run.deleted,
        # No heart: whatever runs there does not beat here, and silence is no death.
        "beat": None,
        "process": "",
        "trigger": run.trigger,
        "user_id": run.user_id,
        "git_commit": run.git_commit,
        "git_clean": None,
        "error": None,
    }


def _rids(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(ids), _AT_ONCE):
        query = sa.select(runs.c.id, runs.c.rid).where(runs.c.id.in_(ids[start : start + _AT_ONCE]))
        found.update({run: rid for run, rid in connection.execute(query)})
    return found


def _differences(connection: sa.Connection, known: Sequence[AdoptedRun], rids: Mapping[str, int]) -> list[Difference]:
    found = []
    for run in known:
        for kind, table, there in (("param", run_params, run.params), ("tag", run_tags, run.tags)):
            query = sa.select(table.c.name, table.c.value).where(table.c.rid == rids[run.id])
            for name, here in connection.execute(query.order_by(table.c.name)):
                if name in there and there[name] != here:
                    label: Literal["param", "tag"] = "param" if kind == "param" else "tag"
                    found.append(Difference(run.id, label, name, here, there[name]))
    return found


def _params(dialect: str) -> Insert:
    return inserting(dialect, run_params).on_conflict_do_nothing()


def _tags(dialect: str) -> Insert:
    return inserting(dialect, run_tags).on_conflict_do_nothing()


def _model_metrics(dialect: str) -> Insert:
    statement = inserting(dialect, logged_model_metrics)
    new, old = statement.excluded, logged_model_metrics.c
    later = sa.tuple_(new.step, new.at_ms, new.value) > sa.tuple_(old.step, old.at_ms, old.value)
    return statement.on_conflict_do_update(
        index_elements=["model_id", "name", "run_id", "dataset_name", "dataset_digest"],
        set_={name: new[name] for name in ("value", "nan", "step", "at_ms")},
        where=later,
    )


_PARAM = Prepared(_params, ("rid", "name", "value", "json"))
_TAG = Prepared(_tags, ("rid", "name", "value"))
_MODEL_METRIC = Prepared(
    _model_metrics,
    ("model_id", "name", "run_id", "dataset_name", "dataset_digest", "value", "nan", "step", "at_ms"),
)
