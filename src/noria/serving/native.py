"""noria's own protocol: ``POST /predict/ENDPOINT`` and ``POST /labels/ENDPOINT``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat, starmap
from typing import TYPE_CHECKING, NamedTuple, TypeGuard, cast
from urllib.parse import parse_qs

import msgspec
from msgspec import UNSET, UnsetType

from noria.errors import WrongData
from noria.predictions.labels import label_fault
from noria.scoring.answers import Label
from noria.security.strict_json import decode
from noria.serving.rollout import ArmName

if TYPE_CHECKING:
    from noria.predictions.labels import LabelValue
    from noria.scoring.decoding import RowReader
    from noria.scoring.rows import Rows
    from noria.scoring.scorer import Scorer
    from noria.serving.endpoint import Reply as Answered

__all__ = [
    "Asked",
    "LabelBatch",
    "Reply",
    "RowAnswer",
    "asks_where",
    "asks_why",
    "parse",
    "parse_labels",
    "read",
    "render",
]

_WRAPPED = frozenset({"records", "request_id", "explain"})


class Asked(NamedTuple):
    """A request: its rows, the caller's id of it, whether the answers are to be explained."""

    records: Sequence[object] | Rows
    request: str | None = None
    explain: bool = False


def read(body: bytes, reader: RowReader) -> Asked | None:
    """Read a request as `parse` does, straight into columns; None where `parse` must say what it is."""

    def again() -> Sequence[object]:
        return cast("Sequence[object]", parse(decode(body)).records)

    if body.startswith(b"["):
        rows = reader.many(body, again)
    elif body.startswith(b'{"records"'):
        held = reader.within(body, "records", again)
        return Asked(*held) if held is not None and _is_id(held[1]) else None
    else:
        rows = reader.one(body, again)
    return None if rows is None else Asked(rows)


def parse(body: object) -> Asked:
    """Read a request: a record, a list of records, or ``{"records": […], "request_id": …, "explain": true}``.

    Examples
    --------
    >>> parse({"age": 30})
    Asked(records=[{'age': 30}], request=None, explain=False)
    """
    if isinstance(body, list):
        return Asked(_some(body))
    if not isinstance(body, Mapping):
        raise WrongData("expected a record or a list of records", code="N-SERVING-020")
    if "records" in body and isinstance(body["records"], list):
        unknown = sorted(body.keys() - _WRAPPED)
        if unknown:
            raise WrongData(f"unknown field {unknown[0]!r} beside 'records'", code="N-SERVING-021")
        request = body.get("request_id")
        if not _is_id(request):
            raise WrongData("request_id must be a printable text of at most 128 characters", code="N-SERVING-022")
        explain = body.get("explain", False)
        if not isinstance(explain, bool):
            raise WrongData("explain must be true or false", code="N-SERVING-029")
        return Asked(_some(body["records"]), request, explain)
    return Asked([body])


def asks_where(query: bytes) -> bool:
    """Say whether a query string asks between what the truth lies, or among which classes.

    Examples
    --------
    >>> asks_where(b"region=true"), asks_where(b"explain=true")
    (True, False)
    """
    asked = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("region", ["false"])
    if len(asked) != 1 or asked[0] not in ("true", "false"):
        raise WrongData("region must be true or false", code="N-SERVING-084")
    return asked[0] == "true"


def asks_why(query: bytes) -> bool:
    """Say whether a query string asks for an explanation; whatever else it holds means nothing here.

    Examples
    --------
    >>> asks_why(b"explain=true"), asks_why(b"a=1")
    (True, False)
    """
    asked = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("explain", ["false"])
    if len(asked) != 1 or asked[0] not in ("true", "false"):
        raise WrongData("explain must be true or false", code="N-SERVING-029")
    return asked[0] == "true"


def _is_id(value: object) -> TypeGuard[str | None]:
    return value is None or (isinstance(value, str) and 0 < len(value) <= 128 and value.isprintable())


def _some(records: list[object]) -> list[object]:
    if not records:
        raise WrongData("there are no records", code="N-SERVING-023")
    return records


