"""Look a table over without learning from it: for `noria init`, before there is a project, and for `noria check`."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from noria.project.guard import StoredOnly
from noria.project.origin import looked_up, origin_of
from noria.project.pulls import Pulls
from noria.project.starter import Facts
from noria.security.pseudonyms import Pseudonyms, known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from noria.checks.findings import Report
    from noria.checks.suite import Other
    from noria.datasets.profile import ColumnProfile
    from noria.datasets.schema import Schema
    from noria.datasets.version import DatasetVersion
    from noria.project.against import Records
    from noria.project.file import Project
    from noria.project.origin import Origin

__all__ = ["Column", "Inspection", "inspect", "look", "rows_as_stored"]

_FEW = 20


@dataclass(frozen=True)
class Column:
    """One column as `noria check` shows it.

    Attributes
    ----------
    name, type : str
        As in the schema.
    missing : float
        Share of empty cells.
    distinct : int
        Different values.
    use : str
        "feature", its role, or why it is left out.
    """

    name: str
    type: str
    missing: float
    distinct: int
    use: str


@dataclass(frozen=True)
class Inspection:
    """What the data look like and what the checks find; the notes are of the tables of a query.

    The rows that the checks leave are in ``report.kept``.
    """

    source: str
    columns: tuple[Column, ...]
    report: Report
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        columns = [asdict(column) for column in self.columns]
        return {"source": self.source, "columns": columns, "tables": list(self.notes), **self.report.to_json()}


def look(source: str, *, root: Path) -> tuple[list[Facts], int]:
    """Read a table and say what its columns are.

    Parameters
    ----------
    source : str
        As ``[data] source``.
    root : Path
        Folder that relative paths start from.

    Returns
    -------
    tuple of list of Facts and int
        One for each column, and the number of rows.

    Raises
    ------
    SourceNotFound, WrongData
        The table is not there or cannot be read.
    """
    from noria.datasets.personal import detect  # noqa: PLC0415 - as above
    from noria.datasets.profile import profile  # noqa: PLC0415 - DuckDB and pyarrow, only when rows are read
    from noria.datasets.schema import infer  # noqa: PLC0415 - as above
    from noria.sources.source import read  # noqa: PLC0415 - as above

    table = read(source, root=root)
    schema, measured = infer(table), profile(table)
    personal = {each.column: each.what for each in detect(table)}
    found = [_facts(table, schema, column, table.num_rows) for column in measured.columns]
    return [replace(each, personal=personal.get(each.name, "")) for each in found], table.num_rows


def inspect(
    project: Project,
    *,
    now: datetime,
    records: Records | None = None,
    before: DatasetVersion | None = None,
    progress: Callable[[float | None, str], None] = lambda _done, _text: None,
) -> Inspection:
    """Read a project's data as a run would, and run its checks, recording nothing.

    Of a source with ``incremental`` what is new is read, and put to what the last run pulled; the next run reads it
    again.

    Parameters
    ----------
    project : Project
        As loaded.
    now : datetime
        What ``max_age`` counts from.
    records : Records, optional
        The store: what was pulled before, who was erased, the version that ``drift`` asks for. None before the first
        run.
    before : DatasetVersion, optional
        The newest version there is; columns that hold something else now are told.
    progress : callable
        Told how far a long pull is.

    Raises
    ------
    SourceNotFound, WrongData
        The table is not there or cannot be read.
    WrongSetting
        The project file names a column that the table does not have.
    """
    from noria.checks.suite import run  # noqa: PLC0415 - DuckDB and pyarrow, only when rows are read
    from noria.datasets.profile import profile  # noqa: PLC0415 - as above
    from noria.datasets.schema import retyped  # noqa: PLC0415 - as above

    settings = project.checked
    data = settings.data.stored()
    origin = origin_of(project)
    table, schema, noted = rows_as_stored(project, records=records, progress=progress)
    notes = list(noted)
    if before is not None:
        notes += [f"warn: {change} since {before.ref}" for change in retyped(before.schema, schema)]
    report = run(
        table,
        schema,
        settings.data.checks,
        key=data.key,
        target=data.target,
        task=settings.model.task,
        positive=data.positive,
        time=data.time,
        now=now,
        tables=looked_up(settings.data.checks, origin.tables, root=project.root, na_values=settings.clean.na_values),
        other=_other(project, table, records, notes),
    )
    measured = profile(table, schema=schema)
    roles = [(data.target, "target"), (data.time, "time"), (data.group, "group"), *((name, "key") for name in data.key)]
    columns = tuple(
        Column(
            name=column.name,
            type=schema[column.name].type,
            missing=_share(column.missing, table.num_rows),
            distinct=column.distinct,
            use=_use(column.name, schema, roles),
        )
        for column in measured.columns
    )
    return Inspection(origin.text, columns, report, tuple(notes))


def rows_as_stored(
    project: Project,
    *,
    records: Records | None = None,
    progress: Callable[[float | None, str], None] = lambda _done, _text: None,
) -> tuple[pa.Table, Schema, tuple[str, ...]]:
    """Read a project's rows as a run would store them, and store nothing.

    Returns
    -------
    tuple
        The rows, what their columns are, and what there is to say of it.

    Raises
    ------
    SourceNotFound, WrongData
        The table is not there or cannot be read.
    WrongSetting
        The project file names a column that the table does not have.
    """
    from noria.datasets.schema import infer  # noqa: PLC0415 - only when rows are read

    notes: list[str] = []
    table = _read(project, origin_of(project), records, notes.append, progress)
    return table, infer(table, project.checked.data.stored()), tuple(notes)


def _read(
    project: Project,
    origin: Origin,
    records: Records | None,
    note: Callable[[str], None],
    progress: Callable[[float | None, str], None],
) -> pa.Table:
    """Read the rows a run would read, and keep nothing of them."""
    from noria.datasets.catalog import Datasets  # noqa: PLC0415 - only when rows are read
    from noria.governance.erased import without_erased  # noqa: PLC0415 - as above

    settings, store = project.checked, project.root / ".noria"
    guard = StoredOnly(
        settings.data.columns,
        origin.text,
        pseudonyms=partial(_pseudonyms, project),
        left_out=lambda table: (
            without_erased(table, records.database, store, project.name) if records is not None else (table, 0)
        ),
        note=note,
    )
    datasets = Datasets(records.database, records.blobs) if records is not None else None
    if origin.is_pulled:
        note("read as the next run would: what was pulled before, and what is new; nothing of it is kept")
    table = origin.read(
        root=project.root,
        na_values=settings.clean.na_values,
        rename=settings.clean.rename,
        note=note,
        progress=progress,
        pulls=Pulls(project.name, datasets, guard=guard, keep=False),
        key=settings.data.key,
        store=store,
    )
    return table if origin.incremental else guard.admitted(guard.fetched(table))


def _other(project: Project, table: pa.Table, records: Records | None, notes: list[str]) -> Other | None:
    drift = project.checked.data.checks.drift
    if drift is None:
        return None
    from noria.checks.suite import Other  # noqa: PLC0415 - only when rows are read
    from noria.datasets.catalog import Datasets  # noqa: PLC0415 - as above
    from noria.datasets.parquet import fingerprint  # noqa: PLC0415 - as above
    from noria.project.against import compared  # noqa: PLC0415 - as above

    found = compared(records, project.name, drift.against, fingerprint(table))
    if found.told:
        notes.append(found.told)
    if records is None or found.version is None:
        return None
    return Other(found.version.ref, Datasets(records.database, records.blobs).read(found.version))


def _pseudonyms(project: Project) -> Pseudonyms:
    # A check makes no key: any will do to see whether rows of one person stay together.
    return known(project.root / ".noria") or Pseudonyms(secrets.token_bytes(32))


def _use(name: str, schema: Schema, roles: Sequence[tuple[str | None, str]]) -> str:
    played = [role for column, role in roles if column == name]
    if played:
        return ", ".join(played)
    left_out = schema.left_out.get(name)
    return f"left out: {left_out}" if left_out else "feature"


def _facts(table: pa.Table, schema: Schema, column: ColumnProfile, rows: int) -> Facts:
    few = column.distinct <= _FEW
    return Facts(
        name=column.name,
        type=schema[column.name].type,
        missing=_share(column.missing, rows),
        distinct=column.distinct,
        values=_counted(table, column.name) if few else (),
    )


def _counted(table: pa.Table, name: str) -> tuple[tuple[str, int], ...]:
    import pyarrow.compute as pc  # noqa: PLC0415 - as in look

    found = pc.value_counts(table.column(name).drop_null()).to_pylist()
    counted = [(str(entry["values"]), int(entry["counts"])) for entry in found]
    return tuple(sorted(counted, key=lambda pair: (-pair[1], pair[0])))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
