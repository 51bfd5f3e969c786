"""Runs, as the protocol has them."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

import msgspec

from noria.runs.hydration import read_runs
from noria.runs.inputs import read_datasets, read_model_uses
from noria.runs.logged_models import ModelMetric
from noria.runs.recording import Point, open_run, record_params, record_points, record_tags
from noria.runs.run import Run, RunId
from noria.runs.search import Question
from noria.server.mlflow import answers, names
from noria.server.mlflow.answers import NAME_TAG, Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.experiments import Tag
from noria.server.mlflow.forms import Form, Number, OfRun, Required, ViewType, wrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from noria.runs.run import Status
    from noria.security.identity import Identity

__all__ = [
    "create",
    "delete",
    "delete_tag",
    "get",
    "log_batch",
    "log_metric",
    "log_parameter",
    "restore",
    "search",
    "set_tag",
    "update",
]

_MOST = 1_000
_COMMIT_TAG = "mlflow.source.git.commit"
_USER_TAG = "mlflow.user"


class RunStatus(enum.IntEnum):
    """How a run stands."""

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5


class Param(Form):
    """A setting."""

    key: Required
    value: str = ""


class Metric(Form):
    """A value of a metric."""

    key: Required
    value: Number
    timestamp: int
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""
    run_id: str = ""


class Create(Form):
    """runs/create."""

    experiment_id: str = "0"
    user_id: str = ""
    run_name: str = ""
    start_time: int | None = None
    tags: tuple[Tag, ...] = ()


class Update(OfRun):
    """runs/update."""

    status: RunStatus | None = None
    end_time: int | None = None
    run_name: str = ""


class LogMetric(OfRun):
    """runs/log-metric."""

    key: Required
    value: Number
    timestamp: int
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class LogParameter(OfRun):
    """runs/log-parameter."""

    key: Required
    value: str = ""


class SetTag(OfRun):
    """runs/set-tag."""

    key: Required
    value: str = ""


class DeleteTag(OfRun):
    """runs/delete-tag."""

    key: Required


class LogBatch(OfRun):
    """runs/log-batch."""

    MOST_BYTES: ClassVar[int] = 1_000_000

    metrics: Annotated[tuple[Metric, ...], msgspec.Meta(max_length=1_000)] = ()
    params: Annotated[tuple[Param, ...], msgspec.Meta(max_length=100)] = ()
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=100)] = ()


class Search(Form):
    """runs/search."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    run_view_type: ViewType = ViewType.ACTIVE_ONLY
    max_results: Annotated[int, msgspec.Meta(ge=1, le=50_000)] = 1_000
    order_by: tuple[str, ...] = ()
    page_token: str = ""


async def create(desk: Desk, form: Create, who: Identity) -> Json:
    """Start a run. Where there are users, it is whoever sent this that made it, whatever name is written."""
    tags = {names.checked_key(tag.key): names.cut(tag.value, names.MAX_TAG) for tag in form.tags}
    if form.run_name and tags.get(NAME_TAG, form.run_name) != form.run_name:
        wrong("run_name", form.run_name, f"the tag {NAME_TAG} says {tags[NAME_TAG]!r}")
    name = form.run_name or tags.get(NAME_TAG) or names.readable_name()
    made = Run(
        RunId(uuid.uuid4().hex),
        "logged",
        name,
        "running",
        started=_date("start_time", form.start_time) if form.start_time is not None else datetime.now(UTC),
        trigger="client",
        git_commit=tags.get(_COMMIT_TAG) or None,
        tags=dict(sorted({**tags, NAME_TAG: name}.items())),
        experiment_id=names.experiment_number(form.experiment_id or "0"),
        user_id=form.user_id or tags.get(_USER_TAG, "") if who.kind == "local" else who.name,
    )

    def work(connection: sa.Connection) -> str:
        desk.runs_within(connection).start(
            made.kind,
            made.name,
            experiment=made.experiment_id,
            run=made.id,
            tags=made.tags,
            git_commit=made.git_commit,
            trigger=made.trigger,
            user_id=made.user_id,
            at=made.started,
            # A client says nothing between two things it logs, so that silence means nothing.
            beats=False,
        )
        return desk.location(made.experiment_id)

    return {"run": answers.run(made, await desk.commit(work))}


def update(desk: Desk, form: Update) -> Json:
    """Change how a run stands, when it ended or what it is called."""
    run = form.run
    status = None if form.status is None else cast("Status", form.status.name.lower())
    ended = None if form.end_time is None else _date("end_time", form.end_time)

    def work(connection: sa.Connection) -> None:
        within = desk.runs_within(connection)
        within.update(run, status=status, ended=ended, name=form.run_name or None)
        if form.run_name:
            within.set_tag(run, NAME_TAG, form.run_name)

    desk.commits(work)
    found = desk.run(run)
    return {"run_info": answers.run_info(found, desk.location(found.experiment_id))}


