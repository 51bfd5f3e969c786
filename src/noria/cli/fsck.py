"""``noria fsck``: read everything stored and tell what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, visible, workspace
from noria.errors import CorruptedBlob

if TYPE_CHECKING:
    from collections.abc import Collection

    from noria.store.blobs import Digest
    from noria.workspace import Workspace

__all__ = ["fsck"]

_SHOWN = 20


@click.command()
@click.option("--clear", is_flag=True, help="Remove damaged objects that no version and no run needs.")
@click.option(
    "--quarantine", is_flag=True, help="Set what is damaged aside, needed or not, so that it can be kept anew."
)
@as_json
def fsck(clear: bool, quarantine: bool, json_output: bool) -> None:
    """Read every stored object and pack, and check that each dataset, model version and run has all its bytes.

    Leaves with 1 when something is damaged or missing. Changes nothing without --clear or --quarantine.
    """
    ws = workspace()
    read, damaged = 0, []
    for digest in ws.blobs:
        read += 1
        if not ws.blobs.is_whole(digest):
            damaged.append(digest)
    missing = [
        {"owner": owner, "object": digest}
        for owner, digest in _owned(ws)
        if not ws.blobs.has(digest) or digest in damaged
    ]
    folders = ws.datasets.folders
    audit = folders.audit()
    lacking = folders.lacking(audit, damaged)
    missing += lacking
    needed = {entry["object"] for entry in missing}
    # What an object adds to is needed as much as the object.
    needed |= {path.name.partition(".")[0] for digest in set(needed) for path in ws.blobs.deltas.chain(digest)}
    moved = folders.quarantine(audit, damaged) if quarantine and (damaged or audit.packs or lacking) else []
    cleared = [digest for digest in damaged if clear and not quarantine and digest not in needed]
    for digest in cleared:
        # Its bytes are worth nothing; a step that wants it computes it again.
        ws.blobs.drop(digest)
    bad = [*damaged, *audit.damaged]
    packs = [path.stem for path in audit.packs]
    if json_output:
        print_json(
            {
                "objects": read + audit.read,
                "damaged": bad,
                "damaged_packs": packs,
                "cleared": cleared,
                "quarantined": [str(path) for path in moved],
                "versions_touched": missing,
            }
        )
    else:
        click.echo(f"{read + audit.read:,} objects read, {len(bad)} damaged")
        for digest in bad:
            click.echo(f"  {'cleared' if digest in cleared else 'damaged'}: {digest}")
        for pack in packs:
            click.echo(f"  damaged pack: {pack}")
        for path in moved:
            click.echo(f"  set aside: {path}")
        for entry in missing[:_SHOWN]:
            click.echo(
                f"  {entry['owner']} lacks object {entry['object'][:12]}  {visible(entry.get('path', ''))}".rstrip()
            )
        if len(missing) > _SHOWN:
            click.echo(f"  … and {len(missing) - _SHOWN:,} more: --json")
    left = 0 if quarantine else len(bad) - len(cleared) + len(packs)
    if left or missing:
        raise CorruptedBlob(
            f"{left} objects are damaged, {len(missing)} are needed and not whole",
            mend="\n".join(filter(None, (_mend_folders(lacking, ws), _mend(_others(missing, lacking))))),
            code="N-STORE-030",
        )


def _others(missing: list[dict[str, str]], lacking: list[dict[str, str]]) -> set[str] | None:
    """Name the owners that are no folders; None where folders alone lack something."""
    owners = {entry["owner"] for entry in missing if entry not in lacking}
    return None if lacking and not owners else owners


def _mend_folders(lacking: list[dict[str, str]], ws: Workspace) -> str:
    names = sorted({entry["owner"].partition("@")[0] for entry in lacking})
    newest = [version for name in names if (version := ws.datasets.folders.catalog.latest(name)) is not None]
    return "\n".join(
        [
            "noria fsck --quarantine     sets what is damaged aside",
            *(
                f"noria data add {version.source} --name {version.name}     keeps again what is still there"
                for version in newest
            ),
        ]
        if lacking
        else []
    )


def _mend(owners: Collection[str] | None) -> str:
    if owners is None:
        return ""
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
        for digest in ws.datasets.objects(version)
    ]
    for model in ws.registry.models():
        for version in ws.registry.versions(model):
            owned += [(version.ref, digest) for digest in version.files.values()]
    # What a run left cannot be computed again, as nobody knows whether the one who logged it still could.
    owned += [(f"{owner[:8]}/{file.path}", file.digest) for owner, file in ws.artifacts.named()]
    return owned
