"""``noria check --suggest``: checks that the rows there are pass, ready to be pasted or written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from noria.checks.suggestion import Suggestion
    from noria.datasets.schema import Schema
    from noria.datasets.version import DatasetVersion
    from noria.project.file import Project
    from noria.project.settings import Settings
    from noria.workspace import Workspace

__all__ = ["suggest_checks"]


def suggest_checks(opened: Workspace, newest: DatasetVersion | None, *, write: bool) -> None:
    """Propose checks from what the rows hold; print them, or add them to noria.toml.

    Parameters
    ----------
    opened : Workspace
        The project.
    newest : DatasetVersion or None
        The newest version of its dataset; before there is one the source itself is read, and nothing of it is kept.
    write : bool
        Whether to add them to the file, which keeps everything it says.
    """
    from noria.project.amending import amended, laid_out
    from noria.project.file import load
    from noria.project.toml import read_text
    from noria.store.files import write_atomic

    project = load(opened.root)
    settings = project.checked
    rows, schema, told = _rows(opened, project, newest)
    tables = _proposed(rows, schema, settings)
    if not any(tables.values()):
        click.echo(f"noria.toml says already what could be proposed from {told}", err=True)
        return
    if not write:
        click.echo(f"# from {told}; add it with: noria check --suggest --write")
        click.echo(laid_out(tables))
        return
    path = opened.root / "noria.toml"
    text = amended(read_text(path), tables)
    write_atomic(path, text)
    added = ", ".join(f"[{header}] {len(entries)}" for header, entries in tables.items() if entries)
    click.echo(f"added to noria.toml: {added}; nothing that stood there was changed", err=True)
    click.echo("next: noria check", err=True)


def _rows(opened: Workspace, project: Project, newest: DatasetVersion | None) -> tuple[pa.Table | Path, Schema, str]:
    """Give the rows to propose from, what their columns are, and where they are from."""
    if newest is not None:
        return opened.datasets.stored(newest), newest.schema, f"{newest.ref}: {newest.rows:,} rows"
    from noria.cli.progress import pulling
    from noria.project.inspection import rows_as_stored
    from noria.project.origin import origin_of

    with pulling() as progress:
        table, schema, notes = rows_as_stored(project, progress=progress)
    for note in notes:
        click.echo(note, err=True)
    return table, schema, f"{origin_of(project).text}: {table.num_rows:,} rows"


def _proposed(rows: pa.Table | Path, schema: Schema, settings: Settings) -> dict[str, dict[str, str]]:
    from noria.checks.suggestion import suggest
    from noria.datasets.profile import profile

    # Measured anew: an older noria may have written the profile, which has no shapes of text.
    measured = profile(rows, schema=schema)
    found = suggest(measured, schema, key=settings.data.key, known=tuple(settings.data.columns))
    columns = _that_hold(rows, settings, found)
    checks = settings.data.checks
    said = checks.model_fields_set
    made: dict[str, str] = {}
    if "rows" not in said:
        made["rows"] = f"{{ min = {found.rows} }}"
    if "missing" not in said:
        each = ", ".join(f"{_key(name)} = {limit:g}" for name, limit in found.missing_columns.items())
        made["missing"] = f"{{ max = {found.missing:g}{f', columns = {{ {each} }}' if each else ''} }}"
    if "unique" not in said and found.unique:
        made["unique"] = json.dumps(list(found.unique), ensure_ascii=False)
    return {
        "data.checks": made,
        "data.columns": {name: _inline(entry) for name, entry in columns.items()},
    }


def _that_hold(rows: pa.Table | Path, settings: Settings, found: Suggestion) -> Mapping[str, Mapping[str, object]]:
    """Keep what the rows pass: shapes are told from samples of values, and a row may hold another."""
    from noria.checks.settings import CheckSettings
    from noria.checks.suite import held
    from noria.datasets.schema import infer
    from noria.datasets.settings import DataSettings
    from noria.store.parquet import read_rows

    columns = {name: dict(entry) for name, entry in found.columns.items()}
    table = read_rows(rows) if isinstance(rows, Path) else rows
    names = {"type": "type", "range": "min max", "values": "values", "match": "match", "missing": "nullable"}
    while columns:
        data = DataSettings.model_validate({"source": settings.data.source or "rows", "columns": columns})
        broken = held(table, infer(table, data), CheckSettings())
        wrong = [(finding.column, names[finding.check]) for finding in broken if finding.check in names]
        wrong = [(name, keys) for name, keys in wrong if name in columns]
        if not wrong:
            break
        for name, keys in wrong:
            for key in keys.split():
                columns[str(name)].pop(key, None)
    return columns


def _inline(entry: Mapping[str, object]) -> str:
    return "{ " + ", ".join(f"{name} = {_value(value)}" for name, value in entry.items()) + " }"


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    from noria.project.toml import write_key

    return write_key(name)
