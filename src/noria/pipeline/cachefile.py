"""A small JSON file of things that can be found out again; losing it costs time, never a result."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from noria.errors import StoreUnavailable
from noria.store.files import write_atomic

__all__ = ["CacheFile", "Stamp", "settled", "stamp"]

Stamp = list[int]
"""Modification time, change time (ns), size and inode: equal stamps mean an untouched file."""

_SETTLED_NS = 2_000_000_000


class CacheFile:
    """Entries by name, kept between processes.

    Parameters
    ----------
    path : Path
        The file. One that is missing, damaged or of another version is an empty one.
    version : str
        What the entries' meaning depends on: the layout, the Python version.
    """

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._version = version
        self._entries: dict[str, object] | None = None
        self._changed = False

    @property
    def entries(self) -> dict[str, object]:
        """What is remembered; read at first use."""
        if self._entries is None:
            self._entries = {}
            with suppress(OSError, ValueError, AttributeError):
                content = json.loads(self._path.read_bytes())
                if content.get("version") == self._version:
                    self._entries = dict(content["entries"])
        return self._entries

    def get(self, name: str) -> object:
        """Recall an entry, or None."""
        return self.entries.get(name)

    def put(self, name: str, entry: object) -> None:
        """Remember an entry of JSON values."""
        if self.entries.get(name) != entry:
            self.entries[name] = entry
            self._changed = True

    def drop(self, name: str) -> None:
        """Forget an entry."""
        if self.entries.pop(name, None) is not None:
            self._changed = True

    def save(self) -> None:
        """Write what changed; a folder that cannot be written only means finding out again."""
        if self._changed:
            with suppress(StoreUnavailable):
                write_atomic(self._path, json.dumps({"version": self._version, "entries": self.entries}))
            self._changed = False


def stamp(path: Path | str) -> Stamp | None:
    """Give a file's stamp, or None when there is no such file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return [found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino]


def settled(found: Stamp, now_ns: int) -> bool:
    """Say whether a file is old enough to be remembered by its stamp.

    One that was written just now may be written again within the same tick of the file system's clock,
    with the same size: its stamp would not tell.
    """
    return now_ns - max(found[0], found[1]) > _SETTLED_NS
