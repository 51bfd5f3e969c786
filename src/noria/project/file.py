"""Read noria.toml: strictly, every error at once, and cheaply when it has not changed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from noria.errors import NotAllowed, StoreUnavailable
from noria.project.problems import Problem, from_validation, refuse
from noria.project.snapshot import freeze, thaw
from noria.project.toml import parse, read_text, unfit
from noria.store.blobs import Digest, digest_bytes
from noria.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from noria.project.settings import Settings

__all__ = ["FILE", "Project", "load", "load_cached", "validate"]

FILE = "noria.toml"

# The types that decide what a file means. A changed one makes every kept snapshot worthless, also in a checkout whose
# version number has not moved.
_TYPES = (
    "__init__.py",  # holds the version
    "checks/settings.py",
    "datasets/settings.py",
    "duration.py",
    "evaluation/catalogue.py",
    "evaluation/measures.py",
    "evaluation/settings.py",
    "monitoring/settings.py",
    "monitoring/span.py",
    "preparation/clean_settings.py",
    "preparation/rules.py",
    "preparation/settings.py",
    "project/consistency.py",
    "project/settings.py",
    "project/snapshot.py",
    "runs/trigger_settings.py",
    "scoring/signature.py",
    "serving/rollout.py",
    "serving/settings.py",
    "training/names.py",
    "training/settings.py",
)


@dataclass(frozen=True, eq=False)
class Project:
    """A project folder and what its noria.toml asks for.

    Attributes
    ----------
    root : Path
        The folder that holds noria.toml.
    text : str
        The file as written.
    digest : Digest
        BLAKE3 of the file.
    values : mapping
        The effective settings as plain JSON, every default filled in.
    warnings : tuple of str
        What the file says and nothing reads.
    """

    root: Path
    text: str
    digest: Digest
    values: Mapping[str, object]
    warnings: tuple[str, ...] = ()
    _settings: Settings | None = field(default=None, repr=False)
    _frozen: object = field(default=None, repr=False)

    @cached_property
    def settings(self) -> Settings:
        """The effective settings, by attribute: ``project.settings.split.test``."""
        if self._settings is not None:
            return self._settings
        return cast("Settings", thaw(self._frozen, lambda: self.checked))

    @cached_property
    def checked(self) -> Settings:
        """The effective settings as validated pydantic types."""
        return self._settings if self._settings is not None else validate(self.text)[0]

    @property
    def name(self) -> str:
        """What the project is called; the name of its model, its dataset and, by default, its endpoint."""
        return self.settings.project.name

    def section(self, name: str) -> object:
        """Give one section as JSON, for a step's parameters."""
        return self.values[name]


def load(path: Path) -> Project:
    """Read and check a project file.

    Parameters
    ----------
    path : Path
        The file, or the folder that holds it.

    Raises
    ------
    ProjectNotFound
        There is no such file.
    WrongSetting
        The file is no TOML or asks for something wrong; every error is listed with its line.
    NotAllowed
        The folder belongs to another user.
    """
    root, file = _place(path)
    text = read_text(file)
    settings, warnings = validate(text, name=file.name)
    return Project(
        root=root,
        text=text,
        digest=digest_bytes(text.encode()),
        values=settings.model_dump(mode="json", by_alias=True),
        warnings=warnings,
        _settings=settings,
    )


def load_cached(root: Path) -> Project:
    """Read a project file, or what is known of it when neither it nor noria has changed.

    Gives the same as `load`. The kept copy is under ``.noria/cache`` and needs no pydantic.
    """
    root, file = _place(root)
    text = read_text(file)
    digest = digest_bytes(text.encode())
    kept = root / ".noria" / "cache" / "project.json"
    key = f"{digest}:{_stamp()}"
    found = _recall(kept, key)
    if found is not None:
        return Project(
            root=root,
            text=text,
            digest=digest,
            values=cast("Mapping[str, object]", found["values"]),
            warnings=tuple(cast("list[str]", found["warnings"])),
            _frozen=found["frozen"],
        )
    project = load(file)
    snapshot = {
        "key": key,
        "values": project.values,
        "warnings": list(project.warnings),
        "frozen": freeze(project.settings),
    }
    with suppress(StoreUnavailable, OSError):  # a read-only folder can still be looked at; it is only slower
        write_atomic(kept, json.dumps(snapshot, allow_nan=False))
    return project


def validate(text: str, *, name: str = FILE) -> tuple[Settings, tuple[str, ...]]:
    """Check the text of a project file.

    Returns
    -------
    tuple of Settings and tuple of str
        The effective settings, and what in the file has no effect.

    Raises
    ------
    WrongSetting
        Something is wrong; every error is told at once.
    """
    data = parse(text, name=name)
    unusable = [Problem(path, message) for path, message in unfit(data)]
    if unusable:
        raise refuse(unusable, text=text, name=name)
    # Only where a file is new or has changed: pydantic costs a quarter of a second.
    from noria.project.consistency import contradictions, fill, without_effect  # noqa: PLC0415 - as above
    from noria.project.schema import json_schema  # noqa: PLC0415 - as above

    settings, details = _check(json.dumps(data))
    if settings is None:
        raise refuse(from_validation(details, data=data, schema=json_schema()), text=text, name=name)
    wrong = contradictions(settings)
    if wrong:
        raise refuse(wrong, text=text, name=name)
    settings = fill(settings)
    return settings, without_effect(settings, text)


def _check(data: str) -> tuple[Settings | None, list[ErrorDetails]]:
    from pydantic import ValidationError  # noqa: PLC0415 - see validate

    from noria.project.settings import Settings  # noqa: PLC0415 - see validate

    try:
        # As JSON: there, arrays may become tuples while everything else stays strict.
        return Settings.model_validate_json(data, strict=True), []
    except ValidationError as error:
        details = [found for found in error.errors(include_url=False) if not _is_array_again(found)]
    if details:
        return None, details
    try:
        return Settings.model_validate_json(data), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _is_array_again(error: ErrorDetails) -> bool:
    # Behind a validator that looks at the raw value, pydantic forgets that the array came from JSON and may be a tuple.
    return error["type"] in {"tuple_type", "set_type", "frozen_set_type"} and isinstance(error["input"], list)


def _place(path: Path) -> tuple[Path, Path]:
    file = path / FILE if path.is_dir() else path
    file = file.absolute()
    try:
        owner = file.stat().st_uid
    except OSError:
        return file.parent, file  # reading it tells the reason
    if owner not in {os.geteuid(), 0}:
        raise NotAllowed(
            f"{file} belongs to another user (uid {owner})",
            why="a project file decides what code runs; somebody else's is not run unasked",
            mend=f"copy the project, or take it over: chown -R $USER {file.parent}",
            code="N-PROJECT-007",
        )
    return file.parent, file


def _recall(kept: Path, key: str) -> dict[str, object] | None:
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("key") != key:
        return None
    return found if {"values", "warnings", "frozen"} <= found.keys() else None


@cache
def _stamp() -> str:
    package = Path(__file__).parent.parent
    stamps = []
    for name in _TYPES:
        try:
            status = (package / name).stat()
        except OSError:
            continue
        stamps.append(f"{status.st_size}.{status.st_mtime_ns}")
    return ",".join(stamps)
