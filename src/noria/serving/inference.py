"""The Open Inference Protocol, version 2: one tensor a column.

Reference: Open Inference Protocol, specification of the REST API, https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, cast

from noria.errors import WrongData
from noria.scoring.rows import Rows

if TYPE_CHECKING:
    from noria.scoring.explanation import Explanation
    from noria.scoring.scorer import Scorer
    from noria.serving.endpoint import Reply

__all__ = ["Inference", "metadata", "parse", "render", "server_metadata"]

_DATATYPES: Mapping[str, frozenset[str]] = {
    "bool": frozenset({"BOOL"}),
    "number": frozenset({"FP16", "FP32", "FP64"}),
    "integer": frozenset(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    "text": frozenset({"BYTES"}),
}
_FITTING: Mapping[str, frozenset[type]] = {
    "bool": frozenset({bool, NoneType}),
    "number": frozenset({float, int, NoneType}),
    "integer": frozenset({int, NoneType}),
    "text": frozenset({str, NoneType}),
}
_COLUMN_DATATYPE = {
    "float": "FP64",
    "int": "INT64",
    "bool": "BOOL",
    "category": "BYTES",
    "text": "BYTES",
    "timestamp": "BYTES",
}
_MAX_ROWS = 1_000_000


class Inference:
    """A request: the records of its tensors, the id to echo, the outputs asked for, whether to explain them."""

    __slots__ = ("explain", "identity", "outputs", "records")

    def __init__(
        self, records: Rows, identity: str | None, outputs: frozenset[str] | None, *, explain: bool = False
    ) -> None:
        self.records = records
        self.identity = identity
        self.outputs = outputs
        self.explain = explain


def server_metadata(version: str) -> dict[str, object]:
    """Answer ``GET /v2``."""
    return {"name": "noria", "version": version, "extensions": ["model_repository"]}


def metadata(name: str, scorer: Scorer) -> dict[str, object]:
    """Answer ``GET /v2/models/NAME``."""
    return {
        "name": name,
        "versions": [str(scorer.number)],
        "platform": f"noria_{scorer.engine}",
        "parameters": {"engine": scorer.engine, "reason": scorer.reason},
        "inputs": [
            {"name": column.name, "datatype": _COLUMN_DATATYPE.get(column.type, "BYTES"), "shape": [-1, 1]}
            for column in scorer.signature.columns
        ],
        "outputs": [
            {"name": output, "datatype": datatype, "shape": shape} for output, datatype, shape in _outputs(scorer)
        ],
    }


def parse(body: object, scorer: Scorer) -> Inference:
    """Read a request.

    Raises
    ------
    WrongData
        A field is missing, unknown or of another kind, a shape does not fit its data, an output is not there.
    """
    if not isinstance(body, Mapping):
        raise _wrong("expected an object")
    # KServe's client names the model here too, whatever its user called it; the address says which one is asked.
    _only(body, {"id", "model_name", "parameters", "inputs", "outputs"}, "the request")
    if not isinstance(body.get("model_name"), str | None):
        raise _wrong("model_name must be a text")
    identity = body.get("id")
    if identity is not None and not (isinstance(identity, str) and len(identity) <= 128 and identity.isprintable()):
        raise _wrong("id must be a printable text of at most 128 characters")
    explain = _parameters(body, "the request").get("explain", False)
    if not isinstance(explain, bool):
        raise _wrong("parameters.explain must be true or false")
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise _wrong("inputs must be a list of tensors")
    columns: dict[str, list[object]] = {}
    for tensor in inputs:
        name, values = _tensor(tensor)
        if name in columns:
            raise _wrong(f"input {name!r} is there twice")
        columns[name] = values
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise _wrong("all inputs must have the same first dimension")
    if lengths == {0}:
        raise _wrong("there are no rows")
    return Inference(Rows(columns, lengths.pop()), identity, _wanted(body.get("outputs"), scorer), explain=explain)


def render(reply: Reply, request: Inference, name: str) -> dict[str, object]:
    """Give the answer."""
    answers, scorer = reply.answers, reply.scorer
    made: list[dict[str, object]] = []
    for output, datatype, shape in _outputs(scorer):
        if request.outputs is not None and output not in request.outputs:
            continue
        data: list[object]
        if output == "probabilities":
            data = [share for row in answers.probabilities or () for share in row]
        elif output == "score":
            data = list(answers.scores)
        else:
            data = list(answers.predictions)
        made.append({"name": output, "shape": [len(answers), *shape[1:]], "datatype": datatype, "data": data})
    if reply.explanations is not None:
        made += _explained(reply.explanations, scorer)
    return {
        "model_name": name,
        "model_version": str(scorer.number),
        "id": request.identity or (reply.ids[0] if len(reply.ids) == 1 else reply.ids[0].rsplit("-", 1)[0]),
        "parameters": {"arm": reply.arm},
        "outputs": made,
    }


def _explained(explanations: Sequence[Explanation], scorer: Scorer) -> list[dict[str, object]]:
    """Give contributions as a tensor, its columns those of the inputs in `metadata`, and the base beside it."""
    names = [column.name for column in scorer.signature.columns]
    parts = [one.contributions.get(name, 0.0) for one in explanations for name in names]
    size, of = len(explanations), {"of": explanations[0].of}
    made: list[dict[str, object]] = [
        {
            "name": "contributions",
            "shape": [size, len(names)],
            "datatype": "FP64",
            "parameters": of,
            "data": parts,
        },
        {
            "name": "base",
            "shape": [size],
            "datatype": "FP64",
            "parameters": of,
            "data": [one.base for one in explanations],
        },
    ]
    labels = [one.label for one in explanations]
    if scorer.classes:
        made.append({"name": "explained", "shape": [size], "datatype": scorer.label_datatype, "data": labels})
    return made


def _outputs(scorer: Scorer) -> list[tuple[str, str, list[int]]]:
    task = scorer.signature.task
    if task == "classification":
        return [
            ("prediction", scorer.label_datatype, [-1]),
            ("probabilities", "FP64", [-1, len(scorer.classes)]),
            ("score", "FP64", [-1]),
        ]
    return [("prediction", "FP64" if task == "regression" else "INT64", [-1])]


def _wanted(outputs: object, scorer: Scorer) -> frozenset[str] | None:
    if outputs is None:
        return None
    if not isinstance(outputs, list) or not all(isinstance(each, Mapping) and "name" in each for each in outputs):
        raise _wrong("outputs must be a list of objects with a name")
    known = {name for name, _, _ in _outputs(scorer)}
    for each in outputs:
        _only(each, {"name", "parameters"}, "an output")
        _parameters(each, "an output")
        if not isinstance(each["name"], str) or each["name"] not in known:
            raise _wrong(f"there is no output {each['name']!r}; there are {', '.join(sorted(known))}")
    return frozenset(each["name"] for each in outputs)


def _tensor(tensor: object) -> tuple[str, list[object]]:
    if not isinstance(tensor, Mapping):
        raise _wrong("each input must be an object")
    _only(tensor, {"name", "shape", "datatype", "parameters", "data"}, "an input")
    _parameters(tensor, "an input")
    lacking = {"name", "shape", "datatype", "data"} - tensor.keys()
    if lacking:
        raise _wrong(f"an input lacks {sorted(lacking)[0]!r}")
    name, shape, datatype = tensor["name"], tensor["shape"], tensor["datatype"]
    if not isinstance(name, str):
        raise _wrong("the name of an input must be a text")
    if not isinstance(datatype, str) or datatype not in _ALL:
        raise _wrong(f"input {name!r}: datatype {datatype!r} is none of {', '.join(sorted(_ALL))}")
    sizes = cast("Sequence[object]", shape) if isinstance(shape, list) else ()
    if (
        not sizes
        or not all(type(size) is int and 0 <= size <= _MAX_ROWS for size in sizes)
        or list(sizes[1:]) not in ([], [1])
    ):
        raise _wrong(f"input {name!r}: shape must be [rows] or [rows, 1]")
    values = _flat(name, tensor["data"])
    if len(values) != sizes[0]:
        raise _wrong(f"input {name!r}: shape says {sizes[0]} rows, data holds {len(values)}")
    kind = _ALL[datatype]
    if not _FITTING[kind].issuperset(map(type, values)):
        row = next(row for row, value in enumerate(values) if type(value) not in _FITTING[kind])
        raise _wrong(f"input {name!r}: row {row} is no {datatype}")
    bounds = _BOUNDS.get(datatype)
    if bounds is not None:
        for row, value in enumerate(values):
            if value is not None and not bounds[0] <= cast("int", value) <= bounds[1]:
                raise _wrong(f"input {name!r}: row {row} does not fit into {datatype}")
    return name, values


def _flat(name: str, data: object) -> list[object]:
    if not isinstance(data, list):
        raise _wrong(f"input {name!r}: data must be a list")
    if data and isinstance(data[0], list) and all(isinstance(row, list) for row in data):
        if any(len(row) != 1 for row in data):
            raise _wrong(f"input {name!r}: each row must hold one value")
        return [row[0] for row in data]
    return data


def _parameters(holder: Mapping[str, object], what: str) -> Mapping[str, object]:
    found = holder.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, Mapping) or not all(isinstance(one, str | int | float) for one in found.values()):
        raise _wrong(f"the parameters of {what} must be texts, numbers, true or false")
    return found


def _only(value: Mapping[str, object], known: set[str], what: str) -> None:
    if not value.keys() <= known:
        raise _wrong(f"{what} has an unknown field {min(value.keys() - known)!r}")


def _wrong(what: str) -> WrongData:
    return WrongData(what, code="N-SERVING-040")


_BOUNDS = {
    f"{sign}INT{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in ("", "U")
    for bits in (8, 16, 32, 64)
}
_ALL = {name: kind for kind, names in _DATATYPES.items() for name in names}
