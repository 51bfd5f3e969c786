"""Finding runs, models and datasets by what somebody typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from noria.errors import NotFound, WrongArgument
from noria.server.pages.datasets import find as find_dataset

if TYPE_CHECKING:
    from noria.workspace import Workspace

__all__ = ["Hit", "find"]

_LOOKED_AT = 500
_SHORTEST = 4


@dataclass(frozen=True)
class Hit:
    """Something found; `sure` when it is surely what was meant."""

    kind: str
    name: str
    path: str
    note: str = ""
    sure: bool = False


def find(workspace: Workspace, text: str) -> tuple[Hit, ...]:
    """Find what a text names: an exact reference first, then everything whose name holds it."""
    if not text:
        return ()
    return (*_versions(workspace, text), *_run(workspace, text), *_named(workspace, text))


def _versions(workspace: Workspace, text: str) -> list[Hit]:
    name, at, at_version = text.partition("@")
    if not at:
        return []
    hits = []
    try:
        version = workspace.registry.resolve(text)
    except (NotFound, WrongArgument):
        pass  # no model of that name: perhaps a dataset
    else:
        hits.append(Hit("model version", version.ref, f"/models/{version.ref}", version.family, sure=True))
    try:
        data = find_dataset(workspace, text)
    except (NotFound, WrongArgument):
        return hits
    hits.append(Hit("dataset", f"{name}@{at_version}", f"/datasets/{data.ref}", sure=True))
    return hits


def _run(workspace: Workspace, text: str) -> list[Hit]:
    if len(text) < _SHORTEST or not all(char in "0123456789abcdef" for char in text):
        return []
    try:
        run = workspace.runs.get(text)
    except (NotFound, WrongArgument):
        return []
    return [Hit("run", run.id[:8], f"/runs/{run.id}", f"{run.name}, {run.status}", sure=True)]


def _named(workspace: Workspace, text: str) -> list[Hit]:
    low = text.lower()
    hits = [Hit("model", name, f"/models/{name}") for name in workspace.registry.models() if low in name.lower()]
    for kind, names in (
        ("dataset", workspace.datasets.names()),
        ("folder", workspace.datasets.folders.catalog.names()),
    ):
        hits += [Hit(kind, name, f"/datasets/{quote(name)}@latest") for name in names if low in name.lower()]
    for model in workspace.registry.models():
        hits += [
            Hit("model version", version.ref, f"/models/{version.ref}", version.family)
            for version in workspace.registry.versions(model)
            if low in version.family.lower()
        ]
    hits += [
        Hit("run", run.id[:8], f"/runs/{run.id}", f"{run.name}, {run.status}")
        for run in workspace.runs.list(_LOOKED_AT)
        if low in run.status
        or low in run.trigger.lower()
        or (low in run.name.lower() and run.name != workspace.project.name)
    ][:20]
    return hits
