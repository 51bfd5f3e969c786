"""The OpenAPI document of a scoring server: its routes, and the signature of the version that answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from noria.serving.schemas import Schema, answer_schemas, array, column_schema, obj, record_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.scoring.scorer import Scorer
    from noria.serving.endpoint import Endpoint

__all__ = ["document", "paths"]

_JSON = "application/json"
_TEXT: Schema = {"type": "string"}
_BOOL: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer"}
_ID: Schema = {"type": ["string", "null"], "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"}
"""Any printable text is taken; what is ASCII is certainly printable."""
_STATUSES = {
    "400": "The request cannot be read, or the input does not fit the signature: then `rows` names each fault.",
    "403": "It comes from another origin.",
    "404": "There is no such version or label.",
    "405": "Another method is wanted.",
    "408": "The body took too long.",
    "413": "The body is too large, or has too many rows.",
    "415": "The body is of another media type.",
    "421": "The server does not answer for this host.",
    "500": "The model failed; the server's log says why.",
    "503": "No version is loaded yet, or too many requests are at work.",
}


class _Route(NamedTuple):
    method: str
    path: str
    summary: str
    answer: Schema
    body: Mapping[str, Schema] | None = None
    body_needed: bool = True
    query: Sequence[str] = ()
    media: Sequence[str] = (_JSON,)


def paths(name: str) -> list[str]:
    """Give the paths of a model called so, for people to look at."""
    return [
        f"/v1/models/{name}:predict",
        f"/v1/models/{name}:explain",
        f"/v1/models/{name}",
        f"/v1/models/{name}/metadata",
        f"/v2/models/{name}/infer",
        f"/v2/models/{name}",
        f"/v2/models/{name}/ready",
    ]


def document(endpoint: Endpoint, version: str, *, labels: bool) -> dict[str, object]:
    """Describe the server as it is now.

    Parameters
    ----------
    endpoint : Endpoint
        Who answers; the version that does says what it takes.
    version : str
        Of noria.
    labels : bool
        Whether late labels are taken.

    Raises
    ------
    NoVersion
        None answers yet.
    """
    scorer = endpoint.current()
    routes = [*_native(endpoint, labels=labels), *_mlflow(), *_v1(endpoint.name), *_v2(endpoint.name), *_looking()]
    made: dict[str, dict[str, object]] = {}
    for route in routes:
        made.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{endpoint.name}: {scorer.name}@{scorer.number}",
            "version": version,
            "description": f"Answers of {scorer.name}, version {scorer.number}, computed by {scorer.engine}.",
        },
        "paths": made,
        "components": {"schemas": _schemas(scorer)},
    }


def _schemas(scorer: Scorer) -> dict[str, object]:
    signature = scorer.signature
    columns = {column.name: array(column_schema(column)) for column in signature.columns}
    fault = obj({"row": {"type": "integer"}, "column": {"type": ["string", "null"]}, "code": _TEXT, "message": _TEXT})
    tensor = {
        "name": _TEXT,
        "shape": array({"type": "integer", "minimum": 0}),
        "datatype": {"enum": _DATATYPES},
        "parameters": _PARAMETERS,
        "data": array({}, at_least=0),
    }
    return {
        "Record": record_schema(signature),
        "Columns": obj(columns, closed=False),
        **answer_schemas(scorer),
        "Tensor": obj(tensor, "parameters"),
        "Error": obj({"error": _TEXT, "code": _TEXT, "rows": array(fault)}, "code", "rows"),
    }


_DATATYPES = [
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip
_PARAMETERS: Schema = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]},
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _native(endpoint: Endpoint, *, labels: bool) -> list[_Route]:
    records = array(_ref("Record"))
    wrapped = obj(
        {"records": records, "request_id": {"anyOf": [_ID, {"type": "null"}]}, "explain": _BOOL},
        "request_id",
        "explain",
    )
    answer = obj(
        {
            "model": _TEXT,
            "version": {"type": "integer"},
            "arm": _TEXT,
            "predictions": array(_ref("Prediction")),
        }
    )
    regions = endpoint.live is not None and endpoint.live.scorer.signature.regions is not None
    made = [
        _Route(
            "post",
            f"/predict/{endpoint.name}",
            "Answer records: one, a list, or a list with a request's id.",
            answer,
            {_JSON: {"anyOf": [_ref("Record"), records, wrapped]}},
            query=("explain", "region") if regions else ("explain",),
        )
    ]
    if labels:
        value: Schema = {"type": ["string", "number", "boolean"]}
        key: Schema = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["string", "integer"]}}
        by_id = obj({"prediction_id": {**_TEXT, "minLength": 1, "maxLength": 160}, "value": value})
        one = {"anyOf": [by_id, obj({"key": key, "value": value})]}
        counted = obj(dict.fromkeys(("labels", "predictions", "unmatched", "unknown"), _COUNT))
        body = {_JSON: obj({"labels": array(one)})}
        made.append(_Route("post", f"/labels/{endpoint.name}", "Say what turned out true.", counted, body))
    return made


def _mlflow() -> list[_Route]:
    records = array(_ref("Record"))
    split = obj({"columns": array(_TEXT), "data": array(array({}))}, closed=False)
    forms: dict[str, Schema] = {
        "dataframe_records": records,
        "dataframe_split": split,
        "instances": records,
        "inputs": {"anyOf": [records, _ref("Columns")]},
    }
    body = {_JSON: {"oneOf": [obj({form: schema}) for form, schema in forms.items()]}, "text/csv": _TEXT}
    answer = obj({"predictions": array(_ref("Label"))})
    return [_Route("post", "/invocations", "Answer as MLflow, SageMaker and Vertex AI expect it.", answer, body)]


def _v1(name: str) -> list[_Route]:
    named: dict[str, Schema] = {"signature_name": {"enum": ["serving_default", "", None]}}
    rows = obj({**named, "instances": array(_ref("Record"))}, "signature_name")
    columns = obj({**named, "inputs": _ref("Columns")}, "signature_name")
    body = {_JSON: {"anyOf": [rows, columns]}}
    answered = {"predictions": array({}), "outputs": {}, "explanations": array(_ref("Explanation"))}
    answer = obj(answered, *answered)
    prefix = f"/v1/models/{name}"
    status = obj({"name": _TEXT, "ready": _BOOL, "model_version_status": array({"type": "object"})})
    made = [_Route("get", "/v1/models", "Name the models.", obj({"models": array(_TEXT)}))]
    for place in (prefix, f"{prefix}/versions/{{version}}", f"{prefix}/labels/{{label}}"):
        made += [
            _Route("get", place, "Say whether the model answers.", status),
            _Route("get", f"{place}/metadata", "Describe its inputs and outputs.", {"type": "object"}),
            _Route("post", f"{place}:predict", "Answer rows or columns.", answer, body),
            _Route("post", f"{place}:explain", "Answer, and say which column has which part.", answer, body),
        ]
    return made


def _v2(name: str) -> list[_Route]:
    tensors = array(_ref("Tensor"))
    wanted = array(obj({"name": _TEXT, "parameters": _PARAMETERS}, "parameters"), at_least=0)
    asked = {"id": {**_TEXT, "maxLength": 128}, "parameters": _PARAMETERS, "inputs": tensors, "outputs": wanted}
    body = {_JSON: obj(asked, "id", "parameters", "outputs")}
    answer = obj({
        "model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "parameters": _PARAMETERS,
        "outputs": array(_ref("Tensor"), at_least=0),
    })  # fmt: skip
    anything: Schema = {"type": "object"}
    empty = {_JSON: obj({"ready": _BOOL}, "ready")}
    listed = array(obj(dict.fromkeys(("name", "version", "state", "reason"), _TEXT)), at_least=0)
    prefix = f"/v2/models/{name}"
    ready = obj({"name": _TEXT, "ready": _BOOL})
    made = [
        _Route("get", "/v2", "Describe the server.", anything),
        _Route("get", "/v2/health/live", "Say that the server is there.", anything),
        _Route("get", "/v2/health/ready", "Say whether it can answer.", anything),
        _Route("post", "/v2/repository/index", "List versions that answer.", listed, empty, body_needed=False),
        _Route("post", f"/v2/repository/models/{name}/load", "Refuse: an alias says what is loaded.", anything),
        _Route("post", f"/v2/repository/models/{name}/unload", "Refuse, likewise.", anything),
    ]
    for place in (prefix, f"{prefix}/versions/{{version}}"):
        made += [
            _Route("get", place, "Describe its inputs and outputs as tensors.", anything),
            _Route("get", f"{place}/ready", "Say whether the model answers.", ready),
            _Route("post", f"{place}/infer", "Answer tensors, one a column.", answer, body),
        ]
    return made


def _looking() -> list[_Route]:
    text = ("text/plain",)
    return [
        _Route("get", "/", "Describe the endpoint, its version and its signature.", {"type": "object"}),
        _Route("get", "/ping", "Answer 200 when a version is loaded.", _TEXT, media=text),
        _Route("get", "/health", "Answer 200 when a version is loaded.", _TEXT, media=text),
        _Route("get", "/version", "Give noria's version.", _TEXT, media=text),
        _Route("get", "/metrics", "Give counters and latencies to Prometheus.", _TEXT, media=text),
        _Route("get", "/openapi.json", "Give this document.", {"type": "object"}),
    ]


def _operation(route: _Route) -> dict[str, object]:
    refused = {"content": {_JSON: {"schema": _ref("Error")}}}
    responses: dict[str, object] = {status: {"description": text, **refused} for status, text in _STATUSES.items()}
    if "text/plain" in route.media or route.path.endswith("ready"):
        # These tell the state by their status, in the same form.
        said = {medium: {"schema": route.answer} for medium in route.media}
        responses["503"] = {"description": _STATUSES["503"], "content": said | {_JSON: {"schema": {}}}}
    answered = {medium: {"schema": route.answer} for medium in route.media}
    if route.path == "/invocations":
        answered["text/csv"] = {"schema": _TEXT}
    responses["200"] = {"description": "The answer.", "content": answered}
    made: dict[str, object] = {"summary": route.summary, "responses": dict(sorted(responses.items()))}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in ("version", "label")
        if f"{{{name}}}" in route.path
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": {"enum": ["true", "false"]}} for name in route.query
    ]
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        content = {medium: {"schema": schema} for medium, schema in route.body.items()}
        made["requestBody"] = {"required": route.body_needed, "content": content}
    return made
