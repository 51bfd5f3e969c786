"""Files of runs and models, as the protocol lists and removes them; `transfers` moves their bytes."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from noria.errors import NotFound
from noria.registry.version import MODEL_FOLDER
from noria.runs.artifacts import RunArtifact, one_level
from noria.server.mlflow import answers
from noria.server.mlflow.answers import Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.forms import Form, OfRun, wrong
from noria.server.mlflow.places import Place, checked_path, place_of

if TYPE_CHECKING:
    from noria.runs.artifacts import Entry

__all__ = ["entries_at", "file_at", "in_folder", "listing", "proxy_listing", "remove"]


class OfRunFolder(OfRun):
    """artifacts/list."""

    path: str = ""
    page_token: str = ""


class At(Form):
    """mlflow-artifacts/artifacts."""

    path: str = ""


def listing(desk: Desk, form: OfRunFolder) -> Json:
    """List one level of a run's folder; names are given from the run's own root."""
    run = desk.run(form.run)
    location = desk.location(run.experiment_id)
    root = answers.root_uri(location, run.experiment_id, run.id, "artifacts")
    return in_folder(desk, run.id, form.path, root, elsewhere=bool(location))


def in_folder(desk: Desk, owner: str, path: str, root: str, *, elsewhere: bool) -> Json:
    """List one level of a folder, with the address of its root.

    Raises
    ------
    WrongArgument
        The files are kept elsewhere, where only the client can look.
    """
    folder = checked_path(path)
    if elsewhere:
        wrong("path", path, f"the files are kept at {root}, where clients look for themselves")
    entries = desk.artifacts.folder(owner, folder)
    return {"root_uri": root, **_files(entries, f"{folder}/" if folder else "")}


def proxy_listing(desk: Desk, form: At) -> Json:
    """List one level of a folder; names are given from that folder. What is not there is empty."""
    place = place_of(form.path)
    return {} if place is None else _files(entries_at(desk, place), "")


def remove(desk: Desk, form: At) -> Json:
    """Forget a file, or a folder with all in it; what is not there is gone already."""
    place = place_of(form.path)
    if place is not None and place.version is not None:
        wrong("path", form.path, "the files of a registered version are never changed")
    if place is not None:
        desk.artifacts.remove(place.owner, place.path)
    return {}


def entries_at(desk: Desk, place: Place) -> tuple[Entry, ...]:
    """List one level of a folder."""
    if place.version is None:
        return desk.artifacts.folder(place.owner, place.path)
    return one_level(_of_version(desk, place.version), place.path)


def file_at(desk: Desk, place: Place) -> RunArtifact | None:
    """Give one file, or None."""
    if place.version is None:
        return desk.artifacts.find(place.owner, place.path)
    return next((file for file in _of_version(desk, place.version) if file.path == place.path), None)


def _of_version(desk: Desk, version: tuple[str, int]) -> list[RunArtifact]:
    try:
        found = desk.registry.get(*version)
    except NotFound:
        return []
    return [
        RunArtifact(
            path.removeprefix(MODEL_FOLDER),
            digest,
            desk.blobs.size(digest),
            mimetypes.guess_type(path)[0] or "application/octet-stream",
        )
        for path, digest in sorted(found.files.items())
        if path.startswith(MODEL_FOLDER)
    ]


def _files(entries: tuple[Entry, ...], before: str) -> Json:
    files: list[Json] = []
    for entry in entries:
        written: Json = {"path": before + entry.name, "is_dir": entry.is_folder}
        files.append(written if entry.is_folder else {**written, "file_size": entry.size})
    return {"files": files} if files else {}
