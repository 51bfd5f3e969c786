"""What the sources have in common: MLflow's words, numbers as they come, the latest of several values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from noria.exchange.source import ForeignModelMetric
from noria.runs.inputs import DatasetInput

__all__ = ["CONTEXT", "as_int", "dataset_input", "int64", "latest_of", "model_status", "run_status"]

CONTEXT = "mlflow.data.context"
"""The tag that says what a data set was used for."""

_RUN = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_MODEL = {"1": "PENDING", "2": "READY", "3": "UPLOAD_FAILED"}
_INT64 = 1 << 63


def run_status(value: object) -> str:
    """Give a run's status as its word, from the word or the number that stands for it.

    Examples
    --------
    >>> run_status("3"), run_status(5), run_status("FAILED"), run_status(None)
    ('FINISHED', 'KILLED', 'FAILED', 'RUNNING')
    """
    text = str(value)
    return _RUN.get(text, text if text in _RUN.values() else "RUNNING")


def model_status(value: object) -> str:
    """Give a logged model's status as its word.

    Examples
    --------
    >>> model_status(2), model_status("LOGGED_MODEL_UPLOAD_FAILED")
    ('READY', 'UPLOAD_FAILED')
    """
    text = str(value).removeprefix("LOGGED_MODEL_")
    return _MODEL.get(text, text if text in _MODEL.values() else "PENDING")


def int64(value: object) -> int:
    """Read a number of 64 bits.

    Raises
    ------
    ValueError
        It is none.
    """
    number = int(str(value))
    if not -_INT64 <= number < _INT64:
        raise ValueError(f"{number} does not fit into 64 bits")
    return number


def as_int(value: object) -> int | None:
    """Read a number of 64 bits where there is one.

    Examples
    --------
    >>> as_int("12"), as_int(None), as_int("soon"), as_int(1 << 70)
    (12, None, None, None)
    """
    try:
        return None if value is None else int64(value)
    except ValueError:
        return None


def dataset_input(fields: Mapping[str, object], tags: Mapping[str, str]) -> DatasetInput:
    """Make a data set that went into a run from MLflow's fields."""
    own = dict(tags)
    context = own.pop(CONTEXT, None)
    schema, profile = fields.get("schema"), fields.get("profile")
    return DatasetInput(
        name=str(fields.get("name") or ""),
        digest=str(fields.get("digest") or ""),
        source_type=str(fields.get("source_type") or ""),
        source=str(fields.get("source") or ""),
        schema=None if schema is None else str(schema),
        profile=None if profile is None else str(profile),
        context=context,
        tags=own,
    )


def latest_of(metrics: Iterable[ForeignModelMetric]) -> tuple[ForeignModelMetric, ...]:
    """Keep, for each metric, run and data set, the greatest by step, then time, then value."""
    best: dict[tuple[str, str, str, str], ForeignModelMetric] = {}
    for metric in metrics:
        key = (metric.name, metric.run_id, metric.dataset_name, metric.dataset_digest)
        known = best.get(key)
        if known is None or _rank(metric) > _rank(known):
            best[key] = metric
    return tuple(best[key] for key in sorted(best))


def _rank(metric: ForeignModelMetric) -> tuple[int, int, float]:
    return metric.step, metric.at_ms, 0.0 if math.isnan(metric.value) else metric.value
