"""``noria data``: versions of the dataset, what they hold and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.data_add import add, status
from noria.cli.data_checkout import checkout, restore
from noria.cli.data_diff import diff
from noria.cli.data_gc import gc
from noria.cli.data_sharing import pull, push
from noria.cli.data_tag import remove, tag
from noria.cli.erasing import erase, erasures, expire, lineage
from noria.cli.folder_wording import print_paths, size
from noria.cli.holding import check
from noria.cli.opening import as_json, many, print_json, print_table, workspace
from noria.cli.past import history
from noria.cli.profiling import profile
from noria.cli.quarantine import quarantine
from noria.cli.schemas import schema
from noria.cli.versions import found_version, is_table, rows_told, table_version, to_json

if TYPE_CHECKING:
    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.profile import ColumnProfile
    from noria.workspace import Workspace

__all__ = ["data"]

_FILES_SHOWN = 50


@click.group()
def data() -> None:
    """Dataset versions: of tables, which runs make, and of folders and single files, which `noria data add` makes.

    A version is written NAME@NUMBER, NAME@TAG or NAME; NAME alone is the newest, NAME@previous the one before it,
    and without a name the project's own dataset is meant: @gold, @previous, or @prod for what the model in production
    learned from.
    """


for _command in (
    add, status, diff, checkout, restore, tag, remove, gc, push, pull, erase, erasures, expire, lineage, check, profile,
    quarantine, schema, history,
):  # fmt: skip
    data.add_command(_command)


@data.command("list")
@as_json
def list_(json_output: bool) -> None:
    """List the datasets, each with its newest version."""
    opened = workspace()
    newest = [opened.datasets.get(name) for name in opened.datasets.names()]
    catalog = opened.datasets.folders.catalog
    folders = [version for name in catalog.names() if (version := catalog.latest(name)) is not None]
    gone = opened.datasets.erased(*newest)
    if json_output:
        print_json([*(to_json(version, gone) for version in newest), *(version.to_json() for version in folders)])
        return
    if not newest and not folders:
        click.echo("no dataset has been recorded yet: noria run, or noria data add FOLDER", err=True)
        return
    if newest:
        print_table(
            ("dataset", "versions", "rows", "columns", "changed", "source"),
            [
                (v.name, v.number, rows_told(v, gone), v.columns, f"{v.created:%Y-%m-%d %H:%M}", v.source)
                for v in newest
            ],
            right=(1, 2, 3),
            spare=(("columns",), ("changed",)),
            whole=("dataset", "changed"),
        )
    if folders:
        print_table(
            ("folder", "versions", "files", "size", "changed", "source"),
            [
                (v.name, v.number, f"{v.files:,}", size(v.size), f"{v.created:%Y-%m-%d %H:%M}", v.source)
                for v in folders
            ],
            right=(1, 2, 3),
            spare=(("changed",),),
            whole=("folder", "changed"),
        )


@data.command()
@click.argument("ref", required=False)
@click.option("--all", "everything", is_flag=True, help="List every file of a folder.")
@as_json
def show(ref: str | None, everything: bool, json_output: bool) -> None:
    """Show what each column of a version holds; of a folder, its files."""
    opened = workspace()
    version = found_version(opened, ref)
    if not is_table(version):
        _show_folder(opened, version, everything=everything, json_output=json_output)
        return
    found = opened.datasets.profile(version)
    gone = opened.datasets.erased(version)
    if json_output:
        print_json({**to_json(version, gone), "profile": found.to_json()})
        return
    told = f"{rows_told(version, gone, ' rows')}, {many(version.columns, 'column')}, from {version.source}"
    click.echo(f"{version.ref}  {told}", err=True)
    rows = [
        (
            column.name,
            version.schema[column.name].type,
            f"{column.missing / found.rows:.1%}" if found.rows and column.missing else None,
            f"{column.distinct:,}",
            *_figures(column),
        )
        for column in found.columns
    ]
    print_table(
        ("column", "type", "missing", "distinct", "min", "median", "max", "mean", "most"), rows, right=range(2, 8),
        spare=(("mean",), ("median",), ("distinct",), ("min", "max"), ("missing",), ("type",)),
    )  # fmt: skip
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
    newest = found_version(opened, name)
    if not is_table(newest):
        _log_folder(opened, newest.name, json_output=json_output)
        return
    versions = opened.datasets.versions(newest.name)
    gone = opened.datasets.erased(*versions)
    if json_output:
        print_json([to_json(version, gone) for version in versions])
        return
    rows = [
        (
            v.ref, rows_told(v, gone), v.columns, f"{v.created:%Y-%m-%d %H:%M}", v.digest[:12], (v.run_id or "")[:12],
            v.source,
        )
        for v in versions
    ]  # fmt: skip
    print_table(
        ("version", "rows", "columns", "when", "digest", "run", "source"), rows, right=(1, 2),
        spare=(("run",), ("digest",), ("columns",)), whole=("version", "when", "digest"),
    )  # fmt: skip


@data.command()
@click.argument("ref", required=False)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="File: .csv, .parquet or .jsonl.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def export(ref: str | None, output: str, force: bool) -> None:
    """Write the rows of a version to a file."""
    from pathlib import Path

    from noria.datasets.export import export as write
    from noria.errors import VersionExists

    path = Path(output)
    if path.exists() and not force:
        raise VersionExists(f"{output} exists already", mend="choose another name, or add --force", code="N-DATA-030")
    opened = workspace()
    version = table_version(opened, ref)
    table = opened.datasets.read(version)
    write(table, path)
    click.echo(f"wrote {many(table.num_rows, 'row')} of {version.ref} to {output}", err=True)


def _show_folder(opened: Workspace, version: FolderVersion, *, everything: bool, json_output: bool) -> None:
    from noria.datasets.folder_changes import shown_path

    files = opened.datasets.folders.files(version)
    tags = opened.datasets.tags.of(version.name, version.number)
    if json_output:
        listed = [
            {"path": shown_path(path), "bytes": entry.size, "digest": entry.digest, "executable": entry.executable}
            for path, entry in sorted(files.items())
        ]
        print_json({**version.to_json(), "tags": tags, "contents": listed})
        return
    told = [
        f"{version.ref}  {many(version.files, 'file')}, {size(version.size)}, from {version.source}",
        *tags,
        version.note,
    ]
    click.echo("  ".join(part for part in told if part), err=True)
    print_paths({path: entry.size for path, entry in files.items()}, most=None if everything else _FILES_SHOWN)


def _log_folder(opened: Workspace, name: str, *, json_output: bool) -> None:
    versions = opened.datasets.folders.catalog.versions(name)
    tags = opened.datasets.tags.all(name).get(name, {})
    named = {v.number: [tag for tag, number in tags.items() if number == v.number] for v in versions}
    if json_output:
        print_json([{**v.to_json(), "tags": named[v.number]} for v in versions])
        return
    print_table(
        ("version", "files", "size", "when", "from", "tags", "note"),
        [
            (
                v.ref,
                f"{v.files:,}",
                size(v.size),
                f"{v.created:%Y-%m-%d %H:%M}",
                v.parent,
                ", ".join(named[v.number]),
                v.note,
            )
            for v in versions
        ],
        right=(1, 2, 4),
    )


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
