"""One answered request, and the columns it becomes in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.scoring.answers import label_text

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from noria.scoring.answers import Answers
    from noria.scoring.signature import Checked, Signature

__all__ = ["CARRIED", "FEATURE", "PROBABILITY", "Entry", "batch", "empty_schema", "schema"]

FEATURE, CARRIED, PROBABILITY = "x.", "k.", "p."
"""Prefixes of the columns that hold features, columns that came along, and probabilities."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The rows of one request.

    Attributes
    ----------
    model, version, arm : str, int, str
        Who answered; the arm is ``live``, ``canary`` or ``shadow``.
    at : datetime
        When, in UTC.
    latency_ms : float
        Of the whole request.
    ids : sequence of str
        One prediction id a row.
    answers, checked : Answers, Checked
        What was said, of what.
    signature : Signature
        Types of the columns.
    """

    model: str
    version: int
    arm: str
    at: datetime
    latency_ms: float
    ids: Sequence[str]
    answers: Answers
    checked: Checked
    signature: Signature


def empty_schema() -> pa.Schema:
    """Give the columns every log has, whatever the model."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return pa.schema(
        [
            ("prediction_id", pa.string()),
            ("ts", pa.timestamp("us", tz="UTC")),
            ("model", pa.string()),
            ("version", pa.int64()),
            ("arm", pa.string()),
            ("latency_ms", pa.float64()),
            ("prediction", pa.string()),
            ("score", pa.float64()),
            ("flags", pa.list_(pa.string())),
        ]
    )


def schema(signature: Signature, classes: Sequence[str]) -> pa.Schema:
    """Give the columns of a model's log: the common ones, ``p.`` for probabilities, ``x.`` features, ``k.`` the rest.

    The prediction is a number for regression, else the text of the class or cluster.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    types = {
        "float": pa.float64(),
        "int": pa.int64(),
        "bool": pa.bool_(),
        "category": pa.string(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us"),
    }
    made = empty_schema()
    if signature.task == "regression":
        made = made.set(made.get_field_index("prediction"), pa.field("prediction", pa.float64()))
    fields = [*made]
    fields += [pa.field(PROBABILITY + name, pa.float64()) for name in classes]
    fields += [pa.field(FEATURE + column.name, types[column.type]) for column in signature.columns]
    fields += [pa.field(CARRIED + column.name, types[column.type]) for column in signature.carried]
    return pa.schema(fields)


def batch(entries: Sequence[Entry], wanted: pa.Schema) -> pa.RecordBatch:
    """Turn entries of one schema into one record batch."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    columns: dict[str, list[object]] = {name: [] for name in wanted.names}
    for entry in entries:
        rows = len(entry.ids)
        answers, checked = entry.answers, entry.checked
        columns["prediction_id"] += entry.ids
        columns["ts"] += [entry.at] * rows
        columns["model"] += [entry.model] * rows
        columns["version"] += [entry.version] * rows
        columns["arm"] += [entry.arm] * rows
        columns["latency_ms"] += [entry.latency_ms] * rows
        regression = entry.signature.task == "regression"
        columns["prediction"] += answers.predictions if regression else map(label_text, answers.predictions)
        columns["score"] += answers.scores
        columns["flags"] += map(list, answers.flags)
        for number, name in enumerate(answers.classes):
            columns[PROBABILITY + name] += [row[number] for row in answers.probabilities or ()]
        for prefix, held in ((FEATURE, checked.columns), (CARRIED, checked.carried)):
            for name, values in held.items():
                columns[prefix + name] += values
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], type=field.type) for field in wanted], schema=wanted
    )
