"""A walk through a folder: which files it holds, without reading any."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from noria.errors import SourceNotFound, WrongData
from noria.store.ignoring import Ignoring
from noria.store.stat_cache import Stamp

__all__ = ["IGNORE_FILE", "WORKING_PREFIX", "Scan", "scan", "scan_file", "stamp"]

IGNORE_FILE = ".noriaignore"
WORKING_PREFIX = ".noria-tmp-"
"""Begins the name of a file that noria is writing into a folder of somebody's."""

_LEFT_SECONDS = 3600
_NOT_OURS = frozenset({".noria", ".git"})
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


@dataclass
class Scan:
    """What a folder holds.

    Parameters
    ----------
    files : dict
        Path, ``/`` between its parts, to stamp; bytes of a name that are no text stand as Python writes them
        (``surrogateescape``).
    executable : set of str
        Files whose owner may run them.
    links : list of str
        Symbolic links, which are not followed.
    special : dict
        Pipes, sockets and devices, with what they are.
    folders : set of str
        Folders in it.
    leftovers : list of str
        Files that a broken off write of noria's left.
    """

    files: dict[str, Stamp] = field(default_factory=dict)
    executable: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    special: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    leftovers: list[str] = field(default_factory=list)


def scan(root: Path, *, everything: bool = False) -> Scan:
    """Walk a folder. Folders ``.noria`` and ``.git``, and what ``.noriaignore`` names, are passed over.

    Parameters
    ----------
    root : Path
        The folder.
    everything : bool
        Do not look at ``.noriaignore``.

    Raises
    ------
    SourceNotFound
        There is no such folder.
    WrongData
        It is a file.
    WrongData
        A folder in it may not be read.
    """
    if root.exists() and not root.is_dir():
        raise WrongData(
            f"{str(root)!r} is a file, and a folder is wanted",
            why="a table is read by [data] source, and gets its versions from noria run",
            mend="give the folder that holds the files",
            code="N-STORE-073",
        )
    if not root.is_dir():
        raise SourceNotFound(
            f"there is no folder {str(root)!r}", mend="give the folder that holds the files", code="N-STORE-044"
        )
    found, waiting = Scan(), [("", str(root))]
    ignoring = Ignoring("") if everything else _ignoring(root)
    while waiting:
        prefix, folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                waiting += _enter(entries, prefix, found, ignoring)
        except PermissionError as error:
            raise WrongData(
                f"cannot read the folder {folder!r}: {error.strerror}",
                mend=f"give yourself the right to read it, or name it in {IGNORE_FILE}",
                code="N-STORE-045",
            ) from error
        except FileNotFoundError:
            continue  # removed meanwhile
    return found


def scan_file(folder: Path, name: str) -> Scan:
    """Look at one file of a folder; what is ignored there does not count, as the file was named."""
    found = Scan()
    if folder.is_dir():
        found.leftovers += [one.name for one in folder.glob(f"{WORKING_PREFIX}*") if _is_left(one)]
    try:
        seen = (folder / name).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return found
    if stat.S_ISLNK(seen.st_mode):
        found.links.append(name)
    elif stat.S_ISREG(seen.st_mode):
        found.files[name] = stamp(seen)
        if seen.st_mode & 0o100:
            found.executable.add(name)
    else:
        found.special[name] = _KINDS.get(stat.S_IFMT(seen.st_mode), "no file")
    return found


def _is_left(path: Path) -> bool:
    """Say whether nobody is still writing a file: others may work with files beside."""
    try:
        return path.stat().st_mtime < time.time() - _LEFT_SECONDS
    except OSError:
        return False


def stamp(found: os.stat_result) -> Stamp:
    """Take what tells a changed file from its stat."""
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _enter(
    entries: os.ScandirIterator[str],  # type: ignore[name-defined] # the stubs know it under this name
    prefix: str,
    found: Scan,
    ignoring: Ignoring,
) -> list[tuple[str, str]]:
    below = []
    for entry in entries:
        name = entry.name
        path = prefix + name
        if name.startswith(WORKING_PREFIX):
            if entry.is_file(follow_symlinks=False):
                found.leftovers.append(path)
            continue
        folder = entry.is_dir(follow_symlinks=False)
        if (folder and name in _NOT_OURS) or (ignoring and ignoring.fits(path, folder=folder)):
            continue
        if folder:
            found.folders.add(path)
            below.append((path + "/", entry.path))
        elif entry.is_symlink():
            found.links.append(path)
        else:
            try:
                seen = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # removed meanwhile
            if stat.S_ISREG(seen.st_mode):
                found.files[path] = Stamp(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
                if seen.st_mode & 0o100:
                    found.executable.add(path)
            else:
                found.special[path] = _KINDS.get(stat.S_IFMT(seen.st_mode), "no file")
    return below


def _ignoring(root: Path) -> Ignoring:
    try:
        return Ignoring((root / IGNORE_FILE).read_text(encoding="utf-8", errors="surrogateescape"))
    except (FileNotFoundError, IsADirectoryError):
        return Ignoring("")
    except OSError as error:
        raise WrongData(
            f"cannot read {str(root / IGNORE_FILE)!r}: {error.strerror}",
            mend="give yourself the right to read it",
            code="N-STORE-045",
        ) from error
