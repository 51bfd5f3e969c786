"""The OpenAPI document of noria's own HTTP interface, made from the table of routes that answers it.

The MLflow protocol has documents of its own and is not repeated here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from importlib.metadata import version as version_of

import msgspec

from noria.runs.operations import Batch

__all__ = ["document"]

_Row = tuple[str, str, Callable[..., object], str]

_TEXT: dict[str, object] = {"type": "string"}
_LIMIT: dict[str, object] = {"type": "integer", "minimum": 1, "maximum": 500}

_QUERY: dict[str, tuple[tuple[str, dict[str, object], str], ...]] = {
    "/api/runs": (
        ("where", _TEXT, "Filter: metrics.auc > 0.8 and params.kind = 'svm', or shorter: auc > .8 and kind = svm."),
        ("order", _TEXT, "What to order by: metrics.auc DESC. Newest first when left out."),
        ("experiment", _TEXT, "Number of an experiment; all when left out."),
        ("deleted", _TEXT, "1: the runs in the bin."),
        ("token", _TEXT, "Of the page before, from its `next`."),
        ("limit", _LIMIT, "Rows of a page."),
    ),
    "/api/datasets/{ref}": (("in", _TEXT, "Of a folder of files: the folder in it to look at."),),
    "/api/datasets/{ref}/diff": (
        ("from", _TEXT, "The older version: number, tag or NAME@NUMBER; the one before when left out."),
    ),
    "/api/alerts": (("limit", _LIMIT, "Alerts at most."),),
}
_STATUSES = {
    "400": "The request cannot be read, or does not fit.",
    "401": "Nobody is named (team mode).",
    "403": "Whoever is named may not do this, or it comes from another origin.",
    "404": "There is no such thing.",
    "408": "The body took too long.",
    "413": "The body is too large.",
    "421": "The server does not answer for this host.",
    "503": "Too many requests are at work, or the store is not to be had.",
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "oneOf": [
                {"type": "string", "description": "What the door refused."},
                {
                    "type": "object",
                    "required": ["code", "what"],
                    "properties": {
                        "code": {"type": "string", "pattern": "^N-[A-Z]+-[0-9]+$"},
                        "what": {"type": "string"},
                        "why": {"type": "string"},
                        "mend": {"type": "string"},
                    },
                },
            ]
        }
    },
}
_NUMBER = {
    "oneOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}],
    "description": "A number; those that JSON has no form for are texts.",
}


def document(tables: Iterable[Iterable[_Row]]) -> dict[str, object]:
    """Describe every route under ``/api/`` that is noria's own.

    Parameters
    ----------
    tables : iterable of tables of routes
        As `noria.server.app.ROUTES`.

    Returns
    -------
    dict
        An OpenAPI 3.1 document.
    """
    (_, components) = msgspec.json.schema_components(
        [Batch], schema_hook=_any_json, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, object]] = {}
    for table in tables:
        for method, path, handler, action in table:
            if path.startswith("/api/") and not re.match(r"/api/[0-9]", path):
                paths.setdefault(_plain(path), {})[method.lower()] = _operation(method, path, handler, action)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "noria",
            "version": version_of("noria"),
            "description": "Runs, models, data sets, deployments, monitoring and alerts of one project.",
        },
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR, "Number": _NUMBER},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{}, {"token": []}, {"password": []}],
    }


def _operation(method: str, path: str, handler: Callable[..., object], action: str) -> dict[str, object]:
    summary = (inspect.getdoc(handler) or "").partition("\n")[0]
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)", path)
    ]
    asked = [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": text}
        for name, schema, text in _QUERY.get(path, ())
    ]
    answer = {"description": "What was asked for.", "content": {"application/json": {"schema": {}}}}
    refusals = {
        status: {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, text in _STATUSES.items()
    }
    operation: dict[str, object] = {
        "operationId": handler.__name__,
        "summary": summary,
        "x-action": action,
        "parameters": [*named, *asked],
        "responses": {"200": answer, **refusals},
    }
    if path.endswith("/batch"):
        schema = {"$ref": f"#/components/schemas/{Batch.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif method == "PUT":
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _any_json(kind: type) -> dict[str, object]:
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError(kind)


def _plain(path: str) -> str:
    return re.sub(r"\{(\w+):path\}", r"{\1}", path)
