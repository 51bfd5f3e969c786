"""What no version names any more goes, after a day; what is left in a pack moves together."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.datasets.manifest import entries, read
from noria.store.blobs import Digest
from noria.store.files import TEMPORARY_PREFIX, sync_folder
from noria.store.occupancy import alone

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from noria.datasets.folder_catalog import FolderCatalog
    from noria.store.contents import Contents
    from noria.store.pack import Pack
    from noria.store.stat_cache import StatCache

__all__ = ["GRACE_SECONDS", "Swept", "mark", "sweep"]

GRACE_SECONDS = 24 * 3600.0
"""What is younger stays, named or not: its name may be about to be written down."""

_WASTED = 0.3  # of a pack: then it is written anew
_SMALL_PACK = 8 << 20
_SMALL_PACKS = 16  # so many small packs become one


@dataclass
class Swept:
    """What a sweep removed, or would remove.

    Parameters
    ----------
    contents, packs, objects, temporaries : int
        Small contents, packs that went or were written anew, objects, and leftovers of broken off writes.
    size : int
        Bytes that are free again.
    """

    contents: int = 0
    packs: int = 0
    objects: int = 0
    temporaries: int = 0
    size: int = 0


def mark(catalog: FolderCatalog, contents: Contents) -> set[Digest]:
    """Name everything that the versions of folders are made of.

    Raises
    ------
    BlobNotFound, CorruptedBlob
        A list of files cannot be read, so nobody knows what it names.
    """
    named: set[Digest] = set()
    seen: set[Digest] = set()
    for version in catalog.versions():
        manifest = read(version.manifest, contents.get)
        named.add(version.manifest)
        named |= {part.stored for part in manifest.parts}
        named |= {entry.digest for entry in entries(manifest, contents.get, but=seen).values()}
        seen |= {part.mark for part in manifest.parts}
    return named


def sweep(
    catalog: FolderCatalog,
    contents: Contents,
    cache: StatCache,
    *,
    also_named: Collection[Digest],
    grace_seconds: float = GRACE_SECONDS,
    dry_run: bool = False,
    now: float | None = None,
) -> Swept:
    """Remove what nothing names.

    Parameters
    ----------
    catalog, contents, cache : FolderCatalog, Contents, StatCache
        Versions, bytes, and what is remembered of folders.
    also_named : collection of str
        Everything that anybody else names.
    grace_seconds : float
        What is younger stays.
    dry_run : bool
        Only say what would go.
    now : float, optional
        Seconds since 1970.

    Raises
    ------
    StoreBusy
        Somebody adds, or checks out.
    BlobNotFound, CorruptedBlob
        As `mark` raises them: nothing is removed then.
    """
    with alone(contents.lock):
        before = (now or time.time()) - grace_seconds
        swept = Swept()
        if not dry_run:
            contents.blobs.restore_aside()
        named = contents.blobs.with_bases(mark(catalog, contents) | set(also_named))
        _sweep_packs(contents, cache, named, before, swept, dry_run=dry_run)
        _sweep_objects(contents, cache, named, before, swept, dry_run=dry_run)
        objects = contents.blobs.root
        for folder, pattern, since in (
            (contents.packs.root, f"{TEMPORARY_PREFIX}*", float("inf")),
            (objects, f"{TEMPORARY_PREFIX}*", before),
            (objects / "incoming", "*", before),  # of a pull that was broken off
            (objects / "rebuilt", "*", before),  # can be made again
            (objects.parent / "tmp" / "duckdb", "*", before),  # of a query that was killed
        ):
            _sweep_temporaries(folder, pattern, since, swept, dry_run=dry_run)
    return swept


def _sweep_packs(
    contents: Contents, cache: StatCache, named: set[Digest], before: float, swept: Swept, *, dry_run: bool
) -> None:
    small: list[Pack] = []
    going: list[tuple[Pack, list[int]]] = []
    for pack in contents.packs:
        if pack.path.stat().st_mtime > before:
            continue
        kept = [place for place, key in enumerate(pack.digests()) if key.hex() in named]
        live = sum(pack.lengths[place] for place in kept)
        if len(kept) < pack.count and pack.size - live >= _WASTED * pack.size:
            going.append((pack, kept))
        elif pack.size < _SMALL_PACK:
            small.append(pack)
    if len(small) >= _SMALL_PACKS:
        going += [(pack, list(range(pack.count))) for pack in small]
    swept.packs += len(going)
    swept.contents += sum(pack.count - len(kept) for pack, kept in going)
    swept.size += sum(pack.size - sum(pack.lengths[place] for place in kept) for pack, kept in going)
    if not going or dry_run:
        return
    dead = [
        Digest(key.hex()) for pack, kept in going for place, key in enumerate(pack.digests()) if place not in set(kept)
    ]
    # Forgotten before they go: a file that is known by its stamp alone would be named without being kept.
    cache.forget(dead)
    old = [pack.path for pack, _ in going]
    with contents.packs.packing() as packing:
        packing.leave_out(old)
        for pack, kept in going:
            with pack.path.open("rb") as file:
                for place in kept:
                    packing.put(pack.read(file.fileno(), place))
        packing.settle()
        made = packing.made
    for path in set(old) - made:
        path.unlink(missing_ok=True)
    sync_folder(contents.packs.root)
    contents.packs.refresh()


def _sweep_objects(
    contents: Contents, cache: StatCache, named: set[Digest], before: float, swept: Swept, *, dry_run: bool
) -> None:
    dead = []
    for digest in contents.blobs:
        if digest not in named:
            with suppress(FileNotFoundError):
                found = contents.blobs.kept_at(digest).stat()
                if found.st_mtime <= before:
                    dead.append((digest, found.st_size))
    if dry_run:
        swept.objects += len(dead)
        swept.size += sum(size for _, size in dead)
        return
    cache.forget([digest for digest, _ in dead])
    # What others are kept against goes after them.
    for digest, _ in sorted(dead, key=lambda one: -contents.blobs.deltas.depth(one[0])):
        size = contents.blobs.discard(digest, unused_since=before)
        swept.objects += bool(size)
        swept.size += size


def _sweep_temporaries(folder: Path, pattern: str, before: float, swept: Swept, *, dry_run: bool) -> None:
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            found = path.stat()
            if found.st_mtime < before:
                swept.temporaries += 1
                swept.size += found.st_size
                if not dry_run:
                    path.unlink()
