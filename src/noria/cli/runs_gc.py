"""``noria runs gc``: empty the bin."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace
from noria.cli.run_fields import moment

if TYPE_CHECKING:
    from noria.runs.removal import Binned
    from noria.workspace import Workspace

__all__ = ["gc"]

_FRESH_SECONDS = 600.0
_PATIENCE_SECONDS = 30.0


@click.command()
@click.option("--older-than", default="30d", show_default=True, help="Only runs deleted so long ago.")
@click.option("--yes", is_flag=True, help="Really remove them; else it is only said what would go.")
@as_json
def gc(older_than: str, yes: bool, json_output: bool) -> None:
    """Remove the runs in the bin for good: their rows, their logged models, and files that nothing else names.

    A run that a registered version or a dataset version names stays. Without --yes nothing is changed.
    """
    from noria.cli.naming import objects_of_versions
    from noria.duration import parse_duration
    from noria.pipeline.records import Records
    from noria.runs.removal import Removal
    from noria.store.occupancy import alone

    ws = workspace()
    removal = Removal(ws.database)
    binned = removal.binned(datetime.now(UTC) - parse_duration(older_than))
    needed = _needed(ws)
    kept = [(run, why) for run in binned if (why := _why_kept(run, needed))]
    going = [run for run in binned if not _why_kept(run, needed)]
    objects = freed = 0
    if yes:
        # A folder that is being added may name a file of a run's, and has not yet written down that it does.
        with alone(ws.datasets.folders.lock, patience_seconds=_PATIENCE_SECONDS):
            named = ws.datasets.folders.named()
            ids = [run.id for run in going]
            digests = removal.remove(ids)
            records = Records(ws.database)
            records.forget(ids)
            digests -= objects_of_versions(ws) | records.named() | named
            left, before = sorted(digests), -1
            while len(left) != before:  # what others were kept against goes after them
                before = len(left)
                sizes = {digest: ws.blobs.discard(digest, unused_since=time.time() - _FRESH_SECONDS) for digest in left}
                objects, freed = objects + sum(map(bool, sizes.values())), freed + sum(sizes.values())
                left = [digest for digest, size in sizes.items() if not size]
    if json_output:
        print_json(
            {
                "removed": yes,
                "runs": [{"id": run.id, "name": run.name, "deleted": run.deleted.isoformat()} for run in going],
                "kept": [{"id": run.id, "name": run.name, "why": why} for run, why in kept],
                "objects": objects,
                "bytes": freed,
            }
        )
        return
    for run, why in kept:
        click.echo(f"stays: {run.id[:8]} {run.name}: {why}", err=True)
    if not going:
        click.echo(f"no runs in the bin that were deleted over {older_than} ago", err=True)
        return
    print_table(("run", "name", "deleted (UTC)"), [(run.id[:8], run.name, moment(run.deleted)) for run in going])
    if yes:
        click.echo(f"{len(going)} runs removed, {objects} objects, {freed:,} bytes", err=True)
    else:
        click.echo(
            f"{len(going)} would be removed for good by: noria runs gc --older-than {older_than} --yes", err=True
        )


def _needed(ws: Workspace) -> dict[str, str]:
    """Say of runs and logged models what names them."""
    needed: dict[str, str] = {}
    for name in ws.registry.models():
        for version in ws.registry.versions(name):
            needed.setdefault(version.run_id, f"model version {version.ref} names it")
            for part in version.source.split("/"):
                needed.setdefault(part, f"model version {version.ref} names it")
    for name in ws.datasets.names():
        for known in ws.datasets.versions(name):
            if known.run_id:
                needed.setdefault(known.run_id, f"dataset version {known.ref} names it")
    needed.pop("", None)
    return needed


def _why_kept(run: Binned, needed: dict[str, str]) -> str:
    return next((needed[name] for name in (run.id, *run.models) if name in needed), "")
