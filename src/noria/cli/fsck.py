"""``noria fsck``: read everything stored and tell what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, workspace
from noria.errors import CorruptedBlob, NoriaError

if TYPE_CHECKING:
    from collections.abc import Collection

    from noria.store.blobs import Digest
    from noria.workspace import Workspace

__all__ = ["fsck"]


@click.command()
@click.option("--clear", is_flag=True, help="Remove damaged objects that no version and no run needs.")
@as_json
def fsck(clear: bool, json_output: bool) -> None:
    """Read every stored object, and check that each dataset, model version and run has all its bytes.

    Leaves with 1 when something is damaged or missing. Changes nothing without --clear.
    """
    ws = workspace()
    read, damaged = 0, []
    for digest in ws.blobs:
        read += 1
        try:
            ws.blobs.get(digest)
        except NoriaError:
            damaged.append(digest)
    missing = [
        {"owner": owner, "object": digest}
        for owner, digest in _owned(ws)
        if not ws.blobs.has(digest) or digest in damaged
    ]
    needed = {entry["object"] for entry in missing}
    cleared = [digest for digest in damaged if clear and digest not in needed]
    for digest in cleared:
        # Its bytes are worth nothing; a step that wants it computes it again.
        (ws.blobs.root / digest[:2] / digest).unlink(missing_ok=True)
    if json_output:
        print_json({"objects": read, "damaged": damaged, "cleared": cleared, "versions_touched": missing})
    else:
        click.echo(f"{read:,} objects read, {len(damaged)} damaged")
        for digest in damaged:
            click.echo(f"  {'cleared' if digest in cleared else 'damaged'}: {digest}")
        for entry in missing:
            click.echo(f"  {entry['owner']} lacks object {entry['object'][:12]}")
    damaged = [digest for digest in damaged if digest not in cleared]
    if damaged or missing:
        raise CorruptedBlob(
            f"{len(damaged)} objects are damaged, {len(missing)} are needed and not whole",
            mend=_mend({entry["owner"] for entry in missing}),
            code="N-STORE-030",
        )


def _mend(owners: Collection[str]) -> str:
    if not owners:
        return "noria fsck --clear     removes them: nothing needs them, and a step that does computes them again"
    return (
        "noria run --force check --force train --force register\n"
        "                computes the newest data, model and report again\n"
        "what is older: restore it from a backup of .noria/objects, or promote a version that is whole"
    )


def _owned(ws: Workspace) -> list[tuple[str, Digest]]:
    owned = [
        (version.ref, digest)
        for name in ws.datasets.names()
        for version in ws.datasets.versions(name)
        for digest in (version.digest, version.profile)
    ]
    for model in ws.registry.models():
        for version in ws.registry.versions(model):
            owned += [(version.ref, digest) for digest in version.files.values()]
    # What a run left cannot be computed again, as nobody knows whether the one who logged it still could.
    owned += [(f"{owner[:8]}/{file.path}", file.digest) for owner, file in ws.artifacts.named()]
    return owned
