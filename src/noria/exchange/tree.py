"""A folder that somebody else filled, read without leaving it: no link is followed, only plain files are opened.

Each step of a path is opened on its own and relative to the one before, so that a link put in meanwhile leads nowhere.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote

from noria.errors import SourceNotFound, WrongData

if TYPE_CHECKING:
    from noria.exchange.source import Skips

__all__ = ["Tree", "is_sound_path"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# NONBLOCK: a pipe that lies there must not hold the reader up before it is seen to be one.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DEEPEST = 50
_LONGEST_PATH = 1000
_MOST_ENCODINGS = 20
_ODD = re.compile(r"[\\#]|^[A-Za-z]:")


def is_sound_path(path: str) -> bool:
    r"""Say whether a path may name a file of a run: relative, of one form only, and text.

    Examples
    --------
    >>> [is_sound_path(path) for path in ("plots/a.png", "../a", "/a", "a//b", "a\\b", "a\x00", "")]
    [True, False, False, False, False, False, False]
    """
    # However often it was encoded: some reader of names decodes them, and must not be led elsewhere by it.
    for _ in range(_MOST_ENCODINGS):
        parts = path.split("/")
        if not (
            len(path) <= _LONGEST_PATH
            and len(parts) <= _DEEPEST
            and not any(part in ("", ".", "..") for part in parts)
            and not _ODD.search(path)
            and path.isprintable()
        ):
            return False
        plain, path = path, unquote(path)
        if plain == path:
            return True
    return False


class Tree:
    """A folder to read from.

    Parameters
    ----------
    root : Path
        The folder; links on the way to it are the caller's own.

    Raises
    ------
    SourceNotFound
        There is no such folder, or it cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        try:
            self._handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceNotFound(
                f"cannot read the folder {root}: {error.strerror}",
                mend="check the path and your right to read it",
                code="N-EXCHANGE-001",
            ) from error

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._handle)

    def folders(self, path: str = "") -> list[str]:
        """Name the folders in a folder, sorted; none where it is missing."""
        return sorted(entry for entry, is_folder in self._entries(path) if is_folder)

    def names(self, path: str = "") -> list[str]:
        """Name everything in a folder, sorted; nothing where it is missing."""
        return sorted(entry for entry, _ in self._entries(path))

    def read(self, path: str, limit: int) -> bytes:
        """Read a whole file.

        Raises
        ------
        WrongData
            It is larger than `limit` bytes.
        SourceNotFound
            It is missing, or no plain file.
        """
        with self.open(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise WrongData(
                f"{path} is larger than {limit:,} bytes",
                why="what MLflow writes there is small",
                mend="move it away, or mend it by hand",
                code="N-EXCHANGE-002",
            )
        return data

    def open(self, path: str) -> IO[bytes]:
        """Open a plain file.

        Raises
        ------
        SourceNotFound
            It is missing, a link, or no plain file.
        """
        folder, _, name = path.rpartition("/")
        try:
            with self._descended(folder) as handle:
                file = os.open(name, _FILE, dir_fd=handle)
        except OSError as error:
            raise self._missing(path, error.strerror or "") from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise self._missing(path, "it is no plain file")
        return os.fdopen(file, "rb")

    def walk(self, path: str, skips: Skips | None = None) -> Iterator[tuple[str, int]]:
        """Walk the plain files beneath a folder: path from that folder, and size. Links are left out and counted."""
        waiting = [("", 0)]
        while waiting:
            below, depth = waiting.pop()
            here = f"{path}/{below}".strip("/") if below else path
            try:
                with self._descended(here) as handle, os.scandir(handle) as entries:
                    found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
            except OSError as error:
                if skips is not None and (below or not isinstance(error, FileNotFoundError)):
                    skips.add(f"a folder could not be read: {error.strerror}", here)
                continue
            for name, status in sorted(found, reverse=True):
                full = f"{below}/{name}" if below else name
                if stat.S_ISDIR(status.st_mode) and depth < _DEEPEST:
                    waiting.append((full, depth + 1))
                elif stat.S_ISREG(status.st_mode):
                    if is_sound_path(full):
                        yield full, status.st_size
                    elif skips is not None:
                        skips.add("a file has a name that cannot be kept", ascii(f"{path}/{full}"))
                elif skips is not None:
                    what = "a symbolic link is not followed" if stat.S_ISLNK(status.st_mode) else "no plain file"
                    skips.add(what, ascii(f"{path}/{full}"))

    def _entries(self, path: str) -> list[tuple[str, bool]]:
        try:
            with self._descended(path) as handle, os.scandir(handle) as entries:
                return [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.is_symlink() and is_sound_path(entry.name)
                ]
        except OSError:
            return []

    @contextmanager
    def _descended(self, path: str) -> Iterator[int]:
        handle = os.dup(self._handle)
        try:
            for part in filter(None, path.split("/")):
                if part in (".", ".."):
                    raise FileNotFoundError(0, "the path leads out of its folder")
                deeper = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = deeper
            yield handle
        finally:
            os.close(handle)

    def _missing(self, path: str, reason: str) -> SourceNotFound:
        return SourceNotFound(
            f"cannot read {path!r} in {self.root}",
            why=reason,
            mend="only plain files inside the folder are read, and links are not followed",
            code="N-EXCHANGE-003",
        )
