"""The files of versions between this store and a remote: which ones a version needs, there and here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets.folder_version import FolderVersion
from noria.datasets.shared_record import object_of
from noria.store import parcel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from noria.datasets.catalog import Datasets
    from noria.datasets.shared_record import Record
    from noria.datasets.version import DatasetVersion
    from noria.store.blobs import Blobs, Digest
    from noria.store.parcel import Entry
    from noria.store.remote import Remote

    Version = DatasetVersion | FolderVersion

__all__ = ["Carrier"]


class Carrier:
    """Brings the files of versions to a remote and back.

    Parameters
    ----------
    datasets, blobs : Datasets, Blobs
        Of the project.
    remote : Remote
        Where versions are shared.
    home : Path
        The store's folder, that of `blobs` in it.
    tell : callable
        Told bytes done, and how many there are.
    """

    def __init__(
        self,
        datasets: Datasets,
        blobs: Blobs,
        remote: Remote,
        home: Path,
        *,
        tell: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._datasets = datasets
        self._blobs = blobs
        self._remote = remote
        self._home = home
        self._tell = tell

    def held(self, version: Version) -> Digest:
        """Name what holds a version's rows, or its list of files."""
        return version.manifest if isinstance(version, FolderVersion) else self._datasets.held(version)

    def objects(self, version: Version, held: Digest) -> tuple[Digest, ...]:
        """Name the objects of a table's version; a folder's are found by its list."""
        return () if isinstance(version, FolderVersion) else (held, version.profile)

    def needed(self, version: Version, held: Digest) -> list[Path]:
        """Name the files a version needs, those that others need first; it must be whole.

        Raises
        ------
        BlobNotFound, CorruptedBlob
            It is not.
        """
        if isinstance(version, FolderVersion):
            return self._datasets.folders.needed(version)
        objects = self.objects(version, held)
        for digest in objects:
            if not self._blobs.is_whole(digest):
                self._blobs.get(digest)  # which says what is wrong with it
        return list(dict.fromkeys(path for digest in objects for path in reversed(self._blobs.files(digest))))

    def is_whole(self, version: Version, held: Digest) -> bool:
        """Say whether all that a version needs is here, and what it was."""
        if isinstance(version, FolderVersion):
            return self._datasets.folders.is_whole(version)
        return all(self._blobs.is_whole(digest) for digest in self.objects(version, held))

    def send(self, files: Sequence[Path], *, known: Iterable[Entry] = ()) -> list[Entry]:
        """Bring files to the remote."""
        paths = [path.relative_to(self._home).as_posix() for path in files]
        return parcel.send(
            self._remote, self._home, paths, known={entry.path: entry for entry in known}, tell=self._tell
        )

    def fetch(self, entries: Sequence[Entry]) -> None:
        """Bring files from the remote, each checked."""
        parcel.fetch(self._remote, self._home, self._blobs.root / "incoming", entries, tell=self._tell)

    def lacking(self, record: Record, objects: tuple[Digest, ...]) -> list[Entry]:
        """Name the files that have to come; what is here already is marked as wanted."""
        if objects and all(self._blobs.touch(digest) for digest in objects):
            return []
        wanted = []
        for entry in record.entries:
            digest = object_of(entry)
            here = (self._home / entry.path).exists() if digest is None else self._blobs.touch(digest)
            if not here:
                wanted.append(entry)
        return wanted
