"""What the page of a folder of files shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from noria.datasets.folder_changes import shown_path
from noria.datasets.folder_contents import contents, shared_folder, shown_within
from noria.errors import DatasetNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.datasets.folder_contents import Contents
    from noria.datasets.folder_version import FolderVersion
    from noria.workspace import Workspace

__all__ = ["Changed", "FolderLine", "FolderView", "Place", "one"]

_PATHS = 10


@dataclass(frozen=True)
class Place:
    """A folder, or all loose files (`name` is empty); `query` leads into it, None where it cannot be written."""

    name: str
    files: int
    size: int
    share: float
    query: str | None


@dataclass(frozen=True)
class Changed:
    """What became of some paths: how many, and the first of them with their sizes before and after."""

    what: str
    count: int
    size: int
    paths: tuple[tuple[str, int | None, int | None], ...]


@dataclass(frozen=True)
class FolderLine:
    """A version in a list; `change` is the number of files more than the version it was made from."""

    number: int
    files: int
    size: int
    change: int | None
    tags: tuple[str, ...]
    note: str
    created: datetime


@dataclass(frozen=True)
class FolderView:
    """Everything about one version of a folder; `within` is the place in it that is looked at."""

    name: str
    number: int
    ref: str
    files: int
    size: int
    created: datetime
    source: str
    note: str
    content: str
    tags: tuple[str, ...]
    parent: int | None
    within: str
    way: tuple[tuple[str, str], ...]
    place_files: int
    place_size: int
    places: tuple[Place, ...]
    place_count: int
    largest: tuple[tuple[str, int], ...]
    changes: tuple[Changed, ...] | None
    versions: tuple[FolderLine, ...]
    used_by: tuple[str, ...]


def one(workspace: Workspace, version: FolderVersion, within: str | None = None) -> FolderView:
    """Gather everything about a version of a folder.

    Parameters
    ----------
    workspace : Workspace
        The project.
    version : FolderVersion
        Which.
    within : str, optional
        The folder in it to look at; where everything lies when left out.

    Raises
    ------
    DatasetNotFound
        It has no such folder.
    """
    folders = workspace.datasets.folders
    files = {path: entry.size for path, entry in folders.files(version).items()}
    asked = shared_folder(files) if within is None else within.strip("/")
    found = contents(files, asked)
    if asked and not found.files:
        raise DatasetNotFound(
            f"{version.ref} has no folder {shown_path(asked)!r}", mend=f"noria data show {version.ref}",
            code="N-SERVER-045",
        )  # fmt: skip
    tags = workspace.datasets.tags.all(version.name).get(version.name, {})
    versions = folders.catalog.versions(version.name)
    parents = {each.number: each for each in versions}
    parent = parents.get(version.parent) if version.parent is not None else None
    return FolderView(
        name=version.name,
        number=version.number,
        ref=version.ref,
        files=version.files,
        size=version.size,
        created=version.created,
        source=shown_path(version.source),
        note=version.note,
        content=version.content,
        tags=tuple(tag for tag, number in tags.items() if number == version.number),
        parent=None if parent is None else parent.number,
        within=shown_path(found.within),
        way=tuple((shown_path(name), query) for name, path in shown_within(found.within) if (query := _query(path))),
        place_files=found.files,
        place_size=found.size,
        places=_places(found),
        place_count=found.folder_count,
        largest=tuple((shown_path(path[len(found.within) :]), size) for path, size in found.largest),
        changes=None if parent is None else _changes(workspace, parent, version),
        versions=_lines(versions, tags),
        used_by=tuple(
            known.ref
            for model in workspace.registry.models()
            for known in workspace.registry.versions(model)
            if known.dataset == version.ref
        ),
    )


def _places(found: Contents) -> tuple[Place, ...]:
    total = found.size or 1
    kept = [
        Place(
            shown_path(part.name), part.files, part.size, part.size / total,
            _query(found.within + part.name) if part.name != "…" else None,
        )
        for part in found.folders
    ]  # fmt: skip
    if found.loose_files:
        kept.append(Place("", found.loose_files, found.loose_size, found.loose_size / total, None))
    return tuple(kept)


def _query(path: str) -> str | None:
    """Write the place into an address; a name that is no text cannot be."""
    try:
        return urlencode({"in": path})
    except UnicodeEncodeError:
        return None


def _changes(workspace: Workspace, old: FolderVersion, new: FolderVersion) -> tuple[Changed, ...]:
    found = workspace.datasets.folders.diff(old, new)
    changed = sorted(found.changed)
    return (
        Changed(
            "changed",
            len(changed),
            sum(now for _, now in found.changed.values()),
            tuple((shown_path(path), *found.changed[path]) for path in changed[:_PATHS]),
        ),
        Changed(
            "added",
            len(found.added),
            sum(found.added.values()),
            tuple((shown_path(path), None, found.added[path]) for path in sorted(found.added)[:_PATHS]),
        ),
        Changed(
            "removed",
            len(found.removed),
            sum(found.removed.values()),
            tuple((shown_path(path), found.removed[path], None) for path in sorted(found.removed)[:_PATHS]),
        ),
    )


def _lines(versions: tuple[FolderVersion, ...], tags: Mapping[str, int]) -> tuple[FolderLine, ...]:
    before = {version.number: version.files for version in versions}
    return tuple(
        FolderLine(
            number=version.number,
            files=version.files,
            size=version.size,
            change=version.files - before[version.parent] if version.parent in before else None,
            tags=tuple(tag for tag, number in tags.items() if number == version.number),
            note=version.note,
            created=version.created,
        )
        for version in versions
    )
