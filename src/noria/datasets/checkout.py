"""A version becomes files: only what differs is touched, and nobody's own edits are."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from noria.datasets.folder_changes import shown_path
from noria.datasets.manifest import Entry, entries, read
from noria.errors import Conflict, CorruptedBlob, DatasetNotFound, NotAllowed, NotFound
from noria.store.files import ensure_folder
from noria.store.occupancy import alone, together
from noria.store.placing import Placing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from noria.datasets.folder_catalog import FolderCatalog
    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.working import WorkingFolder
    from noria.store.blobs import Digest
    from noria.store.contents import Contents
    from noria.store.scanning import Scan

__all__ = ["CheckedOut", "checkout", "restore"]

_EVERY = 256
_SHOWN = 10
_FORBIDDEN = frozenset({"", ".", "..", ".git", ".noria"})


@dataclass
class CheckedOut:
    """What a checkout did.

    Parameters
    ----------
    written, removed : list of str
        Paths that were touched.
    unchanged : int
        Files that were as wanted.
    """

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0


def checkout(
    version: FolderVersion,
    working: WorkingFolder,
    catalog: FolderCatalog,
    contents: Contents,
    *,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CheckedOut:
    """Make a folder what it was in a version.

    Files that no version ever held stay where they are; only where one is in the way is the checkout refused.

    Parameters
    ----------
    version : FolderVersion
        Which.
    working : WorkingFolder
        Where.
    catalog, contents : FolderCatalog, Contents
        Where versions and bytes are kept.
    force : bool
        Overwrite edits that no version has.
    progress : callable, optional
        Told the files done, and how many are to be.

    Raises
    ------
    Conflict
        Edits would be lost, or something that is no file is in the way. Nothing has been touched.
    """
    with together(contents.lock), alone(working.lock):
        target = working.target(entries(read(version.manifest, contents.get), contents.get))
        base, wanted = working.base, (version.name, version.number)
        tracked: dict[str, set[Digest]] = {}
        for name, number in base:
            _track(tracked, name, number, working, catalog, contents)
        plan = _plan(
            working, target, tracked, _Recorded(version, tracked, catalog, contents), removes=True, force=force
        )
        # Broken off from here on, the folder holds files of both.
        working.set_base(*dict.fromkeys((*base, wanted)))
        done = _carry_out(plan, working, contents, force=force, progress=progress)
        working.set_base(wanted)
        return done


def restore(
    version: FolderVersion,
    paths: Collection[str],
    working: WorkingFolder,
    catalog: FolderCatalog,
    contents: Contents,
    *,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CheckedOut:
    """Get single files, or folders in the folder, back from a version; nothing is removed.

    Parameters
    ----------
    version, working, catalog, contents, force, progress
        As `checkout` takes them.
    paths : collection of str
        Which, ``/`` between their parts.

    Raises
    ------
    NotFound
        The version holds nothing under a path.
    Conflict
        As `checkout` raises it.
    """
    with together(contents.lock), alone(working.lock):
        everything = entries(read(version.manifest, contents.get), contents.get)
        target: dict[str, Entry] = {}
        for asked in paths:
            wanted = os.path.normpath(asked)
            below = {
                path: entry
                for path, entry in everything.items()
                if wanted == "." or path == wanted or path.startswith(wanted + "/")
            }
            if not below:
                raise NotFound(
                    f"{version.ref} holds no {shown_path(asked)!r}",
                    mend=f"noria data show {version.ref}     lists its files",
                    code="N-DATA-071",
                )
            target |= below
        target = working.target(target)
        plan = _plan(working, target, {}, _Recorded(version, {}, catalog, contents), removes=False, force=force)
        return _carry_out(plan, working, contents, force=force, progress=progress)


class _Recorded:
    """Which contents can be had back from the versions of a dataset; looked up only when there is a doubt."""

    def __init__(
        self,
        version: FolderVersion,
        tracked: Mapping[str, Collection[Digest]],
        catalog: FolderCatalog,
        contents: Contents,
    ) -> None:
        self._version, self._tracked, self._catalog, self._contents = version, tracked, catalog, contents
        self._all: set[Digest] | None = None

    def holds(self, path: str, digest: Digest) -> bool:
        if not self._contents.has(digest):
            return False  # lost, or set aside: what lies in the folder may be all there is
        if digest in self._tracked.get(path, ()):
            return True
        if self._all is None:
            self._all = set()
            seen: set[Digest] = set()
            for version in self._catalog.versions(self._version.name):
                with suppress(NotFound, CorruptedBlob):
                    manifest = read(version.manifest, self._contents.get)
                    self._all |= {entry.digest for entry in entries(manifest, self._contents.get, but=seen).values()}
                    seen |= {part.mark for part in manifest.parts}
        return digest in self._all


@dataclass
class _Plan:
    write: dict[str, Entry]
    remove: list[str]
    mode: dict[str, bool]
    seen: Scan
    unchanged: int


def _track(
    tracked: dict[str, set[Digest]],
    name: str,
    number: int,
    working: WorkingFolder,
    catalog: FolderCatalog,
    contents: Contents,
) -> None:
    with suppress(DatasetNotFound):
        manifest = read(catalog.get(name, number).manifest, contents.get)
        for path, entry in working.target(entries(manifest, contents.get)).items():
            tracked.setdefault(path, set()).add(entry.digest)


def _plan(
    working: WorkingFolder,
    target: Mapping[str, Entry],
    tracked: Mapping[str, Collection[Digest]],
    recorded: _Recorded,
    *,
    removes: bool,
    force: bool,
) -> _Plan:
    for path in target:
        if path.startswith("/") or "\x00" in path or not _FORBIDDEN.isdisjoint(path.split("/")):
            raise NotAllowed(
                f"{path!r} does not stay inside its folder, or lies where no version has anything",
                why="noria never wrote such a list of files",
                mend="find out who did",
                code="N-DATA-062",
            )
    ensure_folder(working.path)
    # What is ignored now may have been a file of the version's, and must not be lost either.
    seen = working.scan(everything=True)
    plan = _Plan({}, [], {}, seen, 0)
    edited: list[str] = []

    def may_go(path: str) -> bool:
        found = None if force else working.digest(path, seen.files[path])
        return force or found is None or recorded.holds(path, found)

    for path, entry in target.items():
        here = seen.files.get(path)
        if here is None:
            plan.write[path] = entry
            continue
        if here.size == entry.size and working.digest(path, here) == entry.digest:
            plan.unchanged += 1
            if (path in seen.executable) != entry.executable:
                plan.mode[path] = entry.executable
        elif may_go(path):
            plan.write[path] = entry
        else:
            edited.append(path)
    if removes:
        for path in sorted(tracked.keys() - target.keys()):
            if path in seen.files:
                (plan.remove if may_go(path) else edited).append(path)
    blocked = _blocked(plan, force=force)
    working.remember()
    if edited or blocked:
        raise _conflict(working, edited, blocked)
    return plan


def _blocked(plan: _Plan, *, force: bool) -> list[str]:
    """Name what is no file of the version's and stands where one of its files or folders must."""
    going, files = set(plan.remove), plan.seen.files
    links, special = set(plan.seen.links), plan.seen.special
    folders = {parent for path in {path.rpartition("/")[0] for path in plan.write} for parent in _parents(path)}
    blocked = [path for path in (*links, *special) if (path in plan.write or path in folders) and not force]
    blocked += [path for path in folders if path in files and path not in going]
    # A folder where a file must be: only what goes anyway may be in it.
    both = plan.write.keys() & plan.seen.folders
    staying = [name for name in (*files, *links, *special) if name not in going] if both else []
    return blocked + [path for path in both if any(name.startswith(path + "/") for name in staying)]


