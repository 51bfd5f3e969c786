"""A folder becomes a version: what is new is read and kept, what is known is not opened."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.datasets.folder_changes import FolderChanges, compare, shown_path
from noria.datasets.manifest import Entry, Manifest, entries, read, write
from noria.datasets.working import changing, hashed, read_settled
from noria.errors import (
    BlobNotFound,
    CorruptedBlob,
    DatasetNotFound,
    NoriaError,
    SourceNotFound,
    StoreUnavailable,
    WrongArgument,
    WrongData,
)
from noria.security.names import is_name
from noria.store.contents import SMALL_BYTES
from noria.store.occupancy import together
from noria.store.scanning import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from noria.datasets.folder_catalog import FolderCatalog
    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.working import WorkingFolder
    from noria.store.blobs import Digest
    from noria.store.contents import Adding, Contents
    from noria.store.scanning import Scan
    from noria.store.stat_cache import Stamp

__all__ = ["Added", "FolderStatus", "add", "base_of", "status"]

_EVERY = 512
_TRIES = 6


@dataclass(frozen=True)
class Added:
    """What an addition came to.

    Parameters
    ----------
    version : FolderVersion
        The new version, or the one that holds the same already.
    is_new : bool
        Whether it was made now.
    changes : FolderChanges
        Against the version before.
    links : tuple of str
        Symbolic links that were passed over.
    unfinished : str
        The version whose checkout into the folder had been broken off, if any: files of it may be among these.
    """

    version: FolderVersion
    is_new: bool
    changes: FolderChanges
    links: tuple[str, ...]
    unfinished: str = ""


@dataclass(frozen=True)
class FolderStatus:
    """How a folder stands against the version it came from.

    Parameters
    ----------
    name : str
        Dataset.
    version : FolderVersion, optional
        What it is compared with; None before the first.
    files : int
        How many there are.
    changes : FolderChanges
        What differs.
    links : tuple of str
        Symbolic links, which are passed over.
    special : dict
        Pipes, sockets and devices: they must go, or be ignored, before the folder can be added.
    unfinished : str
        The version whose checkout into the folder was broken off, if any.
    """

    name: str
    version: FolderVersion | None
    files: int
    changes: FolderChanges
    links: tuple[str, ...]
    special: dict[str, str]
    unfinished: str = ""


def add(
    working: WorkingFolder,
    catalog: FolderCatalog,
    contents: Contents,
    *,
    name: str | None = None,
    note: str = "",
    at: datetime | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Added:
    """Keep a folder as a version; one that holds the same as before makes none.

    Parameters
    ----------
    working : WorkingFolder
        The folder.
    catalog, contents : FolderCatalog, Contents
        Where versions and bytes are kept.
    name : str, optional
        Dataset; what the folder was last added as, or its own name.
    note : str
        For people.
    at : datetime, optional
        When; now, when left out.
    progress : callable, optional
        Told the files done, and how many there are.

    Raises
    ------
    WrongData
        A file cannot be read, changes all the time, or is none.
    """
    with together(working.lock), contents.adding() as adding:
        unfinished = working.unfinished
        name, base = base_of(working, catalog, name)
        before, old = _before(base, contents)
        found = working.scan()
        _refuse_special(found)
        if working.single is not None and not found.files:
            raise _no_file(working, found)
        new = _taken(working, found, old, contents, adding, progress)
        stored, manifest = write(new, adding.put, before)
        adding.settle()
        if base is not None and manifest.content == base.content:
            version, is_new = base, False
        else:
            parent = None if base is None else base.number
            version, is_new = catalog.insert(
                name, stored, manifest, source=working.key, parent=parent, note=note, at=at,
                single=working.single is not None,
            )  # fmt: skip
        working.remember(new)
        with suppress(StoreUnavailable):  # the version stands; what is not noted is found out again
            working.set_base((name, version.number))
    return Added(version, is_new, compare(old, new), tuple(found.links), unfinished)


def status(
    working: WorkingFolder, catalog: FolderCatalog, contents: Contents, *, name: str | None = None
) -> FolderStatus:
    """Compare a folder with the version it came from; only files whose stamp leaves a doubt are read.

    Parameters
    ----------
    working, catalog, contents, name : WorkingFolder, FolderCatalog, Contents, str
        As `add` takes them.
    """
    name, base = base_of(working, catalog, name)
    old = {} if base is None else entries(read(base.manifest, contents.get), contents.get)
    found = working.scan()
    if working.single is not None and base is None and not found.files and not found.special:
        raise _no_file(working, found)
    changes = FolderChanges()
    trusted, executable = working.trusted, found.executable
    for path, seen in found.files.items():
        entry = old.get(path)
        if entry is None:
            changes.added[path] = seen.size
        elif (
            seen.size != entry.size
            or (path in executable) != entry.executable
            or (trusted(path, seen) or working.digest(path, seen)) != entry.digest
        ):
            changes.changed[path] = (entry.size, seen.size)
    if len(old) + len(changes.added) != len(found.files):
        changes.removed.update({path: entry.size for path, entry in old.items() if path not in found.files})
    working.remember()
    return FolderStatus(name, base, len(found.files), changes, tuple(found.links), found.special, working.unfinished)


def base_of(working: WorkingFolder, catalog: FolderCatalog, name: str | None) -> tuple[str, FolderVersion | None]:
    """Say which dataset a folder belongs to, and the version it came from, if any.

    Raises
    ------
    WrongArgument
        The folder's own name cannot name a dataset, or names one that came from another folder.
    """
    base = working.base
    if base and name in (None, base[0][0]):
        with suppress(DatasetNotFound):  # removed since, or another database
            before = catalog.get(*base[0])
            if before.single == (working.single is not None):  # else one has taken the other's place
                return before.name, before
    if name is None:
        made = catalog.from_source(working.key)
        if made is not None and made.single == (working.single is not None):
            return made.name, made
        name = _own_name(working, catalog)
    elif not is_name(name):
        raise _no_name(name)
    return name, catalog.latest(name)


def _before(base: FolderVersion | None, contents: Contents) -> tuple[Manifest, dict[str, Entry]]:
    """Give what the version before held; nothing, where its list is lost: it is written again if it is the same."""
    if base is not None:
        with suppress(BlobNotFound, CorruptedBlob):
            manifest = read(base.manifest, contents.get)
            return manifest, entries(manifest, contents.get)
    return Manifest(()), {}


def _own_name(working: WorkingFolder, catalog: FolderCatalog) -> str:
    name = working.single or working.path.name
    if not is_name(name):
        raise _no_name(name)
    taken = catalog.latest(name)
    if taken is not None:
        raise WrongArgument(
            f"dataset {name} came from {taken.source}, not from {working.key}",
            mend=f"noria data add {working.key} --name {name}     if it is the same data\n"
            f"noria data add {working.key} --name OTHER",
            code="N-DATA-058",
        )
    return name


def _no_name(name: str) -> WrongArgument:
    return WrongArgument(
        f"{shown_path(name)[:140]!r} cannot name a dataset",
        why="letters, digits, '.', '_' and '-', at most 128, not beginning with '.' or '-', no reserved word",
        mend="noria data add PATH --name NAME",
        code="N-DATA-059",
    )


def _no_file(working: WorkingFolder, found: Scan) -> NoriaError:
    if found.links:
        return WrongData(
            f"{working.key!r} is a symbolic link, which is not followed",
            mend="add the file that it points to",
            code="N-DATA-099",
        )
    return SourceNotFound(
        f"there is no file or folder {working.key!r}", mend="give what is to be kept", code="N-STORE-044"
    )


def _refuse_special(found: Scan) -> None:
    if found.special:
        path, kind = min(found.special.items())
        more = f", and {len(found.special) - 1} more" if len(found.special) > 1 else ""
        raise WrongData(
            f"{shown_path(path)!r} is {kind}, no file{more}",
            mend="remove it, or name it in .noriaignore",
            code="N-DATA-070",
        )


def _taken(
    working: WorkingFolder,
    found: Scan,
    old: Mapping[str, Entry],
    contents: Contents,
    adding: Adding,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Entry]:
    new: dict[str, Entry] = {}
    trusted, executable, total = working.trusted, found.executable, len(found.files)
    for done, path in enumerate(sorted(found.files)):
        if progress is not None and done % _EVERY == 0:
            progress(done, total)
        seen = found.files[path]
        digest = trusted(path, seen)
        entry = old.get(path)
        if digest is not None and (entry is None or entry.digest != digest) and not contents.has(digest):
            digest = None  # known from another time, and swept since
        if digest is None:
            try:
                seen, digest = _keep(working.path / path, entry, adding)
            except FileNotFoundError:
                continue  # removed meanwhile
            working.learnt(path, seen, digest)
        new[path] = Entry(seen.size, digest, path in executable)
    if progress is not None:
        progress(total, total)
    return new


def _keep(path: Path, old: Entry | None, adding: Adding) -> tuple[Stamp, Digest]:
    for attempt in range(_TRIES):
        small = read_settled(path, SMALL_BYTES)
        if small is not None:
            return small[0], adding.put(small[1])
        if old is not None and path.lstat().st_size == old.size:
            found = hashed(path)  # touched only, perhaps: to read it costs less than to copy it
            if found[1] == old.digest and adding.knows(old.digest):
                return found
        before = stamp(path.lstat())
        digest = adding.put_file(path, base=None if old is None else old.digest)
        # What was kept is what it is named by; whether it was ever the file's content as a whole, the stamps say.
        if stamp(path.lstat()) == before:
            return before, digest
        time.sleep(0.01 * attempt)
    raise changing(path)
