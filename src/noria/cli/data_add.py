"""``noria data add`` and ``status``: folders of files, and single files, become versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.counting import counted
from noria.cli.folder_wording import print_changes, size, summary, tell_links, tell_unfinished
from noria.cli.opening import as_json, many, print_json, visible, workspace

if TYPE_CHECKING:
    from noria.datasets.recording import FolderStatus
    from noria.workspace import Workspace

__all__ = ["add", "status"]

_SHOWN = 20


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="Dataset; the folder's or file's own name when left out.")
@click.option("-m", "--note", default="", help="What this version is, for people.")
@as_json
def add(path: Path, name: str | None, note: str, json_output: bool) -> None:
    """Keep a folder of files, or one file, as a version; nothing changed makes none.

    What is known already is not read.
    """
    opened = workspace()
    with counted("reading", quiet=json_output) as progress:
        done = opened.datasets.folders.add(path, name=name, note=note, progress=progress)
    if json_output:
        from noria.datasets.folder_changes import shown_path

        print_json(
            {
                **done.version.to_json(),
                "new": done.is_new,
                "unfinished": done.unfinished or None,
                "changes": done.changes.to_json(),
                "links": [shown_path(path) for path in done.links],
            }
        )
        return
    tell_links(done.links)
    tell_unfinished(done.unfinished)
    version = done.version
    if not done.is_new:
        click.echo(f"nothing has changed since {version.ref}")
        return
    print_changes(done.changes, most=_SHOWN)
    click.echo(f"{version.ref}: {summary(done.changes)}; {many(version.files, 'file')}, {size(version.size)}")


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--name", help="Dataset to compare with; the one the folder or file came from when left out.")
@as_json
def status(path: Path | None, name: str | None, json_output: bool) -> None:
    """Say what has changed in a folder or a file since its version; in all that were added, when none is named.

    What was added may be named by its dataset, too. Files are not read: only one whose times leave a doubt is.
    """
    opened = workspace()
    if path is not None and not path.exists():
        path = _home(opened, str(path)) or path
    with counted("comparing", quiet=True):
        found = [opened.datasets.folders.status(one, name=name) for one in ([path] if path else _added(opened))]
    if json_output:
        print_json([_status_json(one) for one in found])
        return
    if not found:
        click.echo("nothing has been added yet: noria data add FOLDER", err=True)
    for one in found:
        tell_links(one.links)
        tell_unfinished(one.unfinished)
        for special, kind in sorted(one.special.items()):
            click.echo(f"cannot be added: {visible(special)} is {kind}", err=True)
        if one.version is None:
            click.echo(f"{one.name}: no version yet; {many(one.files, 'file')}")
        elif one.changes:
            print_changes(one.changes, most=_SHOWN)
            click.echo(f"{one.version.ref}: {summary(one.changes)}")
        else:
            click.echo(f"{one.version.ref}: nothing has changed; {many(one.files, 'file')}")


def _home(opened: Workspace, dataset: str) -> Path | None:
    newest = opened.datasets.folders.catalog.latest(dataset)
    return None if newest is None else opened.datasets.folders.home(newest)


def _added(opened: Workspace) -> list[Path]:
    folders = opened.datasets.folders
    newest = [version for name in folders.catalog.names() if (version := folders.catalog.latest(name)) is not None]
    homes = {folders.home(version): version.single for version in newest}
    return [home for home, single in homes.items() if (home.parent if single else home).is_dir()]


def _status_json(one: FolderStatus) -> dict[str, object]:
    from noria.datasets.folder_changes import shown_path

    return {
        "name": one.name,
        "ref": None if one.version is None else one.version.ref,
        "files": one.files,
        "changes": one.changes.to_json(),
        "links": [shown_path(path) for path in one.links],
        "unfinished": one.unfinished or None,
        "special": {shown_path(path): kind for path, kind in one.special.items()},
    }
