"""Writing what a client of the MLflow protocol reads."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from noria.runs.recording import param_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.runs.experiments import Experiment
    from noria.runs.inputs import DatasetInput, ModelUse
    from noria.runs.run import MetricPoint, Run

__all__ = [
    "NAME_TAG",
    "STATUSES",
    "Json",
    "dataset",
    "date",
    "experiment",
    "metric",
    "millis",
    "number",
    "page",
    "pairs",
    "root_uri",
    "run",
    "run_info",
]

Json = dict[str, object]

NAME_TAG = "mlflow.runName"
"""The tag that says what the run is called, too."""

PROXY = "mlflow-artifacts:"
LARGEST = 1.7976931348623157e308
"""The largest finite number: what stands for infinity in answers, as with MLflow's own server."""

STATUSES = {
    "scheduled": "SCHEDULED",
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "lost": "KILLED",
}
"""The protocol's word for each status of ours; it has none for a run that went silent."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def number(value: float) -> float | str:
    """Give a metric's value as it travels.

    Examples
    --------
    >>> number(0.5), number(float("nan")), number(float("-inf"))
    (0.5, 'NaN', -1.7976931348623157e+308)
    """
    if math.isfinite(value):
        return value
    if value != value:
        return "NaN"
    return math.copysign(LARGEST, value)


def millis(when: datetime) -> int:
    """Give a time in milliseconds since 1970.

    Examples
    --------
    >>> millis(date(1_700_000_000_123))
    1700000000123
    """
    return (when - _EPOCH) // _MILLISECOND


def date(at_ms: int) -> datetime:
    """Give milliseconds since 1970 as a time.

    Raises
    ------
    OverflowError
        The calendar ends before.
    """
    return _EPOCH + timedelta(milliseconds=at_ms)


def page(name: str, rows: Sequence[Json], token: str | None = None) -> Json:
    """Write a page of rows: what is empty is left out.

    Examples
    --------
    >>> page("runs", [])
    {}
    """
    written: Json = {name: rows} if rows else {}
    return {**written, "next_page_token": token} if token else written


def pairs(values: Mapping[str, str]) -> list[Json]:
    """Write tags or params."""
    return [{"key": name, "value": value} for name, value in values.items()]


def metric(name: str, point: MetricPoint) -> Json:
    """Write one value of a metric."""
    return {"key": name, "value": number(point.value), "timestamp": point.at_ms, "step": point.step}


def root_uri(location: str, experiment_id: int, *beneath: str) -> str:
    """Give the address of a place for files: this server's proxy, unless the experiment has a place of its own.

    Examples
    --------
    >>> root_uri("", 3, "5f", "artifacts")
    'mlflow-artifacts:/3/5f/artifacts'
    >>> root_uri("s3://bucket/x/", 3, "5f", "artifacts")
    's3://bucket/x/5f/artifacts'
    """
    root = location.rstrip("/") if location else f"{PROXY}/{experiment_id}"
    return "/".join((root, *beneath))


def experiment(found: Experiment) -> Json:
    """Write an experiment."""
    written: Json = {
        "experiment_id": str(found.id),
        "name": found.name,
        "artifact_location": root_uri(found.artifact_location, found.id),
        "lifecycle_stage": "active" if found.deleted is None else "deleted",
        "last_update_time": millis(found.updated),
        "creation_time": millis(found.created),
    }
    if found.tags:
        written["tags"] = pairs(found.tags)
    return written


def run_info(found: Run, location: str) -> Json:
    """Write the head of a run.

    Parameters
    ----------
    found : Run
        The run.
    location : str
        Where its experiment keeps files; empty: here.
    """
    written: Json = {
        "run_uuid": found.id,
        "experiment_id": str(found.experiment_id),
        "user_id": found.user_id,
        "status": STATUSES[found.status],
        "start_time": millis(found.started),
        "artifact_uri": root_uri(location, found.experiment_id, found.id, "artifacts"),
        "lifecycle_stage": "active" if found.deleted is None else "deleted",
        "run_id": found.id,
        "run_name": found.name,
    }
    if found.ended is not None:
        written["end_time"] = millis(found.ended)
    return written


def run(found: Run, location: str, datasets: Sequence[DatasetInput] = (), models: Sequence[ModelUse] = ()) -> Json:
    """Write a run with all that was recorded about it but the histories."""
    data: Json = {}
    if found.latest:
        data["metrics"] = [metric(name, point) for name, point in found.latest.items()]
    if found.params:
        data["params"] = pairs({name: param_text(value) for name, value in found.params.items()})
    if tags := _with_name(found):
        data["tags"] = pairs(tags)
    inputs: Json = {}
    if datasets:
        inputs["dataset_inputs"] = [_dataset_input(one) for one in datasets]
    taken = [{"model_id": use.model_id} for use in models if use.role == "input"]
    if taken:
        inputs["model_inputs"] = taken
    made = [{"model_id": use.model_id, "step": use.step} for use in models if use.role == "output"]
    outputs: Json = {"model_outputs": made} if made else {}
    return {"info": run_info(found, location), "data": data, "inputs": inputs, "outputs": outputs}


def dataset(one: DatasetInput) -> Json:
    """Write a data set."""
    written: Json = {
        "name": one.name,
        "digest": one.digest,
        "source_type": one.source_type,
        "source": one.source,
    }
    if one.schema is not None:
        written["schema"] = one.schema
    if one.profile is not None:
        written["profile"] = one.profile
    return written


def _dataset_input(one: DatasetInput) -> Json:
    tags = dict(one.tags)
    if one.context is not None:
        tags["mlflow.data.context"] = one.context
    written: Json = {"dataset": dataset(one)}
    if tags:
        written["tags"] = pairs(tags)
    return written


def _with_name(found: Run) -> dict[str, str]:
    """Give a run's tags with its name among them, as clients look for it there; our own runs do not carry it twice."""
    return {**found.tags, NAME_TAG: found.name} if found.name else dict(found.tags)
