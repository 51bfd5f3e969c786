"""Every route of the protocol, with who answers and what it needs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from noria.server.mlflow import (
    artifacts,
    experiments,
    inputs,
    logged_models,
    metrics,
    plain,
    registry,
    runs,
    transfers,
    versions,
)
from noria.server.mlflow.forms import Form, Reader

__all__ = ["MLFLOW_ROUTES", "Route", "belongs", "find"]

Handler = Callable[..., object]
_Row = tuple[str, str, Handler, str]

_TRACKING: tuple[_Row, ...] = (
    # method, path, who answers, what it needs: "view" reads, "track" records runs, "register" writes to the registry,
    # "change" moves an alias or a stage, and with it what is served
    ("POST", "mlflow/experiments/create", experiments.create, "track"),
    ("GET", "mlflow/experiments/get", experiments.get, "view"),
    ("GET", "mlflow/experiments/get-by-name", experiments.get_by_name, "view"),
    ("GET", "mlflow/experiments/search", experiments.search, "view"),
    ("POST", "mlflow/experiments/search", experiments.search, "view"),
    ("POST", "mlflow/experiments/search-datasets", experiments.search_datasets, "view"),
    ("POST", "mlflow/experiments/update", experiments.rename, "track"),
    ("POST", "mlflow/experiments/delete", experiments.delete, "track"),
    ("POST", "mlflow/experiments/restore", experiments.restore, "track"),
    ("POST", "mlflow/experiments/set-experiment-tag", experiments.set_tag, "track"),
    ("POST", "mlflow/experiments/delete-experiment-tag", experiments.delete_tag, "track"),
    ("POST", "mlflow/runs/create", runs.create, "track"),
    ("POST", "mlflow/runs/update", runs.update, "track"),
    ("GET", "mlflow/runs/get", runs.get, "view"),
    ("POST", "mlflow/runs/search", runs.search, "view"),
    ("POST", "mlflow/runs/delete", runs.delete, "track"),
    ("POST", "mlflow/runs/restore", runs.restore, "track"),
    ("POST", "mlflow/runs/log-metric", runs.log_metric, "track"),
    ("POST", "mlflow/runs/log-parameter", runs.log_parameter, "track"),
    ("POST", "mlflow/runs/set-tag", runs.set_tag, "track"),
    ("POST", "mlflow/runs/delete-tag", runs.delete_tag, "track"),
    ("POST", "mlflow/runs/log-batch", runs.log_batch, "track"),
    ("POST", "mlflow/runs/log-inputs", inputs.log_inputs, "track"),
    ("POST", "mlflow/runs/outputs", inputs.log_outputs, "track"),
    ("POST", "mlflow/runs/log-model", inputs.log_model, "track"),
    ("GET", "mlflow/metrics/get-history", metrics.history, "view"),
    ("GET", "mlflow/metrics/get-history-bulk", metrics.history_bulk, "view"),
    ("GET", "mlflow/metrics/get-history-bulk-interval", metrics.history_interval, "view"),
    ("GET", "mlflow/artifacts/list", artifacts.listing, "view"),
)
_MODELS: tuple[_Row, ...] = (
    ("POST", "mlflow/logged-models", logged_models.create, "track"),
    ("POST", "mlflow/logged-models/search", logged_models.search, "view"),
    ("GET", "mlflow/logged-models/{model_id}", logged_models.get, "view"),
    ("DELETE", "mlflow/logged-models/{model_id}", logged_models.delete, "track"),
    ("PATCH", "mlflow/logged-models/{model_id}", logged_models.finish, "track"),
    ("PATCH", "mlflow/logged-models/{model_id}/tags", logged_models.set_tags, "track"),
    ("DELETE", "mlflow/logged-models/{model_id}/tags/{tag_key:path}", logged_models.delete_tag, "track"),
    ("POST", "mlflow/logged-models/{model_id}/params", logged_models.log_params, "track"),
    ("GET", "mlflow/logged-models/{model_id}/artifacts/directories", logged_models.listing, "view"),
)
_REGISTRY: tuple[_Row, ...] = (
    ("POST", "mlflow/registered-models/create", registry.create, "register"),
    ("POST", "mlflow/registered-models/rename", registry.rename, "register"),
    ("GET", "mlflow/registered-models/get", registry.get, "view"),
    ("PATCH", "mlflow/registered-models/update", registry.update, "register"),
    ("DELETE", "mlflow/registered-models/delete", registry.delete, "register"),
    ("GET", "mlflow/registered-models/search", registry.search, "view"),
    ("GET", "mlflow/registered-models/list", registry.search, "view"),
    ("GET", "mlflow/registered-models/get-latest-versions", registry.latest_versions, "view"),
    ("POST", "mlflow/registered-models/get-latest-versions", registry.latest_versions, "view"),
    ("POST", "mlflow/registered-models/set-tag", registry.set_tag, "register"),
    ("DELETE", "mlflow/registered-models/delete-tag", registry.delete_tag, "register"),
    ("POST", "mlflow/registered-models/alias", registry.set_alias, "change"),
    ("DELETE", "mlflow/registered-models/alias", registry.delete_alias, "change"),
    ("GET", "mlflow/registered-models/alias", registry.get_by_alias, "view"),
    ("POST", "mlflow/model-versions/create", versions.create, "register"),
    ("GET", "mlflow/model-versions/get", versions.get, "view"),
    ("PATCH", "mlflow/model-versions/update", versions.update, "register"),
    ("DELETE", "mlflow/model-versions/delete", versions.delete, "register"),
    ("GET", "mlflow/model-versions/search", versions.search, "view"),
    ("GET", "mlflow/model-versions/get-download-uri", versions.download_uri, "view"),
    ("POST", "mlflow/model-versions/set-tag", versions.set_tag, "register"),
    ("DELETE", "mlflow/model-versions/delete-tag", versions.delete_tag, "register"),
    ("POST", "mlflow/model-versions/transition-stage", versions.transition, "change"),
)
_FILES: tuple[_Row, ...] = (
    ("GET", "mlflow-artifacts/artifacts", artifacts.proxy_listing, "view"),
    ("GET", "mlflow-artifacts/artifacts/{path:path}", transfers.download, "view"),
    ("HEAD", "mlflow-artifacts/artifacts/{path:path}", transfers.download, "view"),
    ("PUT", "mlflow-artifacts/artifacts/{path:path}", transfers.upload, "track"),
    ("DELETE", "mlflow-artifacts/artifacts/{path:path}", artifacts.remove, "track"),
    ("POST", "mlflow-artifacts/mpu/create/{path:path}", plain.not_offered, "track"),
    ("POST", "mlflow-artifacts/mpu/complete/{path:path}", plain.not_offered, "track"),
    ("POST", "mlflow-artifacts/mpu/abort/{path:path}", plain.not_offered, "track"),
    ("GET", "mlflow-artifacts/presigned/{path:path}", plain.not_offered, "view"),
)
_PLAIN: tuple[_Row, ...] = (
    ("GET", "/health", plain.health, "open"),
    ("GET", "/version", plain.version, "open"),
    ("GET", "/api/3.0/mlflow/server-info", plain.server_info, "view"),
    ("GET", "/ajax-api/3.0/mlflow/server-info", plain.server_info, "view"),
)

MLFLOW_ROUTES: tuple[_Row, ...] = _PLAIN + tuple(
    (method, prefix + path, handler, action)
    for method, path, handler, action in (*_TRACKING, *_MODELS, *_REGISTRY, *_FILES)
    for prefix in ("/api/2.0/", "/ajax-api/2.0/")
)
"""Method, path, who answers, what it needs; of the same form as `noria.server.app.ROUTES`."""

_PREFIXES = ("/api/2.0/", "/api/3.0/", "/ajax-api/", "/v1/", "/graphql")


@dataclass(frozen=True)
class Route:
    """A route, made ready to answer."""

    method: str
    path: str
    handler: Handler
    action: str
    reader: Reader[Any] | None
    """How its request is read; None when it reads the request itself, as it comes."""
    waits: bool
    """The handler is plain and may wait for the database: it gets a thread."""
    asks_who: bool
    """The handler also takes who asks."""


def belongs(path: str) -> bool:
    """Say whether a path is one of the protocol's, known or not.

    Examples
    --------
    >>> belongs("/api/2.0/mlflow/traces/search"), belongs("/api/runs")
    (True, False)
    """
    return path.startswith(_PREFIXES) or path in ("/health", "/version")


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | frozenset[str]:
    """Look a request up.

    Returns
    -------
    tuple of Route and dict
        Who answers, and what the path says.
    frozenset of str
        The methods that the path has, when this is none of them; empty when there is no such path.
    """
    route = _FIXED.get((method, path))
    if route is not None:
        return route, {}
    others = set()
    for pattern, name, byname in _WITH_NAMES:
        if found := pattern.fullmatch(path):
            if name == method:
                return byname, found.groupdict()
            others.add(name)
    return frozenset(others | {name for name, fixed in _FIXED if fixed == path})


def _ready(row: _Row) -> Route:
    method, path, handler, action = row
    parameters = inspect.signature(handler).parameters
    form = None
    if "form" in parameters:
        # The annotation is a name in the handler's own file.
        form = handler.__globals__[parameters["form"].annotation]
        assert issubclass(form, Form), f"{path} reads {form}"  # noqa: S101 - a mistake in our own table
    return Route(
        method,
        path,
        handler,
        action,
        None if form is None else Reader(form),
        waits=not inspect.iscoroutinefunction(handler),
        asks_who="who" in parameters,
    )


def _pattern(path: str) -> re.Pattern[str]:
    text = re.sub(r"\{(\w+):path\}", r"(?P<\1>.*)", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text), re.DOTALL)


_READY = [_ready(row) for row in MLFLOW_ROUTES]
_FIXED = {(route.method, route.path): route for route in _READY if "{" not in route.path}
_WITH_NAMES = [(_pattern(route.path), route.method, route) for route in _READY if "{" in route.path]
