"""``noria data``: versions of the dataset, what they hold and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from noria.datasets.diff import TableDiff
    from noria.datasets.profile import ColumnProfile
    from noria.datasets.schema import Schema
    from noria.datasets.version import DatasetVersion
    from noria.workspace import Workspace

__all__ = ["data"]


@click.group()
def data() -> None:
    """Dataset versions: list, show, diff.

    A version is written NAME@NUMBER or NAME; NAME alone is the newest, and without a name the project's own
    dataset is meant.
    """


@data.command("list")
@as_json
def list_(json_output: bool) -> None:
    """List the datasets, each with its newest version."""
    opened = workspace()
    newest = [opened.datasets.get(name) for name in opened.datasets.names()]
    if json_output:
        print_json([version.to_json() for version in newest])
        return
    if not newest:
        click.echo("no dataset has been recorded yet: noria run", err=True)
        return
    print_table(
        ("dataset", "versions", "rows", "columns", "changed", "source"),
        [(v.name, v.number, f"{v.rows:,}", v.columns, f"{v.created:%Y-%m-%d %H:%M}", v.source) for v in newest],
        right=(1, 2, 3),
    )


@data.command()
@click.argument("ref", required=False)
@as_json
def show(ref: str | None, json_output: bool) -> None:
    """Show what each column of a version holds."""
    opened = workspace()
    version = _version(opened, ref)
    profile = opened.datasets.profile(version)
    if json_output:
        print_json({**version.to_json(), "profile": profile.to_json()})
        return
    click.echo(f"{version.ref}  {version.rows:,} rows, {version.columns} columns, from {version.source}", err=True)
    rows = [
        (
            column.name,
            version.schema[column.name].type,
            f"{column.missing / profile.rows:.1%}" if profile.rows and column.missing else None,
            f"{column.distinct:,}",
            *_figures(column),
        )
        for column in profile.columns
    ]
    print_table(
        ("column", "type", "missing", "distinct", "min", "median", "max", "mean", "most"), rows, right=range(2, 8)
    )
    roles = _roles(opened)
    for name, reason in version.schema.left_out.items():
        if name not in roles:
            click.echo(f"{name} is left out of the model: {reason}", err=True)


@data.command()
@click.argument("name", required=False)
@as_json
def log(name: str | None, json_output: bool) -> None:
    """List the versions of a dataset, the newest first."""
    opened = workspace()
    wanted = _version(opened, name).name
    versions = opened.datasets.versions(wanted)
    if json_output:
        print_json([version.to_json() for version in versions])
        return
    rows = [
        (v.ref, f"{v.rows:,}", v.columns, f"{v.created:%Y-%m-%d %H:%M}", v.digest[:12], (v.run_id or "")[:12], v.source)
        for v in versions
    ]
    print_table(("version", "rows", "columns", "when", "digest", "run", "source"), rows, right=(1, 2))


@data.command()
@click.argument("a")
@click.argument("b")
@as_json
def diff(a: str, b: str, json_output: bool) -> None:
    """Say what changed from version A to version B."""
    from noria.datasets.diff import diff as compare

    opened = workspace()
    old, new = _version(opened, a), _version(opened, b)
    key = tuple(opened.project.settings.data.key) if old.name == opened.project.settings.project.name else ()
    found = compare(opened.datasets.read(old), opened.datasets.read(new), key)
    if json_output:
        print_json({"a": old.ref, "b": new.ref, **found.to_json()})
        return
    _print_diff(old, new, found)


@data.command()
@click.argument("ref", required=False)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="File: .csv, .parquet or .jsonl.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def export(ref: str | None, output: str, force: bool) -> None:
    """Write the rows of a version to a file."""
    from pathlib import Path

    from noria.datasets.export import encode
    from noria.errors import VersionExists
    from noria.store.files import write_atomic

    path = Path(output)
    if path.exists() and not force:
        raise VersionExists(f"{output} exists already", mend="choose another name, or add --force", code="N-DATA-030")
    opened = workspace()
    version = _version(opened, ref)
    write_atomic(path, encode(opened.datasets.read(version), path.suffix.lower()))
    click.echo(f"wrote {version.rows:,} rows of {version.ref} to {output}", err=True)


@data.command()
@click.argument("ref", required=False)
@click.option("--bounds", is_flag=True, help="Write the least and greatest number seen as well.")
@as_json
def schema(ref: str | None, bounds: bool, json_output: bool) -> None:
    """Print what the columns are, as [data.columns] to be pasted into noria.toml: frozen, and checked from then on."""
    opened = workspace()
    version = _version(opened, ref)
    if json_output:
        print_json(version.schema.to_json())
        return
    click.echo(_toml(version.schema, bounds))


def _version(opened: Workspace, ref: str | None) -> DatasetVersion:
    name = ref or opened.project.settings.project.name
    if name.isdigit():  # `noria data diff 1 2` means this project's dataset
        return opened.datasets.get(opened.project.settings.project.name, int(name))
    return opened.datasets.get(name)


def _roles(opened: Workspace) -> set[str]:
    settings = opened.project.settings.data
    return {name for name in (settings.target, settings.time, settings.group, *settings.key) if name is not None}


def _figures(column: ColumnProfile) -> tuple[str | None, ...]:
    median = column.quantiles["0.5"] if column.quantiles else None
    shown = (column.min, median, column.max, column.mean)
    if column.type == "text":
        shown = (None, None, None, None)
    most = ", ".join(f"{value} {count:,}" for value, count in column.top[:3])
    return (*(_short(value) for value in shown), most or None)


def _short(value: float | str | None) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.replace("T00:00:00", "").replace("T", " ")
    return f"{value:,}" if isinstance(value, int) and abs(value) < 10**9 else f"{value:.4g}"


def _print_diff(old: DatasetVersion, new: DatasetVersion, found: TableDiff) -> None:
    click.echo(f"{old.ref} -> {new.ref}", err=True)
    if found.is_empty:
        click.echo("the same rows")
        return
    for name in found.columns_added:
        click.echo(f"+ column {name}")
    for name in found.columns_removed:
        click.echo(f"- column {name}")
    for name, (before, after) in found.retyped.items():
        click.echo(f"~ column {name}: {before} -> {after}")
    click.echo(
        f"{found.added:,} rows added, {found.removed:,} removed, "
        f"{found.changed:,} changed, {found.unchanged:,} the same"
    )
    if found.cells:
        cells = sorted(found.cells.items(), key=lambda pair: pair[1], reverse=True)
        print_table(("column", "changed"), cells, right=(1,))
    if found.note:
        click.echo(found.note, err=True)


def _toml(schema: Schema, bounds: bool) -> str:
    import json

    from noria.project.toml import write_key

    lines = ["[data.columns]"]
    for column in schema.columns:
        parts = [f'type = "{column.type}"']
        # Not the bounds of times: the next row would break them.
        if bounds and column.type in {"int", "float"} and not column.reason:
            parts += [f"{bound} = {json.dumps(value)}" for bound in ("min", "max")
                      if (value := getattr(column, bound)) is not None]  # fmt: skip
        if column.values is not None and len(column.values) <= 20:
            parts.append(f"values = {json.dumps(list(column.values), ensure_ascii=False)}")
        if not column.nullable:
            parts.append("nullable = false")
        lines.append(f"{write_key(column.name)} = {{ {', '.join(parts)} }}")
    return "\n".join(lines)