def get(desk: Desk, form: OfRun) -> Json:
    """Read a run with all but its histories."""
    run = form.run
    with desk.database.reading() as connection:
        found = read_runs(connection, [open_run(connection, run, writable=False).rid])[0]
        datasets, models = read_datasets(connection, [run]), read_model_uses(connection, [run])
    return {"run": answers.run(found, desk.location(found.experiment_id), datasets.get(run, ()), models.get(run, ()))}


def search(desk: Desk, form: Search) -> Json:
    """Find a page of runs; none where no experiment is named."""
    question = Question.read(
        form.filter,
        form.order_by,
        experiments=[names.experiment_number(one) for one in form.experiment_ids],
        lifecycle=form.run_view_type.lifecycle,
    )
    page = desk.runs.search(question, form.max_results, form.page_token or None)
    return answers.page("runs", written(desk, page.rows), page.token)


def delete(desk: Desk, form: OfRun) -> Json:
    """Put a run in the bin."""
    desk.runs.delete([form.run])
    return {}


def restore(desk: Desk, form: OfRun) -> Json:
    """Take a run out of the bin."""
    desk.runs.restore([form.run])
    return {}


async def log_metric(desk: Desk, form: LogMetric) -> Json:
    """Add a value of a metric."""
    run = form.run
    points = (Point(names.checked_key(form.key), form.value, form.timestamp, form.step),)
    of_models = _of_models([form], run)

    def work(connection: sa.Connection) -> None:
        record_points(connection, open_run(connection, run), points)
        _measure(desk, connection, of_models)

    await desk.commit(work)
    return {}


async def log_parameter(desk: Desk, form: LogParameter) -> Json:
    """Record a setting."""
    run = form.run
    params = {names.checked_key(form.key): names.cut(form.value, names.MAX_PARAM)}
    await desk.commit(lambda connection: record_params(connection, open_run(connection, run), params))
    return {}


async def set_tag(desk: Desk, form: SetTag) -> Json:
    """Label a run; the label that is its name names it."""
    run = form.run
    tags = {names.checked_key(form.key): names.cut(form.value, names.MAX_TAG)}
    await desk.commit(lambda connection: _label(desk, connection, run, tags))
    return {}


async def delete_tag(desk: Desk, form: DeleteTag) -> Json:
    """Take a label off."""
    run, key = form.run, form.key
    await desk.commit(lambda connection: desk.runs_within(connection).delete_tag(run, key))
    return {}


async def log_batch(desk: Desk, form: LogBatch) -> Json:
    """Record metrics, settings and labels: all of them or none."""
    run = form.run
    count = len(form.metrics) + len(form.params) + len(form.tags)
    if count > _MOST:
        wrong("metrics, params and tags", f"{count} of them", f"at most {_MOST} can be given at once")
    params = {names.checked_key(one.key, "params"): names.cut(one.value, names.MAX_PARAM) for one in form.params}
    if len(params) != len(form.params):
        keys = [one.key for one in form.params]
        wrong(
            "params", next(key for key in keys if keys.count(key) > 1), "Duplicate parameter keys have been submitted"
        )
    tags = {names.checked_key(one.key, "tags"): names.cut(one.value, names.MAX_TAG) for one in form.tags}
    points = [Point(names.checked_key(one.key, "metrics"), one.value, one.timestamp, one.step) for one in form.metrics]

    of_models = _of_models(form.metrics, run)

    def work(connection: sa.Connection) -> None:
        opened = open_run(connection, run)
        record_params(connection, opened, params)
        record_points(connection, opened, points)
        _measure(desk, connection, of_models)
        if tags:
            _label(desk, connection, run, tags)

    await desk.commit(work)
    return {}


def written(desk: Desk, found: Sequence[Run]) -> list[Json]:
    """Write runs with their data sets and models."""
    ids = [one.id for one in found]
    datasets, models = desk.inputs.datasets(ids), desk.inputs.models(ids)
    return [
        answers.run(one, desk.location(one.experiment_id), datasets.get(one.id, ()), models.get(one.id, ()))
        for one in found
    ]


def _of_models(metrics: Sequence[Metric | LogMetric], run: str) -> dict[str, list[ModelMetric]]:
    """Sort out what was measured of logged models, and on which data."""
    found: dict[str, list[ModelMetric]] = {}
    for one in metrics:
        if one.model_id:
            measured = ModelMetric(
                one.key, one.value, one.timestamp, one.step, run, one.dataset_name, one.dataset_digest
            )
            found.setdefault(one.model_id, []).append(measured)
    return found


def _measure(desk: Desk, connection: sa.Connection, of_models: dict[str, list[ModelMetric]]) -> None:
    for model_id, measured in of_models.items():
        desk.models_within(connection).log_metrics(model_id, measured)


def _label(desk: Desk, connection: sa.Connection, run: str, tags: dict[str, str]) -> None:
    record_tags(connection, open_run(connection, run), tags)
    if name := tags.get(NAME_TAG):
        desk.runs_within(connection).update(run, name=name)


def _date(field: str, at_ms: int) -> datetime:
    try:
        return answers.date(at_ms)
    except OverflowError:
        wrong(field, at_ms, "the calendar does not reach so far; times are milliseconds since 1970")
