"""The REST protocol of TensorFlow Serving, which KServe calls version 1: ``POST /v1/models/NAME:predict``.

References
----------
TensorFlow Serving, RESTful API, https://www.tensorflow.org/tfx/serving/api_rest
KServe, data plane V1, https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from noria.errors import WrongData
from noria.scoring.rows import Rows
from noria.security.strict_json import decode

if TYPE_CHECKING:
    from noria.scoring.answers import Answers
    from noria.scoring.decoding import RowReader
    from noria.scoring.scorer import Scorer
    from noria.serving.endpoint import Reply

__all__ = ["Asked", "metadata", "parse", "read", "render", "status"]

SIGNATURE = "serving_default"
_FORMS = ("instances", "inputs")
_DTYPES = {"float": "DT_DOUBLE", "int": "DT_INT64", "bool": "DT_BOOL"}
_LABEL_DTYPES = {"BYTES": "DT_STRING", "INT64": "DT_INT64", "BOOL": "DT_BOOL"}


class Asked(NamedTuple):
    """A request: its rows, whether they came column by column, whether the answers are to be explained."""

    rows: Sequence[object] | Rows
    columnar: bool = False
    explain: bool = False


def read(body: bytes, reader: RowReader) -> Asked | None:
    """Read instances as `parse` does, straight into columns; None where `parse` must say what it is."""
    if not body.startswith(b'{"instances"'):
        return None
    held = reader.within(body, "instances", lambda: list(parse(decode(body)).rows))
    return Asked(held[0]) if held is not None and held[1] is None else None


def parse(body: object) -> Asked:
    """Read ``{"instances": [{…}, …]}`` or ``{"inputs": {"column": […], …}}``.

    A value may be in a list of its own, as tensors of shape ``[-1, 1]`` have it, and a text may be
    ``{"b64": "…"}``.

    Examples
    --------
    >>> parse({"signature_name": "serving_default", "instances": [{"age": [30]}, {"age": 40}]}).rows
    [{'age': 30}, {'age': 40}]
    >>> parse({"inputs": {"age": [[30], [40]]}}).rows.columns
    {'age': [30, 40]}
    """
    forms = [form for form in _FORMS if isinstance(body, Mapping) and form in body]
    if not isinstance(body, Mapping) or len(forms) != 1:
        raise _wrong("expected an object with either instances or inputs")
    unknown = sorted(body.keys() - {forms[0], "signature_name", "parameters"})
    if unknown:
        raise _wrong(f"unknown field {unknown[0]!r}")
    if body.get("signature_name") not in (None, "", SIGNATURE):
        raise _wrong(f"the one signature of a model is {SIGNATURE!r}")
    explain = _parameters(body.get("parameters"))
    if forms[0] == "instances":
        return Asked(_instances(body["instances"]), explain=explain)
    return Asked(_inputs(body["inputs"]), columnar=True, explain=explain)


def _parameters(given: object) -> bool:
    if given is None:
        return False
    if not isinstance(given, Mapping) or not given.keys() <= {"explain"}:
        raise _wrong('parameters may hold "explain" and nothing else')
    explain = given.get("explain", False)
    if not isinstance(explain, bool):
        raise _wrong("parameters.explain must be true or false")
    return explain


def _instances(rows: object) -> list[object]:
    if not isinstance(rows, list):
        raise _wrong("instances must be a list of objects")
    if not rows:
        raise _wrong("there are no rows")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise _wrong(f"instance {number}: name the columns; noria never matches them by position")
    return [{name: _single(value) for name, value in row.items()} for row in rows]


def _inputs(columns: object) -> Rows:
    if not isinstance(columns, Mapping) or not columns:
        raise _wrong("inputs must be an object of lists, one a column")
    lengths = {len(values) if isinstance(values, list) else -1 for values in columns.values()}
    if len(lengths) != 1 or not lengths.isdisjoint({-1, 0}):
        raise _wrong("inputs must hold lists, all of one length and not empty")
    return Rows({name: list(map(_single, values)) for name, values in columns.items()}, lengths.pop())


def _single(value: object) -> object:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping) and value.keys() == {"b64"}:
        return _decoded(value["b64"])
    return value


def _decoded(text: object) -> str:
    try:
        return base64.b64decode(str(text), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _wrong("b64 must hold a text in UTF-8, encoded as base64") from error


def render(reply: Reply, asked: Asked) -> dict[str, object]:
    """Give the answer in the form of the question; a model with one output answers with its values alone."""
    outputs = _outputs(reply.answers)
    single = len(outputs) == 1
    made: dict[str, object] = {}
    if asked.columnar:
        made["outputs"] = next(iter(outputs.values())) if single else outputs
    elif single:
        made["predictions"] = next(iter(outputs.values()))
    else:
        made["predictions"] = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    if reply.explanations is not None:
        made["explanations"] = reply.explanations
    return made


def _outputs(answers: Answers) -> dict[str, Sequence[object]]:
    if answers.probabilities is None:
        return {"prediction": answers.predictions}
    return {"prediction": answers.predictions, "probabilities": answers.probabilities, "score": answers.scores}


def status(name: str, scorer: Scorer) -> dict[str, object]:
    """Answer ``GET /v1/models/NAME`` in the words of both: TensorFlow Serving's status, KServe's readiness."""
    available = {"version": str(scorer.number), "state": "AVAILABLE"}
    return {
        "name": name,
        "ready": True,
        "model_version_status": [{**available, "status": {"error_code": "OK", "error_message": ""}}],
    }


def metadata(name: str, scorer: Scorer) -> dict[str, object]:
    """Answer ``GET /v1/models/NAME/metadata``."""
    inputs = {
        column.name: _tensor(column.name, _DTYPES.get(column.type, "DT_STRING"), -1)
        for column in scorer.signature.columns
    }
    task, n_classes = scorer.signature.task, len(scorer.classes)
    if task == "classification":
        outputs = {
            "prediction": _tensor("prediction", _LABEL_DTYPES[scorer.label_datatype], -1),
            "probabilities": _tensor("probabilities", "DT_DOUBLE", -1, n_classes),
            "score": _tensor("score", "DT_DOUBLE", -1),
        }
    else:
        outputs = {"prediction": _tensor("prediction", "DT_DOUBLE" if task == "regression" else "DT_INT64", -1)}
    signature = {"inputs": inputs, "outputs": outputs, "method_name": "tensorflow/serving/predict"}
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(scorer.number)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }


def _tensor(name: str, dtype: str, *sizes: int) -> dict[str, object]:
    dimensions = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": dtype, "tensor_shape": {"dim": dimensions, "unknown_rank": False}, "name": name}


def _wrong(what: str) -> WrongData:
    return WrongData(what, code="N-SERVING-041")
