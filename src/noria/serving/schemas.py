"""JSON Schemas of what a model version is asked, and of what it answers, made from its signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from noria.scoring.column import SignatureColumn

if TYPE_CHECKING:
    from noria.scoring.scorer import Scorer
    from noria.scoring.signature import Signature

__all__ = ["Schema", "answer_schemas", "array", "column_schema", "obj", "record_schema"]

Schema = Mapping[str, object]

_INT64 = 2**63
_SHOWN = 200
_NUMBERS: Schema = {"type": "array", "items": {"type": "number"}}


def obj(properties: Mapping[str, Schema], *optional: str, closed: bool = True) -> dict[str, object]:
    """Describe an object that has all these properties but the optional ones.

    Examples
    --------
    >>> obj({"id": {"type": "string"}, "flags": {}}, "flags")["required"]
    ['id']
    """
    made: dict[str, object] = {"type": "object", "properties": dict(properties)}
    required = [name for name in properties if name not in optional]
    if required:
        made["required"] = required
    return made | ({"additionalProperties": False} if closed else {})


def array(items: Schema, *, at_least: int = 1) -> dict[str, object]:
    """Describe a list.

    Examples
    --------
    >>> array({"type": "number"}, at_least=0)
    {'type': 'array', 'items': {'type': 'number'}}
    """
    made: dict[str, object] = {"type": "array", "items": items}
    return made | ({"minItems": at_least} if at_least else {})


def column_schema(column: SignatureColumn) -> dict[str, object]:
    """Describe what a column takes.

    Examples
    --------
    >>> from noria.scoring.column import SignatureColumn
    >>> made = column_schema(SignatureColumn("age", "int", min=18, max=75))
    >>> made["type"], made["description"]
    ('integer', 'Training: 18 to 75; others are flagged.')
    """
    made = _TYPES[column.type](column)
    if column.missing != "refuse":
        made = {"anyOf": [made, {"type": "null"}]}
    return made


def _number(column: SignatureColumn) -> dict[str, object]:
    made: dict[str, object] = {"type": "integer", "minimum": -_INT64, "maximum": _INT64 - 1}
    if column.type == "float":
        made = {"type": "number"}
    if column.min is None or column.max is None:
        return made
    done = {"flag": "flagged", "clip": "clipped to that", "refuse": "refused"}[column.range]
    made["description"] = f"Training: {column.min:g} to {column.max:g}; others are {done}."
    if column.range == "refuse":
        made |= {"minimum": column.min, "maximum": column.max}
    return made


def _category(column: SignatureColumn) -> dict[str, object]:
    known = list(column.categories or ())
    made: dict[str, object] = {"type": "string"}
    if column.categories is not None and column.unseen == "refuse":
        made["enum"] = known
    elif known:
        made["examples"] = known[:_SHOWN]
    return {"anyOf": [made, {"type": "integer"}]} if column.integers else made


_TYPES: Mapping[str, Callable[[SignatureColumn], dict[str, object]]] = {
    "float": _number,
    "int": _number,
    "bool": lambda _: {"type": "boolean"},
    "category": _category,
    "text": lambda _: {"type": "string"},
    "timestamp": lambda _: {
        "type": "string",
        "format": "date-time",
        "description": "A time such as 2026-03-01T12:00:00Z; without a zone it is UTC.",
    },
}


def record_schema(signature: Signature) -> dict[str, object]:
    """Describe one row: all columns of the model, and those that may come along."""
    known = (*signature.columns, *signature.carried)
    carried = [column.name for column in signature.carried]
    made = obj({column.name: column_schema(column) for column in known}, *carried, closed=signature.extra == "refuse")
    return made | {"examples": [signature.example()]}


def answer_schemas(scorer: Scorer) -> dict[str, Schema]:
    """Describe answers: ``Label``, ``Prediction`` and ``Explanation``."""
    task, classes = scorer.signature.task, scorer.classes
    label: dict[str, object] = {"type": {"regression": "number", "clustering": "integer"}.get(task, "string")}
    if task == "classification":
        label = {"type": {"BYTES": "string", "INT64": "integer", "BOOL": "boolean"}[scorer.label_datatype]}
    of_row: dict[str, Schema] = {"id": {"type": "string"}, "prediction": label}
    if task == "classification":
        share: Schema = {"type": "number", "minimum": 0, "maximum": 1}
        of_row["probabilities"] = obj(dict.fromkeys(classes, share))
    if task != "clustering":
        of_row["score"] = {"type": "number"}
    of_row["flags"] = array({"type": "string"}, at_least=0)
    of_row["explanation"] = {"$ref": "#/components/schemas/Explanation"}
    of_row["level"] = {"type": "number", "description": "Share of rows with the truth inside; asked for by region."}
    if classes:
        of_row["set"] = array({"type": "string"})
    else:
        of_row["low"] = of_row["high"] = {"type": ["number", "null"]}
    parts = {column.name: {"type": "number"} for column in scorer.signature.columns}
    explanation: dict[str, Schema] = {
        "base": {"type": "number", "description": "What the model says before it knows anything of the row."},
        "contributions": obj(parts, *parts),
        "of": {"type": "string", "description": "What base and contributions sum to."},
        "class": label,
    }
    return {
        "Label": label,
        "Prediction": obj(of_row, "explanation", "level", *(("set",) if classes else ("low", "high"))),
        "Explanation": obj(explanation, "class"),
    }
