"""Look a table over without learning from it: for `noria init`, before there is a project, and for `noria check`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from noria.project.origin import origin_of
from noria.project.starter import Facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from noria.checks.findings import Report
    from noria.datasets.profile import ColumnProfile
    from noria.datasets.schema import Schema
    from noria.project.file import Project

__all__ = ["Column", "Inspection", "inspect", "look"]

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
    from noria.datasets.profile import profile  # noqa: PLC0415 - DuckDB and pyarrow, only when rows are read
    from noria.datasets.schema import infer  # noqa: PLC0415 - as above
    from noria.sources.source import read  # noqa: PLC0415 - as above

    table = read(source, root=root)
    schema, measured = infer(table), profile(table)
    return [_facts(table, schema, column, table.num_rows) for column in measured.columns], table.num_rows


def inspect(project: Project, *, now: datetime) -> Inspection:
    """Read a project's data and run its checks, recording nothing.

    Parameters
    ----------
    project : Project
        As loaded.
    now : datetime
        What ``max_age`` counts from.

    Raises
    ------
    SourceNotFound, WrongData
        The table is not there or cannot be read.
    WrongSetting
        The project file names a column that the table does not have.
    """
    from noria.checks.suite import run  # noqa: PLC0415 - DuckDB and pyarrow, only when rows are read
    from noria.datasets.profile import profile  # noqa: PLC0415 - as above
    from noria.datasets.schema import infer  # noqa: PLC0415 - as above

    settings = project.checked
    data = settings.data
    origin = origin_of(project)
    notes: list[str] = []
    table = origin.read(
        root=project.root, na_values=settings.clean.na_values, rename=settings.clean.rename, note=notes.append
    )
    schema = infer(table, data)
    report = run(
        table,
        schema,
        data.checks,
        key=data.key,
        target=data.target,
        task=settings.model.task,
        positive=data.positive,
        time=data.time,
        now=now,
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
