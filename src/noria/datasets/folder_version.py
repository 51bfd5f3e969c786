"""One version of a folder of files, or of a single file: what each path held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from noria.store.blobs import Digest

__all__ = ["FolderVersion"]


@dataclass(frozen=True)
class FolderVersion:
    """A folder as it was when it was added; never changed afterwards.

    Parameters
    ----------
    name : str
        Dataset.
    number : int
        From 1.
    manifest : str
        Digest of the list of its parts; see `noria.datasets.manifest`.
    content : str
        The same for the same paths with the same contents.
    files, size : int
        How many files, and their bytes together.
    created : datetime
        When, UTC.
    source : str
        The folder, or the single file, from the project's own where it lies inside.
    parent : int, optional
        The version it was made from.
    note : str
        For people.
    single : bool
        Made of one file that was added by itself.
    """

    name: str
    number: int
    manifest: Digest
    content: Digest
    files: int
    size: int
    created: datetime
    source: str
    parent: int | None = None
    note: str = ""
    single: bool = False

    @property
    def ref(self) -> str:
        """``name@number``."""
        return f"{self.name}@{self.number}"

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "kind": "folder",
            "name": self.name,
            "number": self.number,
            "ref": self.ref,
            "manifest": self.manifest,
            "content": self.content,
            "files": self.files,
            "bytes": self.size,
            "created": self.created.isoformat(),
            "source": self.source,
            "parent": self.parent,
            "note": self.note,
            "single": self.single,
        }
