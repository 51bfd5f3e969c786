"""noria's own protocol: ``POST /predict/ENDPOINT`` and ``POST /labels/ENDPOINT``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.predictions.labels import label_fault

if TYPE_CHECKING:
    from noria.predictions.labels import LabelValue
    from noria.scoring.scorer import Scorer
    from noria.serving.endpoint import Reply

__all__ = ["LabelBatch", "parse", "parse_labels", "render"]

_WRAPPED = frozenset({"records", "request_id"})


def parse(body: object) -> tuple[Sequence[object], str | None]:
    """Read a request: a record, a list of records, or ``{"records": […], "request_id": …}``.

    Examples
    --------
    >>> parse({"age": 30})
    ([{'age': 30}], None)
    """
    if isinstance(body, list):
        return _some(body), None
    if not isinstance(body, Mapping):
        raise WrongData("expected a record or a list of records", code="N-SERVING-020")
    if "records" in body and isinstance(body["records"], list):
        unknown = sorted(body.keys() - _WRAPPED)
        if unknown:
            raise WrongData(f"unknown field {unknown[0]!r} beside 'records'", code="N-SERVING-021")
        request = body.get("request_id")
        if request is not None and not (isinstance(request, str) and 0 < len(request) <= 128 and request.isprintable()):
            raise WrongData("request_id must be a printable text of at most 128 characters", code="N-SERVING-022")
        return _some(body["records"]), request
    return [body], None


def _some(records: list[object]) -> list[object]:
    if not records:
        raise WrongData("there are no records", code="N-SERVING-023")
    return records


def render(reply: Reply) -> dict[str, object]:
    """Give the answer as JSON."""
    answers = reply.answers
    predictions = []
    for row, identity in enumerate(reply.ids):
        made: dict[str, object] = {"id": identity, "prediction": answers.predictions[row]}
        if answers.probabilities is not None:
            made["probabilities"] = dict(zip(answers.classes, answers.probabilities[row], strict=True))
        if answers.scores[row] is not None:
            made["score"] = answers.scores[row]
        made["flags"] = list(answers.flags[row])
        predictions.append(made)
    scorer = reply.scorer
    return {"model": scorer.name, "version": scorer.number, "arm": reply.arm, "predictions": predictions}


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
