"""Versions of folders of files: images, recordings, anything that is no table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from noria.datasets import checkout as checking_out
from noria.datasets import folder_audit, recording, sweeping
from noria.datasets.folder_catalog import FolderCatalog
from noria.datasets.folder_changes import FolderChanges, compare
from noria.datasets.folder_needs import manifest_files
from noria.datasets.manifest import Entry, entries, read
from noria.datasets.working import WorkingFolder
from noria.errors import BlobNotFound, CorruptedBlob
from noria.store.contents import Contents
from noria.store.stat_cache import StatCache

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from noria.datasets.checkout import CheckedOut
    from noria.datasets.folder_audit import PackAudit
    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.recording import Added, FolderStatus
    from noria.datasets.sweeping import Swept
    from noria.store.blobs import Blobs, Digest
    from noria.store.database import Database

__all__ = ["Folders"]


class Folders:
    """The folders of a project; versions themselves are looked up in `catalog`.

    Parameters
    ----------
    database : Database
        Holds what is known of each version.
    blobs : Blobs
        Holds large files; packs of small ones lie beside it.
    root : Path
        The project's folder.

    Examples
    --------
    >>> import tempfile
    >>> from noria.store.blobs import Blobs
    >>> from noria.store.database import Database, metadata
    >>> with tempfile.TemporaryDirectory() as root:
    ...     database = Database(f"sqlite:///{root}/noria.db")
    ...     with database.transaction() as connection:
    ...         metadata.create_all(connection)
    ...     folders = Folders(database, Blobs(Path(root) / "objects"), Path(root))
    ...     (Path(root) / "images").mkdir()
    ...     _ = (Path(root) / "images" / "a.png").write_bytes(b"png")
    ...     version = folders.add(Path(root) / "images").version
    ...     version.ref, sorted(folders.files(version)), folders.checkout(version, Path(root) / "copy").written
    ('images@1', ['a.png'], ['a.png'])
    """

    def __init__(self, database: Database, blobs: Blobs, root: Path) -> None:
        home = blobs.root.parent
        self.catalog = FolderCatalog(database)
        self._root = root.resolve()
        self._contents = Contents(home, blobs)
        self._cache = StatCache(home / "folders.db")

    def add(
        self,
        folder: Path,
        *,
        name: str | None = None,
        note: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> Added:
        """Keep a folder as a version: see `noria.datasets.recording.add`."""
        return recording.add(
            self._working(folder), self.catalog, self._contents, name=name, note=note, progress=progress
        )

    def status(self, folder: Path, *, name: str | None = None) -> FolderStatus:
        """Say what has changed in a folder: see `noria.datasets.recording.status`."""
        return recording.status(self._working(folder), self.catalog, self._contents, name=name)

    def checkout(
        self,
        version: FolderVersion,
        into: Path | None = None,
        *,
        force: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> CheckedOut:
        """Make a folder what it was in a version: see `noria.datasets.checkout.checkout`."""
        working = self._target(version, into)
        return checking_out.checkout(version, working, self.catalog, self._contents, force=force, progress=progress)

    def restore(
        self, version: FolderVersion, paths: Collection[str], into: Path | None = None, *, force: bool = False
    ) -> CheckedOut:
        """Get single files back: see `noria.datasets.checkout.restore`."""
        working = self._target(version, into)
        return checking_out.restore(version, paths, working, self.catalog, self._contents, force=force)

    def home(self, version: FolderVersion) -> Path:
        """Give the folder, or the single file, that a version came from."""
        return self._root / version.source

    def files(self, version: FolderVersion) -> dict[str, Entry]:
        """Give each path of a version with its size and digest."""
        return entries(read(version.manifest, self._contents.get), self._contents.get)

    def read(self, version: FolderVersion, path: str) -> bytes:
        """Read one file of a version, checked.

        Raises
        ------
        KeyError
            The version has no such path.
        """
        return self._contents.get(self.files(version)[path].digest)

    def diff(self, old: FolderVersion, new: FolderVersion) -> FolderChanges:
        """Say which paths differ between two versions; parts that are the same are not read."""
        one, two = (read(version.manifest, self._contents.get) for version in (old, new))
        both = {part.mark for part in one.parts} & {part.mark for part in two.parts}
        return compare(entries(one, self._contents.get, but=both), entries(two, self._contents.get, but=both))

    def named(self) -> set[Digest]:
        """Name everything that versions of folders are made of: see `noria.datasets.sweeping.mark`."""
        return sweeping.mark(self.catalog, self._contents)

    def needed(self, version: FolderVersion) -> list[Path]:
        """Name the store's files that hold a version, those that others need first; every content is read and checked.

        Raises
        ------
        BlobNotFound, CorruptedBlob
            One of its contents is not here, or no longer what it was.
        """
        return manifest_files(version.manifest, self._contents)

    def is_whole(self, version: FolderVersion) -> bool:
        """Say whether every content of a version is here and what it was; reads them all."""
        try:
            self.needed(version)
        except (BlobNotFound, CorruptedBlob):
            return False
        return True

    @property
    def lock(self) -> Path:
        """Whoever deletes objects holds this alone: see `noria.store.occupancy`."""
        return self._contents.lock

    def sweep(
        self,
        also_named: Collection[Digest],
        *,
        grace_seconds: float = sweeping.GRACE_SECONDS,
        dry_run: bool = False,
    ) -> Swept:
        """Remove what nothing names: see `noria.datasets.sweeping.sweep`."""
        return sweeping.sweep(
            self.catalog,
            self._contents,
            self._cache,
            also_named=also_named,
            grace_seconds=grace_seconds,
            dry_run=dry_run,
        )

    def audit(self) -> PackAudit:
        """Read every pack: see `noria.datasets.folder_audit.audit_packs`."""
        return folder_audit.audit_packs(self._contents)

    def lacking(self, audit: PackAudit, damaged: Collection[Digest]) -> list[dict[str, str]]:
        """Say which versions lack what: see `noria.datasets.folder_audit.lacking`."""
        return folder_audit.lacking(self.catalog, self._contents, audit, damaged)

    def quarantine(self, audit: PackAudit, damaged: Collection[Digest]) -> list[Path]:
        """Set aside what is damaged: see `noria.datasets.folder_audit.quarantine`."""
        return folder_audit.quarantine(self._contents, self._cache, audit, damaged)

    def _working(self, path: Path) -> WorkingFolder:
        """Work in a folder, or with a file: what is neither any more is what it was when it was added."""
        if path.is_dir() and not path.is_symlink():
            return WorkingFolder(path, self._root, self._cache)
        one = WorkingFolder(path.parent, self._root, self._cache, single=path.name)
        made = self.catalog.from_source(one.key)
        is_single = made.single if made is not None else not path.is_dir()
        return one if is_single else WorkingFolder(path, self._root, self._cache)

    def _target(self, version: FolderVersion, into: Path | None) -> WorkingFolder:
        place = self.home(version) if into is None else into
        if not version.single:
            return WorkingFolder(place, self._root, self._cache)
        if into is not None and into.is_dir():
            place = into / Path(version.source).name
        return WorkingFolder(place.parent, self._root, self._cache, single=place.name)
