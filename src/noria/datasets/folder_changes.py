"""What differs between two states of a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.datasets.manifest import Entry

__all__ = ["FolderChanges", "compare", "shown_path"]


@dataclass(frozen=True)
class FolderChanges:
    """Paths by what became of them, with sizes in bytes.

    Parameters
    ----------
    added, removed : dict
        Path to size.
    changed : dict
        Path to sizes before and after.
    """

    added: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    changed: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether anything differs."""
        return bool(self.added or self.removed or self.changed)

    def to_json(self) -> dict[str, object]:
        r"""Give the fields as JSON; bytes of a name that are no text stand as ``\xNN``."""
        return {
            "added": {shown_path(path): size for path, size in sorted(self.added.items())},
            "removed": {shown_path(path): size for path, size in sorted(self.removed.items())},
            "changed": {shown_path(path): list(sizes) for path, sizes in sorted(self.changed.items())},
        }


def compare(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> FolderChanges:
    """Say what became of each path.

    Examples
    --------
    >>> from noria.datasets.manifest import Entry
    >>> compare({"a": Entry(1, "0"), "b": Entry(2, "1")}, {"b": Entry(3, "2"), "c": Entry(4, "3")})
    FolderChanges(added={'c': 4}, removed={'a': 1}, changed={'b': (2, 3)})
    """
    return FolderChanges(
        added={path: entry.size for path, entry in new.items() if path not in old},
        removed={path: entry.size for path, entry in old.items() if path not in new},
        changed={
            path: (old[path].size, entry.size) for path, entry in new.items() if path in old and old[path] != entry
        },
    )


def shown_path(path: str) -> str:
    r"""Write a path so that it can be printed wherever text can.

    Examples
    --------
    >>> shown_path("a\udcff")
    'a\\xff'
    """
    return path if path.isascii() else path.encode(errors="surrogateescape").decode(errors="backslashreplace")
