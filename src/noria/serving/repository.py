"""The repository extension of the Open Inference Protocol, as far as one endpoint has a repository.

Reference: Triton Inference Server, "Model Repository Extension".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.serving.http import Problem

if TYPE_CHECKING:
    from noria.serving.endpoint import Endpoint

__all__ = ["index", "not_by_request"]


def index(body: object, endpoint: Endpoint, names: Iterable[str]) -> list[dict[str, str]]:
    """Answer ``POST /v2/repository/index``: who answers now, and who grows into it.

    Parameters
    ----------
    body : JSON value
        ``{"ready": true}`` leaves out what cannot answer; None for an empty body.
    endpoint : Endpoint
        Whose versions.
    names : iterable of str
        What the model is called here.
    """
    if body is not None and not (isinstance(body, Mapping) and body.keys() <= {"ready"}):
        raise WrongData('expected {} or {"ready": true}', code="N-SERVING-042")
    ready = False if body is None else body.get("ready", False)
    if not isinstance(ready, bool):
        raise WrongData("ready must be true or false", code="N-SERVING-042")
    found = [
        {"name": name, "version": str(number), "state": "READY", "reason": ""}
        for name in names
        for number in endpoint.answering
    ]
    if found or ready:
        return found
    reason = endpoint.failure.what if endpoint.failure else f"it has no {endpoint.alias} yet"
    return [{"name": name, "version": "", "state": "UNAVAILABLE", "reason": reason} for name in names]


def not_by_request(endpoint: Endpoint) -> Problem:
    """Refuse to load or unload: who may ask a model may not change it."""
    if endpoint.alias == "bundle":
        what = "this server answers for the one version in its bundle; start one with another bundle"
    else:
        what = (
            f"this server follows the alias {endpoint.alias!r} by itself; to change what it answers with: "
            f"noria models promote {endpoint.model}@VERSION"
        )
    return Problem(400, what, code="N-SERVING-057")
