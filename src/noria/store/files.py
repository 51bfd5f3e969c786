"""The one place that writes files, so that what is acknowledged survives a crash.

Order of every durable write: private temporary name, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from noria.errors import StoreBusy, StoreUnavailable, WrongArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TEMPORARY_PREFIX", "contained", "ensure_folder", "lock_file", "replacing", "sync_folder", "write_atomic"]

TEMPORARY_PREFIX = ".tmp-"


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Write a file whole or not at all, durably.

    Parameters
    ----------
    path : Path
        Final name. Its folder is made when missing.
    data : bytes or str
        Content; text is written as UTF-8.
    mode : int
        Permission bits of the new file.

    Raises
    ------
    StoreUnavailable
        The folder cannot be written, or the disk is full. The old file, if any, is untouched.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder) / "note.txt", "kept")
    ...     (Path(folder) / "note.txt").read_text()
    'kept'
    """
    with replacing(path, mode=mode) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Write a file piece by piece under a private name; it gets its own when the block ends well, and durably.

    Parameters
    ----------
    path, mode : Path, int
        As `write_atomic` takes them.

    Raises
    ------
    StoreUnavailable
        The folder cannot be written, or the disk is full. The old file, if any, is untouched.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "note.txt"
    ...     with replacing(path) as file:
    ...         _ = file.write(b"half")
    ...         path.exists()
    False
    """
    ensure_folder(path.parent)
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = ""
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def ensure_folder(path: Path) -> Path:
    """Make a folder and its parents, each entry durable."""
    if path.is_dir():
        return path
    try:
        missing = [path, *(parent for parent in path.parents if not parent.exists())]
        path.mkdir(parents=True, exist_ok=True)
        for made in missing:
            sync_folder(made.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def sync_folder(path: Path) -> None:
    """Make renames inside a folder survive power loss."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def contained(root: Path, relative: str) -> Path:
    """Join a relative path that must stay inside `root`.

    Raises
    ------
    WrongArgument
        The path is absolute, climbs out, or holds a NUL byte.

    Examples
    --------
    >>> contained(Path("/project"), "data/a.csv")
    PosixPath('/project/data/a.csv')
    """
    parts = Path(relative).parts
    if not parts or Path(relative).is_absolute() or ".." in parts or "\x00" in relative:
        raise WrongArgument(
            f"path {relative!r} does not stay inside its folder",
            mend="give a relative path without '..'",
            code="N-STORE-003",
        )
    return root / relative


@contextmanager
def lock_file(path: Path, *, busy: str = "") -> Iterator[None]:
    """Hold an exclusive lock for as long as the block runs; the kernel frees it if the process dies.

    Parameters
    ----------
    path : Path
        Lock file; it keeps the holder's process id.
    busy : str
        What to tell somebody who comes second.

    Raises
    ------
    StoreBusy
        Another live process holds it.
    """
    ensure_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            raise StoreBusy(
                busy or f"{path} is held by another process",
                why=f"process {holder} holds the lock" if holder else "",
                mend=f"stop it first: kill {holder}" if holder else "wait for the other process to end",
                code="N-STORE-004",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> StoreUnavailable:
    in_the_way = isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError)
    return StoreUnavailable(
        f"cannot write {path}: {error.strerror or error}",
        mend="something of that name stands in the way: name another place"
        if in_the_way
        else f"make room or give yourself the right to write in {path.parent}",
        code="N-STORE-001",
    )
