"""``noria data diff``: what changed from one version to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.folder_wording import print_changes, size, summary
from noria.cli.opening import as_json, many, print_json, print_table, workspace
from noria.cli.versions import found_version, is_table, previous_version
from noria.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from noria.datasets.diff import TableDiff
    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.version import DatasetVersion
    from noria.plots.document import Document
    from noria.workspace import Workspace

__all__ = ["diff"]

_ROWS_SHOWN = 5
_CELL = 60


@click.command()
@click.argument("a", required=False)
@click.argument("b", required=False)
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page that stands by itself to this file.")
@as_json
def diff(a: str | None, b: str | None, html: str | None, json_output: bool) -> None:
    """Say what changed from version A to version B: columns, rows, cells; on the page also how each is spread.

    Without B the newest version of the same dataset is meant; a name alone, or nothing at all, holds the newest
    against the one before it.
    """
    opened = workspace()
    old = found_version(opened, a)
    new = found_version(opened, b if b is not None else old.name)
    if b is None and (a is None or a == old.name):
        old = previous_version(opened, old)
    if not is_table(old) and not is_table(new):
        _diff_folders(opened, old, new, html=html, json_output=json_output)
        return
    if not is_table(old) or not is_table(new):
        raise WrongArgument(
            f"{old.ref} and {new.ref} are a table and a folder", mend="compare like with like", code="N-DATA-068"
        )
    from noria.datasets.comparing import compare

    key = tuple(opened.project.settings.data.key) if old.name == opened.project.settings.project.name else ()
    compared = compare(opened.datasets, old, new, key=key, spread=html is not None)
    found = compared.found
    if html is not None:
        from noria.datasets.diff_page import document

        _write_page(html, document(old, new, found, compared.spread, key=key))
    if json_output:
        print_json({"a": old.ref, "b": new.ref, **found.to_json()})
        return
    if html is None:
        _print_diff(old, new, found, key)


def _write_page(path: str, made: Document) -> None:
    from pathlib import Path

    from noria.plots.html_page import write
    from noria.store.files import write_atomic

    write_atomic(Path(path), write(made))
    click.echo(f"wrote {path}", err=True)


def _diff_folders(
    opened: Workspace, old: FolderVersion, new: FolderVersion, *, html: str | None, json_output: bool
) -> None:
    changes = opened.datasets.folders.diff(old, new)
    if html is not None:
        from noria.datasets.folder_diff_page import document

        _write_page(html, document(old, new, changes, written=size))
    if json_output:
        print_json({"a": old.ref, "b": new.ref, **changes.to_json()})
        return
    if html is not None:
        return
    click.echo(f"{old.ref} -> {new.ref}", err=True)
    if not changes:
        click.echo("the same files")
        return
    print_changes(changes)
    click.echo(f"{summary(changes)}; {size(old.size)} -> {size(new.size)}")


def _print_diff(old: DatasetVersion, new: DatasetVersion, found: TableDiff, key: Sequence[str]) -> None:
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
        f"{many(found.added, 'row')} added, {found.removed:,} removed, "
        f"{found.changed:,} changed, {found.unchanged:,} the same"
    )
    if found.cells:
        cells = sorted(found.cells.items(), key=lambda pair: pair[1], reverse=True)
        print_table(("column", "changed"), cells, right=(1,))
    if found.examples:
        click.echo()
        print_table(("row", "column", "before", "after"), _cells(found.examples[:_ROWS_SHOWN], key))
        if len(found.examples[:_ROWS_SHOWN]) < found.changed:
            click.echo(
                f"… and {found.changed - len(found.examples[:_ROWS_SHOWN]):,} more changed: --html FILE", err=True
            )
    if found.note:
        click.echo(found.note, err=True)


def _cells(
    examples: Iterable[Mapping[str, object]], key: Sequence[str]
) -> Iterable[tuple[str, str, str | None, str | None]]:
    for example in examples:
        row = ", ".join(str(example.get(name, "–")) for name in key)
        for name, value in example.items():
            if isinstance(value, list):
                before, after = (None if each is None else str(each)[:_CELL] for each in value)
                yield row, name, before, after
                row = ""
