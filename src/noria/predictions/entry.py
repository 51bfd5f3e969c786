"""One answered request, and the rows it becomes in the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from noria.scoring.answers import label_text

if TYPE_CHECKING:
    from datetime import datetime

    from noria.scoring.answers import Answers
    from noria.scoring.signature import Checked, Signature

__all__ = ["CARRIED", "COMMON", "FEATURE", "PROBABILITY", "Entry", "Layout", "encode", "layout"]

FEATURE, CARRIED, PROBABILITY = "x.", "k.", "p."
"""Prefixes of the columns that hold features, columns that came along, and probabilities."""

Kind = Literal["text", "texts", "int", "float", "bool", "utc", "time"]
"""Of a column's values; ``utc`` is a moment, ``time`` what a feature says without a zone."""

Layout = tuple[tuple[str, Kind], ...]
"""Names and kinds of a log's columns, in order."""

COMMON: Layout = (
    ("prediction_id", "text"),
    ("ts", "utc"),
    ("model", "text"),
    ("version", "int"),
    ("arm", "text"),
    ("latency_ms", "float"),
    ("prediction", "text"),
    ("score", "float"),
    ("flags", "texts"),
)
"""The columns every log has, whatever the model."""

_KINDS: dict[str, Kind] = {
    "float": "float",
    "int": "int",
    "bool": "bool",
    "category": "text",
    "text": "text",
    "timestamp": "time",
}
_encoder = msgspec.msgpack.Encoder()


class Entry(msgspec.Struct, frozen=True):
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


def layout(signature: Signature, classes: Sequence[str]) -> Layout:
    """Give the columns of a model's log: the common ones, ``p.`` for probabilities, ``x.`` features, ``k.`` the rest.

    The prediction is a number for regression, else the text of the class or cluster.
    """
    said: Kind = "float" if signature.task == "regression" else "text"
    made = [(name, said if name == "prediction" else kind) for name, kind in COMMON]
    made += [(PROBABILITY + name, "float") for name in classes]
    made += [(FEATURE + column.name, _KINDS[column.type]) for column in signature.columns]
    made += [(CARRIED + column.name, _KINDS[column.type]) for column in signature.carried]
    return tuple(made)


def encode(entry: Entry) -> bytes:
    """Write an entry as MessagePack: what holds for all of its rows, then column by column what differs.

    Reference for what `noria.predictions.columns` reads back: rows, ts, model, version, arm, latency_ms; then lists of
    prediction_id, prediction, score and flags; a list of probabilities for each row; the lists of the features and of
    the columns that came along, in the order of the layout.

    Raises
    ------
    TypeError, ValueError, OverflowError
        A value is of no kind that a log holds.
    """
    answers, checked = entry.answers, entry.checked
    said: Sequence[object] = answers.predictions
    if entry.signature.task != "regression":
        said = [value if type(value) is str else label_text(value) for value in said]
    return _encoder.encode(
        (
            len(entry.ids),
            entry.at,
            entry.model,
            entry.version,
            entry.arm,
            entry.latency_ms,
            entry.ids,
            said,
            answers.scores,
            answers.flags,
            answers.probabilities if answers.classes else (),
            *checked.columns.values(),
            *checked.carried.values(),
        )
    )
