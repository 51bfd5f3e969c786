"""What leaves noria: experiments, runs and logged models as MLflow's forms want them, read from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import ExperimentNotFound, did_you_mean
from noria.exchange.source import ForeignModelMetric
from noria.runs.artifacts import Artifacts
from noria.runs.experiments import Experiments
from noria.runs.inputs import Inputs
from noria.runs.recording import param_text
from noria.runs.runs import Runs
from noria.runs.tables import (
    experiments,
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    metric_points,
    runs,
)

if TYPE_CHECKING:
    from noria.runs.artifacts import RunArtifact
    from noria.runs.experiments import Experiment
    from noria.runs.inputs import DatasetInput, ModelUse
    from noria.store.database import Database

__all__ = ["Leaving", "LeavingModel", "LeavingRun", "millis"]

_AT_ONCE = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS = {
    "scheduled": "SCHEDULED",
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "lost": "KILLED",  # MLflow has no word for a run that went silent
}

Points = dict[str, list[tuple[float, int, int]]]
"""Metric to its values: value, time in milliseconds, step."""


@dataclass(frozen=True)
class LeavingRun:
    """A run with everything that was recorded about it, in MLflow's words."""

    id: str
    name: str
    user_id: str
    status: str
    started_ms: int
    ended_ms: int | None
    deleted_ms: int | None
    params: Mapping[str, str]
    tags: Mapping[str, str]
    points: Points
    datasets: Sequence[DatasetInput]
    models: Sequence[ModelUse]
    files: Sequence[RunArtifact]


@dataclass(frozen=True)
class LeavingModel:
    """A logged model, in MLflow's words."""

    id: str
    name: str
    type: str
    status: str
    source_run_id: str
    created_ms: int
    updated_ms: int
    deleted: bool
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Sequence[ForeignModelMetric]
    files: Sequence[RunArtifact]


class Leaving:
    """Reads the store for an export.

    Parameters
    ----------
    database : Database
        Migrated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs = Runs(database)
        self._inputs = Inputs(database)
        self._files = Artifacts(database)

    def chosen(self, only: Sequence[str]) -> list[Experiment]:
        """Give the experiments of these names; all, deleted ones too, when none is named.

        Raises
        ------
        ExperimentNotFound
            There is none of a name.
        """
        with self._database.reading() as connection:
            names = {
                name: number
                for number, name in connection.execute(
                    sa.select(experiments.c.id, experiments.c.name).order_by(experiments.c.id)
                )
            }
        for name in only:
            if name not in names:
                raise ExperimentNotFound(
                    f"there is no experiment {name!r}",
                    why=did_you_mean(name, names),
                    mend="noria runs experiments     lists them",
                    code="N-EXCHANGE-080",
                )
        books = Experiments(self._database)
        return [books.get(number) for name, number in names.items() if not only or name in only]

    def runs(self, experiment: Experiment) -> Iterator[LeavingRun]:
        """Walk the runs of an experiment, deleted ones too, in the order they came."""
        last = 0
        while True:
            query = sa.select(runs.c.rid, runs.c.id).where(runs.c.experiment_id == experiment.id, runs.c.rid > last)
            with self._database.reading() as connection:
                found = connection.execute(query.order_by(runs.c.rid).limit(_AT_ONCE)).all()
            if not found:
                return
            last = found[-1].rid
            ids = [row.id for row in found]
            known = self._runs.many(ids)
            datasets, models = self._inputs.datasets(ids), self._inputs.models(ids)
            for row in found:
                run = known[row.id]
                tags = dict(run.tags)
                tags.setdefault("mlflow.runName", run.name)
                yield LeavingRun(
                    id=run.id,
                    name=run.name,
                    user_id=run.user_id,
                    status=_STATUS[run.status],
                    started_ms=millis(run.started),
                    ended_ms=None if run.ended is None else millis(run.ended),
                    deleted_ms=None if run.deleted is None else millis(run.deleted),
                    params={name: param_text(value) for name, value in run.params.items()},
                    tags=tags,
                    points=self._points(row.rid),
                    datasets=datasets.get(run.id, ()),
                    models=models.get(run.id, ()),
                    files=self._files.all(run.id),
                )

    def models(self, experiment: Experiment) -> Iterator[LeavingModel]:
        """Walk the logged models of an experiment."""
        query = sa.select(logged_models).where(logged_models.c.experiment_id == experiment.id)
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(logged_models.c.created, logged_models.c.id)).all()
            params, tags, metrics = self._of_models(connection, [row.id for row in found])
        for row in found:
            yield LeavingModel(
                id=row.id,
                name=row.name,
                type=row.type,
                status=row.status.upper(),
                source_run_id=row.source_run_id,
                created_ms=millis(row.created),
                updated_ms=millis(row.updated),
                deleted=row.deleted is not None,
                params=params.get(row.id, {}),
                tags=tags.get(row.id, {}),
                metrics=metrics.get(row.id, ()),
                files=self._files.all(row.id),
            )

    def _points(self, rid: int) -> Points:
        column = metric_points.c
        query = sa.select(column.name, column.value, column.nan, column.at_ms, column.step).where(column.rid == rid)
        found: Points = {}
        with self._database.reading() as connection:
            for name, value, nan, at_ms, step in connection.execute(
                query.order_by(column.name, column.at_ms, column.step, column.value)
            ):
                found.setdefault(name, []).append((float("nan") if nan else value, at_ms, step))
        return found

    @staticmethod
    def _of_models(
        connection: sa.Connection, ids: Sequence[str]
    ) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]], dict[str, list[ForeignModelMetric]]]:
        params: dict[str, dict[str, str]] = {}
        tags: dict[str, dict[str, str]] = {}
        metrics: dict[str, list[ForeignModelMetric]] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            for table, into in ((logged_model_params, params), (logged_model_tags, tags)):
                for row in connection.execute(sa.select(table).where(table.c.model_id.in_(some))):
                    into.setdefault(row.model_id, {})[row.name] = row.value
            own = logged_model_metrics.c.model_id.in_(some)
            for row in connection.execute(sa.select(logged_model_metrics).where(own)):
                value = float("nan") if row.nan else row.value
                one = ForeignModelMetric(
                    row.name, value, row.at_ms, row.step, row.run_id, row.dataset_name, row.dataset_digest
                )
                metrics.setdefault(row.model_id, []).append(one)
        return params, tags, metrics


def millis(moment: datetime) -> int:
    """Count the milliseconds since 1970.

    Examples
    --------
    >>> millis(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000
    """
    return (moment - _EPOCH) // timedelta(milliseconds=1)
