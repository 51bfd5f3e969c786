"""``noria data gc``: what no version names goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.folder_wording import size
from noria.cli.opening import as_json, print_json, workspace
from noria.errors import NotAllowed

if TYPE_CHECKING:
    from noria.workspace import Workspace

__all__ = ["gc"]


@click.command()
@click.option("--older-than", default="24h", show_default=True, help="What is younger stays, named or not.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--remote", is_flag=True, help="On the remote instead: what none of the versions there needs.")
@as_json
def gc(older_than: str, dry_run: bool, remote: bool, json_output: bool) -> None:
    """Remove stored bytes that no version, no run and no model names, and leftovers of broken off writes.

    Nothing is removed while a list of files cannot be read, as nobody knows what it names; on the remote, while
    anybody pushes.
    """
    from noria.cli.naming import named_objects
    from noria.duration import parse_duration

    opened = workspace()
    if remote:
        _sweep_there(opened, parse_duration(older_than).total_seconds(), dry_run=dry_run, json_output=json_output)
        return
    if opened.database.dialect != "sqlite" and (opened.store / "noria.db").exists():
        raise NotAllowed(
            "another database of this project may name what is stored",
            why=f"{opened.store / 'noria.db'} is there, and [store] database names another one",
            mend="move that file away if nothing in it is wanted any more",
            code="N-DATA-069",
        )
    seconds = parse_duration(older_than).total_seconds()
    done = opened.datasets.folders.sweep(named_objects(opened), grace_seconds=seconds, dry_run=dry_run)
    if json_output:
        print_json({"dry_run": dry_run, **vars(done), "bytes": done.size})
        return
    click.echo(
        f"{'would remove' if dry_run else 'removed'} {done.contents:,} contents of {done.packs:,} packs, "
        f"{done.objects:,} objects, {done.temporaries:,} leftovers: {size(done.size)}"
    )


def _sweep_there(opened: Workspace, grace_seconds: float, *, dry_run: bool, json_output: bool) -> None:
    from noria.cli.data_sharing import remote_of
    from noria.datasets.remote_catalog import RemoteCatalog
    from noria.datasets.remote_sweeping import sweep_there

    remote = remote_of(opened)
    done = sweep_there(RemoteCatalog(remote), grace_seconds=grace_seconds, dry_run=dry_run)
    if json_output:
        print_json({"remote": remote.address, "dry_run": dry_run, **vars(done)})
        return
    click.echo(
        f"{'would remove' if dry_run else 'removed'} {done.parts:,} parts and {done.records:,} records from "
        f"{remote.address}: {size(done.size)}; {done.versions:,} versions there keep all they need"
    )
