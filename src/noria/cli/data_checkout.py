"""``noria data checkout`` and ``restore``: versions become files again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.counting import counted
from noria.cli.opening import as_json, many, print_json, workspace
from noria.cli.versions import found_version, is_table
from noria.errors import VersionExists, WrongArgument

if TYPE_CHECKING:
    from noria.datasets.checkout import CheckedOut
    from noria.datasets.version import DatasetVersion
    from noria.workspace import Workspace

__all__ = ["checkout", "restore"]


@click.command()
@click.argument("ref")
@click.argument("into", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite edits that no version has.")
@as_json
def checkout(ref: str, into: Path | None, force: bool, json_output: bool) -> None:
    """Make a folder, or a file, what it was in a version.

    A folder of files: only what differs is touched; INTO is the folder it came from when left out. Edits that no
    version has are not overwritten without --force. A table: INTO is a file in .parquet, .csv or .jsonl, or a
    folder for NAME.parquet; this folder when left out.
    """
    opened = workspace()
    version = found_version(opened, ref)
    if is_table(version):
        _table(opened, version, into, force=force, json_output=json_output)
        return
    place = opened.datasets.folders.home(version) if into is None else into
    with counted("writing", quiet=json_output) as progress:
        done = opened.datasets.folders.checkout(version, place, force=force, progress=progress)
    _tell(version.ref, place, done, json_output=json_output)


@click.command()
@click.argument("ref")
@click.argument("paths", nargs=-1, required=True)
@click.option("--into", type=click.Path(path_type=Path), help="Folder; the one the version came from when left out.")
@click.option("--force", is_flag=True, help="Overwrite edits that no version has.")
@as_json
def restore(ref: str, paths: tuple[str, ...], into: Path | None, force: bool, json_output: bool) -> None:
    """Get single files, or folders inside the folder, back from a version.

    PATHS are those of the version, as `noria data show REF` lists them.
    """
    opened = workspace()
    version = found_version(opened, ref)
    if is_table(version):
        raise WrongArgument(
            f"{version.ref} is a table, which has no files", mend=f"noria data checkout {version.ref}",
            code="N-DATA-064",
        )  # fmt: skip
    place = opened.datasets.folders.home(version) if into is None else into
    done = opened.datasets.folders.restore(version, paths, place, force=force)
    _tell(version.ref, place, done, json_output=json_output)


def _table(opened: Workspace, version: DatasetVersion, into: Path | None, *, force: bool, json_output: bool) -> None:
    from noria.datasets.export import digest, export
    from noria.store.digest import digest_file

    path = into or Path()
    if path.is_dir():
        path /= f"{version.name}.parquet"
    rows = opened.datasets.read(version)
    same = path.exists() and digest_file(path) == digest(rows, path.suffix.lower())
    if path.exists() and not same and not force:
        raise VersionExists(
            f"{path} exists already, and holds something else", mend="choose another name, or add --force",
            code="N-DATA-030",
        )  # fmt: skip
    if not same:
        export(rows, path)
    if json_output:
        print_json({"ref": version.ref, "into": str(path), "rows": version.rows, "written": not same})
    else:
        done = "holds it already" if same else f"{many(version.rows, 'row')} written"
        click.echo(f"{version.ref} -> {path}: {done}")


def _tell(ref: str, place: Path, done: CheckedOut, *, json_output: bool) -> None:
    from noria.datasets.folder_changes import shown_path

    if json_output:
        print_json(
            {
                "ref": ref,
                "into": str(place),
                "written": [shown_path(path) for path in done.written],
                "removed": [shown_path(path) for path in done.removed],
                "unchanged": done.unchanged,
            }
        )
        return
    click.echo(
        f"{ref} -> {place}: {many(len(done.written), 'file')} written, {len(done.removed):,} removed, "
        f"{done.unchanged:,} as they were"
    )
