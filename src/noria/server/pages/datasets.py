"""What the dataset pages show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import DatasetNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from noria.datasets.version import DatasetVersion
    from noria.workspace import Workspace

__all__ = ["ColumnRow", "DatasetRow", "DatasetView", "VersionLine", "one", "overview"]

_TOP = 5


@dataclass(frozen=True)
class VersionLine:
    """A version in a list; `change` is the number of rows more than the version before."""

    number: int
    rows: int
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
    """One column and what one scan found in it."""

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


@dataclass(frozen=True)
class DatasetView:
    """Everything about one version."""

    name: str
    number: int
    ref: str
    rows: int
    created: datetime
    source: str
    run_id: str | None
    digest: str
    note: str
    columns: tuple[ColumnRow, ...]
    versions: tuple[VersionLine, ...]
    used_by: tuple[str, ...]


def overview(workspace: Workspace) -> tuple[DatasetRow, ...]:
    """List the datasets."""
    rows = []
    for name in workspace.datasets.names():
        lines = _lines(workspace.datasets.versions(name))
        if lines:
            rows.append(DatasetRow(name, len(lines), lines[0]))
    return tuple(rows)


def one(workspace: Workspace, ref: str) -> DatasetView:
    """Gather everything about a version of a dataset.

    Raises
    ------
    DatasetNotFound
        There is no such dataset or version.
    """
    name, _, which = ref.partition("@")
    number = which.removeprefix("v") or "latest"
    if number != "latest" and not (number.isascii() and number.isdigit() and len(number) < 10):
        raise DatasetNotFound(f"{ref!r} names no version of a dataset", mend="write name@3", code="N-SERVER-040")
    found = workspace.datasets.get(name, "latest" if number == "latest" else int(number))
    lines = _lines(workspace.datasets.versions(name))
    mine = f"{found.name}@{found.number}"
    return DatasetView(
        name=found.name,
        number=found.number,
        ref=mine,
        rows=found.rows,
        created=found.created,
        source=found.source,
        run_id=found.run_id,
        digest=found.digest,
        note=found.note,
        columns=_columns(workspace, found),
        versions=lines,
        used_by=tuple(
            version.ref
            for model in workspace.registry.models()
            for version in workspace.registry.versions(model)
            if version.dataset == mine
        ),
    )


def _lines(versions: Sequence[DatasetVersion]) -> tuple[VersionLine, ...]:
    before = {version.number: version.rows for version in versions}
    return tuple(
        VersionLine(
            number=version.number,
            rows=version.rows,
            columns=version.columns,
            change=version.rows - before[version.parent] if version.parent in before else None,
            digest=version.digest,
            source=version.source,
            created=version.created,
        )
        for version in versions
    )


def _columns(workspace: Workspace, version: DatasetVersion) -> tuple[ColumnRow, ...]:
    data = workspace.project.settings.data
    roles = {data.target: "target", data.time: "time", data.group: "group"} | dict.fromkeys(data.key, "key")
    types = {column.name: column for column in version.schema.columns}
    rows = []
    for found in workspace.datasets.profile(version).columns:
        column = types.get(found.name)
        personal = column is not None and column.pii
        role = roles.get(found.name) or ("personal" if personal else "" if column is None or column.use else "not used")
        rows.append(
            ColumnRow(
                name=found.name,
                type=column.type if column is not None else found.type,
                role=role,
                missing=found.missing,
                missing_share=found.missing / version.rows if version.rows else None,
                distinct=found.distinct,
                # A text's first and last value by code point tell nobody anything.
                min=None if found.type == "text" else found.min,
                median=(found.quantiles or {}).get("0.5"),
                mean=found.mean,
                max=None if found.type == "text" else found.max,
                top=found.top[:_TOP],
            )
        )
    return tuple(rows)
