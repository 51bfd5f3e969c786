"""Whether every version of a folder has all its bytes, and what to do with those that have changed."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from noria.datasets.folder_changes import shown_path
from noria.datasets.manifest import entries, read
from noria.errors import BlobNotFound, CorruptedBlob
from noria.store.blobs import Digest
from noria.store.files import ensure_folder, sync_folder
from noria.store.occupancy import alone, together
from noria.store.pack import salvage

if TYPE_CHECKING:
    from collections.abc import Collection

    from noria.datasets.folder_catalog import FolderCatalog
    from noria.store.contents import Contents
    from noria.store.stat_cache import StatCache

__all__ = ["PackAudit", "audit_packs", "lacking", "quarantine"]


@dataclass
class PackAudit:
    """What was found in the packs.

    Parameters
    ----------
    read : int
        Contents read.
    sound : set of bytes
        Digests (32 bytes) of those that are what they were.
    damaged : dict
        Digest of each that is not, in no pack at all, to a pack that holds it.
    packs : list of Path
        Packs with anything wrong.
    """

    read: int = 0
    sound: set[bytes] = field(default_factory=set)
    damaged: dict[Digest, Path] = field(default_factory=dict)
    packs: list[Path] = field(default_factory=list)


def audit_packs(contents: Contents) -> PackAudit:
    """Read every content of every pack."""
    found = PackAudit()
    damaged: dict[Digest, Path] = {}
    with together(contents.lock):
        for pack in contents.packs:
            bad = pack.damaged()
            found.read += pack.count
            found.sound |= set(pack.digests()) - {bytes.fromhex(digest) for digest in bad}
            if bad:
                damaged.update(dict.fromkeys(bad, pack.path))
            if bad or not pack.is_as_named():
                found.packs.append(pack.path)
        found.packs += list(contents.packs.unreadable)
    found.damaged = {digest: path for digest, path in damaged.items() if bytes.fromhex(digest) not in found.sound}
    return found


def lacking(
    catalog: FolderCatalog, contents: Contents, audit: PackAudit, damaged: Collection[Digest]
) -> list[dict[str, str]]:
    """Say which versions need what is missing or damaged: owner, object, and a path that held it.

    Parameters
    ----------
    catalog, contents, audit
        Versions, bytes, and what was found in the packs.
    damaged : collection of str
        Objects outside of packs that have changed.
    """
    lacks: list[dict[str, str]] = []
    objects = set(contents.blobs) - set(damaged)
    known: dict[Digest, list[tuple[str, Digest]]] = {}  # by part: most versions share most parts
    for version in catalog.versions():
        try:
            manifest = read(version.manifest, contents.get)
        except (BlobNotFound, CorruptedBlob):
            lacks.append({"owner": version.ref, "object": version.manifest, "path": "(its list of files)"})
            continue
        for part in manifest.parts:
            if part.mark not in known:
                try:
                    held = entries(type(manifest)((part,)), contents.get)
                    known[part.mark] = [
                        (path, entry.digest)
                        for path, entry in held.items()
                        if bytes.fromhex(entry.digest) not in audit.sound
                        and entry.digest not in objects
                        and not contents.is_whole(entry.digest)  # it may have come since
                    ]
                except (BlobNotFound, CorruptedBlob):
                    known[part.mark] = [(f"(the list of {part.files} of its files)", part.stored)]
            lacks += [
                {"owner": version.ref, "object": digest, "path": shown_path(path)} for path, digest in known[part.mark]
            ]
    return lacks


def quarantine(contents: Contents, cache: StatCache, audit: PackAudit, damaged: Collection[Digest]) -> list[Path]:
    """Set damaged packs and objects aside, and keep what is sound in them.

    A folder that still has the file brings it back when it is added again: it is read anew.

    Returns
    -------
    list of Path
        Where they lie now.

    Raises
    ------
    StoreBusy
        Somebody adds, or checks out.
    """
    aside = contents.home / "quarantine"
    moved = []
    with alone(contents.lock):
        cache.clear()
        made = _salvaged(contents, audit.packs)
        objects = [path for digest in damaged for path in contents.blobs.kept(digest)]
        for path in [*(path for path in audit.packs if path not in made), *objects]:
            ensure_folder(aside)
            with suppress(FileNotFoundError):
                os.rename(path, aside / path.name)
                sync_folder(path.parent)
                moved.append(aside / path.name)
        if moved:
            sync_folder(aside)
        contents.packs.refresh()
    return moved


def _salvaged(contents: Contents, packs: Collection[Path]) -> set[Path]:
    """Write what is sound in some packs into new ones, and name these."""
    with contents.packs.packing() as packing:
        packing.leave_out(packs)
        for pack in contents.packs:
            if pack.path in packs:
                with pack.path.open("rb") as file:
                    for place in range(pack.count):
                        with suppress(CorruptedBlob):
                            packing.put(pack.read(file.fileno(), place))
        for path in contents.packs.unreadable:
            for _, data in salvage(path):
                packing.put(data)
        packing.settle()
        return packing.made