def _parents(path: str) -> list[str]:
    """Give a folder and those above it, without the top."""
    parts = path.split("/") if path else []
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _conflict(working: WorkingFolder, edited: list[str], blocked: list[str]) -> Conflict:
    paths = sorted(edited + blocked)
    shown = "\n".join(shown_path(path) for path in paths[:_SHOWN])
    more = f"\n… and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    if blocked:
        what = f"what stands in {working.key} is in the way of the version's files: {len(paths)}"
        mend = "move them away, or ask for another folder: noria data checkout REF INTO"
    else:
        what = f"files in {working.key} hold what no version has: {len(paths)}"
        mend = f"noria data add {working.key}     keeps them as a version first\nadd --force     to lose them"
    return Conflict(what, why=shown + more, mend=mend, code="N-DATA-063")


def _carry_out(
    plan: _Plan,
    working: WorkingFolder,
    contents: Contents,
    *,
    force: bool,
    progress: Callable[[int, int], None] | None,
) -> CheckedOut:
    done = CheckedOut(unchanged=plan.unchanged)
    placing = Placing(working.path, contents, force=force)
    total, late = len(plan.write) + len(plan.remove), []
    for path in plan.seen.leftovers:
        placing.sweep(path)
    for path in plan.remove:
        if placing.remove(path, plan.seen.files[path]):
            done.removed.append(path)
        else:
            late.append(path)
    for path, executable in plan.mode.items():
        placing.set_executable(path, executable=executable)
        done.written.append(path)
    by_digest: dict[Digest, list[str]] = {}
    for path, entry in plan.write.items():
        by_digest.setdefault(entry.digest, []).append(path)
    for digest in contents.packs.order(by_digest):
        for path in by_digest[digest]:
            if progress is not None and len(done.written) % _EVERY == 0:
                progress(len(done.written) + len(done.removed), total)
            if placing.place(path, digest, plan.seen.files.get(path), executable=plan.write[path].executable):
                done.written.append(path)
            else:
                late.append(path)
    if progress is not None:
        progress(total, total)
    for path, stamp in placing.settled().items():
        working.learnt(path, stamp, plan.write[path].digest)
    # Written by us, and as old by now as the clock can tell.
    working.remember(seen=time.time_ns())
    if late:
        raise _conflict(working, late, [])
    return done
