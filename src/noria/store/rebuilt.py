"""Whole files of objects that are kept as deltas, for readers that map a file; they can be made again at any time."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from noria.store.files import TEMPORARY_PREFIX, replacing

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Rebuilt"]

_MOST = 16 << 30
_FRESH_SECONDS = 600.0


class Rebuilt:
    """The folder of them, kept under a size.

    Parameters
    ----------
    root : Path
        The folder.
    most : int
        Bytes it may hold, beside what was asked for in the last ten minutes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Rebuilt(Path(folder)).keep("ab12", [b"ro", b"ws"]).read_bytes()
    b'rows'
    """

    def __init__(self, root: Path, most: int = _MOST) -> None:
        self._root = root
        self._most = most

    def find(self, digest: str) -> Path | None:
        """Give the file of an object if it has been made, and keep it for a while."""
        path = self._root / digest
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def keep(self, digest: str, pieces: Iterable[bytes]) -> Path:
        """Make the file of an object from its bytes."""
        path = self._root / digest
        with replacing(path, mode=0o444) as file:
            for piece in pieces:
                file.write(piece)
        self.shrink(self._most)
        return path

    def drop(self, digest: str) -> None:
        """Forget the file of an object."""
        (self._root / digest).unlink(missing_ok=True)

    def shrink(self, most: int = 0) -> int:
        """Remove files until no more than so many bytes are held, and give how many went.

        The longest unused go first; who asked for one in the last ten minutes may not have opened it yet.
        """
        held, freed = [], 0
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(self._root):
                with suppress(FileNotFoundError):
                    found = entry.stat()
                    held.append((found.st_mtime, found.st_size, Path(entry.path)))
        total = sum(size for _, size, _ in held)
        for used, size, path in sorted(held):
            if total - freed <= most or time.time() - used < _FRESH_SECONDS:
                break
            if path.name.startswith(TEMPORARY_PREFIX) and time.time() - used < 24 * 3600:
                continue
            path.unlink(missing_ok=True)
            freed += size
        return freed
