"""What the dataset pages show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from noria.datasets.profile_page import odd
from noria.errors import DatasetNotFound
from noria.security.names import is_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.profiled import Association, MissingPattern, Profile, TargetProfile
    from noria.datasets.version import DatasetVersion
    from noria.workspace import Workspace

__all__ = [
    "ColumnRow",
    "DatasetRow",
    "DatasetView",
    "FolderRow",
    "VersionLine",
    "find",
    "folders",
    "one",
    "overview",
]

_TOP = 5
_TELLING, _PAIRS, _PATTERNS = 12, 10, 8


@dataclass(frozen=True)
class VersionLine:
    """A version in a list; `change` is the number of rows more than the version before, `erased` is gone from it."""

    number: int
    rows: int
    erased: int
    columns: int
    change: int | None
    digest: str
    source: str
    created: datetime


@dataclass(frozen=True)
class DatasetRow:
    """A line of the list of datasets."""

    name: str
    versions: int
    newest: VersionLine


@dataclass(frozen=True)
class ColumnRow:
    """One column and what one scan found in it; `spread` are rows by bin, or by the most frequent values."""

    name: str
    type: str
    role: str
    missing: int
    missing_share: float | None
    distinct: int | None
    min: object
    median: object
    mean: object
    max: object
    top: tuple[tuple[object, int], ...]
    outliers: int | None
    spread: tuple[int, ...]


@dataclass(frozen=True)
class FolderRow:
    """The newest version of a folder of files, with the tags of all its versions."""

    name: str
    number: int
    files: int
    size: int
    source: str
    created: datetime
    tags: tuple[str, ...]


@dataclass(frozen=True)
class DatasetView:
    """Everything about one version."""

    name: str
    number: int
    ref: str
    rows: int
    erased: int
    created: datetime
    source: str
    run_id: str | None
    digest: str
    note: str
    tags: tuple[str, ...]
    columns: tuple[ColumnRow, ...]
    duplicates: int | None
    sample: int | None
    odd: tuple[tuple[str, str], ...]
    target: TargetProfile | None
    associations: tuple[Association, ...]
    missing_together: tuple[MissingPattern, ...]
    versions: tuple[VersionLine, ...]
    used_by: tuple[str, ...]


def overview(workspace: Workspace) -> tuple[DatasetRow, ...]:
    """List the datasets."""
    rows = []
    for name in workspace.datasets.names():
        lines = _lines(workspace, name)
        if lines:
            rows.append(DatasetRow(name, len(lines), lines[0]))
    return tuple(rows)


def folders(workspace: Workspace) -> tuple[FolderRow, ...]:
    """List the newest version of each folder of files."""
    rows = []
    tags = workspace.datasets.tags.all()
    for name in workspace.datasets.folders.catalog.names():
        newest = workspace.datasets.folders.catalog.latest(name)
        if newest is not None:
            known = tuple(f"{tag} {number}" for tag, number in tags.get(name, {}).items())
            rows.append(FolderRow(name, newest.number, newest.files, newest.size, newest.source, newest.created, known))
    return tuple(rows)


def find(workspace: Workspace, ref: str) -> DatasetVersion | FolderVersion:
    """Look up what an address names: a dataset, or a version of one by number or tag.

    Raises
    ------
    DatasetNotFound
        There is no such dataset or version.
    """
    name, _, which = ref.partition("@")
    number = which.removeprefix("v")
    if number.isascii() and number.isdigit() and len(number) < 10:
        which = number
    elif which not in ("", "latest") and not is_name(which):
        raise DatasetNotFound(f"{ref!r} names no version of a dataset", mend="write name@3", code="N-SERVER-040")
    return workspace.datasets.find(f"{name}@{which or 'latest'}")


def one(workspace: Workspace, found: DatasetVersion) -> DatasetView:
    """Gather everything about a version of a table."""
    lines = _lines(workspace, found.name)
    mine = found.ref
    tags = workspace.datasets.tags.all(found.name).get(found.name, {})
    profile = workspace.datasets.profile(found)
    data = workspace.project.settings.data
    roles = {data.target: "target", data.time: "time", data.group: "group"} | dict.fromkeys(data.key, "key")
    roles = roles if found.name == workspace.project.name else {}
    target = profile.target
    if target is not None:
        kept = tuple(each for each in target.relations if each.name not in roles)[:_TELLING]
        target = replace(target, relations=kept)
    return DatasetView(
        name=found.name,
        number=found.number,
        ref=mine,
        rows=profile.rows,
        erased=found.rows - profile.rows,
        created=found.created,
        source=found.source,
        run_id=found.run_id,
        digest=found.digest,
        note=found.note,
        tags=tuple(tag for tag, number in tags.items() if number == found.number),
        columns=_columns(profile, found, roles),
        duplicates=profile.duplicates,
        sample=profile.sample if profile.sample is not None and profile.sample < profile.rows else None,
        odd=tuple(odd(profile, found.schema, [name for name in roles if name is not None])),
        target=target,
        associations=profile.associations[:_PAIRS],
        missing_together=profile.missing_together[:_PATTERNS],
        versions=lines,
        used_by=tuple(
            version.ref
            for model in workspace.registry.models()
            for version in workspace.registry.versions(model)
            if version.dataset == mine
        ),
    )


def _lines(workspace: Workspace, name: str) -> tuple[VersionLine, ...]:
    versions = workspace.datasets.versions(name)
    erased = workspace.datasets.erased(*versions)
    kept = {version.number: version.rows - erased.get(version.ref, 0) for version in versions}
    return tuple(
        VersionLine(
            number=version.number,
            rows=kept[version.number],
            erased=erased.get(version.ref, 0),
            columns=version.columns,
            change=kept[version.number] - kept[version.parent] if version.parent in kept else None,
            digest=version.digest,
            source=version.source,
            created=version.created,
        )
        for version in versions
    )


def _columns(profile: Profile, version: DatasetVersion, roles: Mapping[str | None, str]) -> tuple[ColumnRow, ...]:
    types = {column.name: column for column in version.schema.columns}
    rows = []
    for found in profile.columns:
        column = types.get(found.name)
        personal = column is not None and column.pii
        role = roles.get(found.name) or ("personal" if personal else "" if column is None or column.use else "not used")
        rows.append(
            ColumnRow(
                name=found.name,
                type=column.type if column is not None else found.type,
                role=role,
                missing=found.missing,
                missing_share=found.missing / profile.rows if profile.rows else None,
                distinct=found.distinct,
                # A text's first and last value by code point tell nobody anything.
                min=None if found.type == "text" else found.min,
                median=(found.quantiles or {}).get("0.5"),
                mean=found.mean,
                max=None if found.type == "text" else found.max,
                top=found.top[:_TOP],
                outliers=found.outliers,
                spread=found.histogram.counts if found.histogram is not None else tuple(n for _, n in found.top),
            )
        )
    return tuple(rows)