class RowAnswer(msgspec.Struct, gc=False):
    """The answer to one row, as it is sent; what is unset is left out."""

    id: str
    prediction: Label
    probabilities: object = UNSET
    score: float | UnsetType = UNSET
    flags: Sequence[str] = ()
    explanation: object = UNSET
    level: float | UnsetType = UNSET
    low: float | UnsetType | None = UNSET
    high: float | UnsetType | None = UNSET
    set: Sequence[str] | UnsetType = UNSET


@lru_cache(maxsize=32)
def _shares(classes: tuple[str, ...]) -> Callable[..., object]:
    """Make what holds a row's probabilities: encoding a type made for it takes half as long as a dictionary."""
    fields = [f"p{place}" for place in range(len(classes))]
    try:
        return msgspec.defstruct("Shares", fields, rename=dict(zip(fields, classes, strict=True)), gc=False)
    except ValueError:  # a name that JSON must escape
        return lambda *row: dict(zip(classes, row, strict=True))


class Reply(msgspec.Struct):
    """The answer to a request, as it is sent."""

    model: str
    version: int
    arm: ArmName
    predictions: Sequence[RowAnswer]


def render(answered: Answered) -> Reply:
    """Give the answer for JSON."""
    answers, scorer = answered.answers, answered.scorer
    shares: Iterable[object] = repeat(UNSET)
    if answers.probabilities is not None:
        shares = starmap(_shares(answers.classes), answers.probabilities)
    scores = [UNSET if score is None else score for score in answers.scores]
    rows = list(map(RowAnswer, answered.ids, answers.predictions, shares, scores, answers.flags))
    for row, explanation in zip(rows, answered.explanations or (), strict=False):
        row.explanation = explanation
    for row, region in zip(rows, answered.regions or (), strict=False):
        row.level = region.level
        if region.classes is None:
            row.low, row.high = region.low, region.high
        else:
            row.set = region.classes
    return Reply(scorer.name, scorer.number, answered.arm, rows)


@dataclass(frozen=True)
class LabelBatch:
    """Labels of a request: by prediction id, and by key."""

    by_id: Sequence[tuple[str, LabelValue]]
    by_key: Mapping[tuple[str, ...], Sequence[tuple[Mapping[str, object], LabelValue]]]


def parse_labels(body: object, scorer: Scorer | None) -> LabelBatch:
    """Read ``{"labels": [{"prediction_id": …, "value": …} | {"key": {…}, "value": …}, …]}`` or the bare list.

    Parameters
    ----------
    body : JSON value
        Of the request.
    scorer : Scorer, optional
        The version that answers: its classes are the values a label may have.
    """
    labels = body.get("labels") if isinstance(body, Mapping) and body.keys() == {"labels"} else body
    if not isinstance(labels, list) or not labels:
        raise WrongData('expected {"labels": [{"prediction_id": "…", "value": …}, …]}', code="N-SERVING-024")
    by_id: list[tuple[str, LabelValue]] = []
    by_key: dict[tuple[str, ...], list[tuple[Mapping[str, object], LabelValue]]] = {}
    for row, label in enumerate(labels):
        if not isinstance(label, Mapping) or label.keys() not in ({"prediction_id", "value"}, {"key", "value"}):
            raise WrongData(
                f"label {row}: expected the fields prediction_id and value, or key and value", code="N-SERVING-025"
            )
        value = _value(row, label["value"], scorer)
        if "key" in label:
            key = label["key"]
            if not isinstance(key, Mapping) or not key or not all(isinstance(v, str | int) for v in key.values()):
                raise WrongData(f"label {row}: key must be an object of texts or integers", code="N-SERVING-026")
            by_key.setdefault(tuple(sorted(key)), []).append((key, value))
        elif isinstance(label["prediction_id"], str) and 0 < len(label["prediction_id"]) <= 160:
            by_id.append((label["prediction_id"], value))
        else:
            raise WrongData(f"label {row}: prediction_id must be a text", code="N-SERVING-026")
    return LabelBatch(by_id, by_key)


def _value(row: int, value: object, scorer: Scorer | None) -> LabelValue:
    if not isinstance(value, str | int | float | bool):
        raise WrongData(f"label {row}: value must be a text, a number, true or false", code="N-SERVING-027")
    if scorer is None:
        return value
    fault = label_fault(value, task=scorer.signature.task, classes=scorer.classes)
    if fault is not None:
        raise WrongData(f"label {row}: {fault}", code="N-SERVING-028")
    return value
