"""What `Blobs` is for those that write into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from noria.errors import StoreUnavailable
    from noria.store.deltas import Deltas
    from noria.store.digest import Digest

__all__ = ["Objects"]


class Objects(Protocol):
    """What `Blobs` is asked for here."""

    root: Path
    deltas: Deltas

    def has(self, digest: Digest) -> bool:
        """Say whether an object is there."""

    def is_whole(self, digest: Digest) -> bool:
        """Read an object, and say whether it is what it was."""

    def touch(self, digest: Digest) -> bool:
        """Say that an object is wanted; False where it has gone."""

    def pieces(self, digest: Digest) -> Iterator[bytes]:
        """Read an object."""

    def table(self, digest: Digest) -> pa.Table:
        """Read an object's rows."""

    def place(self, temporary: Path, digest: Digest) -> None:
        """Give a file that is whole and durable the name of its digest."""

    def unwritable(self, error: OSError) -> StoreUnavailable:
        """Make the error of a store that cannot be written."""
