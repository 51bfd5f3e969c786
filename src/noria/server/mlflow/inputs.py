"""What runs were given and what they made, as the protocol has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import msgspec

from noria.errors import NoriaError
from noria.runs.inputs import DatasetInput
from noria.runs.recording import open_run, record_tags, tag_of
from noria.security.strict_json import decode
from noria.server.mlflow.answers import Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.forms import Form, OfRun, Required, missing, wrong

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["log_inputs", "log_model", "log_outputs"]

_CONTEXT = "mlflow.data.context"
_MODELS = "mlflow.log-model.history"


class Dataset(Form):
    """A data set."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    digest: Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
    source_type: Required
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=65_535)]
    schema: Annotated[str, msgspec.Meta(max_length=1_048_575)] | None = None
    profile: Annotated[str, msgspec.Meta(max_length=16_777_215)] | None = None


class InputTag(Form):
    """A label of a use."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    value: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Used(Form):
    """A data set and what it was used for."""

    dataset: Dataset
    tags: tuple[InputTag, ...] = ()


class ModelInput(Form):
    """A logged model that went in."""

    model_id: Required


class ModelOutput(Form):
    """A logged model that came out."""

    model_id: Required
    step: int = 0


class LogInputs(OfRun):
    """runs/log-inputs."""

    datasets: Annotated[tuple[Used, ...], msgspec.Meta(max_length=1_000)] = ()
    models: Annotated[tuple[ModelInput, ...], msgspec.Meta(max_length=1_000)] = ()


class LogOutputs(OfRun):
    """runs/outputs."""

    models: Annotated[tuple[ModelOutput, ...], msgspec.Meta(max_length=1_000)] = ()


class LogModel(OfRun):
    """runs/log-model, which clients before 3.0 call."""

    model_json: Required


def log_inputs(desk: Desk, form: LogInputs) -> Json:
    """Record what a run was given."""
    run = form.run

    def work(connection: sa.Connection) -> None:
        within = desk.inputs_within(connection)
        within.log_datasets(run, [_input(used) for used in form.datasets])
        if form.models:
            within.log_models(run, [one.model_id for one in form.models])

    desk.commits(work)
    return {}


def log_outputs(desk: Desk, form: LogOutputs) -> Json:
    """Record what a run made."""
    steps = [one.step for one in form.models]
    desk.inputs.log_models(form.run, [one.model_id for one in form.models], role="output", steps=steps)
    return {}


def log_model(desk: Desk, form: LogModel) -> Json:
    """Add a model to the list that a run's tag keeps, where clients before 3.0 look for it."""
    run = form.run
    try:
        model = decode(form.model_json.encode())
    except (NoriaError, UnicodeEncodeError):
        model = None
    if not isinstance(model, dict):
        wrong("model_json", form.model_json, "it is not a JSON object")
    for name in ("artifact_path", "flavors", "utc_time_created", "run_id"):
        if name not in model:
            missing(f"model_json.{name}")
    if model["run_id"] != run:
        wrong("model_json.run_id", model["run_id"], f"the request is about run {run}")

    def work(connection: sa.Connection) -> None:
        opened = open_run(connection, run)
        known = _list(tag_of(connection, opened, _MODELS))
        record_tags(connection, opened, {_MODELS: json.dumps([*known, model])})

    desk.commits(work)
    return {}


def _list(text: str | None) -> list[object]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _input(used: Used) -> DatasetInput:
    tags = {tag.key: tag.value for tag in used.tags}
    one = used.dataset
    return DatasetInput(
        one.name, one.digest, one.source_type, one.source, one.schema, one.profile, tags.pop(_CONTEXT, None), tags
    )
