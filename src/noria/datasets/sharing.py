"""Versions for colleagues: what one needs goes to a remote, then its record; and comes back, every byte proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.datasets.carrying import Carrier
from noria.datasets.folder_version import FolderVersion
from noria.datasets.remote_catalog import RemoteCatalog
from noria.errors import Conflict, DatasetNotFound, NotAllowed
from noria.store import parcel
from noria.store.occupancy import together
from noria.store.remote import NotThere
from noria.store.remote_lease import together_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from noria.datasets.catalog import Datasets
    from noria.datasets.shared_record import Record
    from noria.datasets.version import DatasetVersion
    from noria.store.blobs import Blobs, Digest
    from noria.store.parcel import Entry
    from noria.store.remote import Remote

    Version = DatasetVersion | FolderVersion

__all__ = ["Shared", "Sharing"]

_LOOKED_AT = 8
"""Newest versions of a dataset on the remote whose files need not be read again: a version's base is among these."""

_ATTEMPTS = 5


@dataclass(frozen=True)
class Shared:
    """What sharing a version did.

    Parameters
    ----------
    ref : str
        The version.
    new : bool
        False where it was there already, and whole.
    files, bytes : int
        Files it needed to have brought, and their size.
    gone : tuple of str
        Objects whose place others have taken here, as rows were erased there: they are to be let go.
    """

    ref: str
    new: bool
    files: int
    bytes: int
    gone: tuple[Digest, ...] = ()


class Sharing:
    """Brings versions to a remote and back.

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
    guard : callable
        Given each version that is about to be brought there; raises what it has against it.
    """

    def __init__(
        self,
        datasets: Datasets,
        blobs: Blobs,
        remote: Remote,
        home: Path,
        *,
        tell: Callable[[int, int], None] = lambda _done, _all: None,
        guard: Callable[[Version], None] = lambda _version: None,
    ) -> None:
        self._datasets = datasets
        self._remote = remote
        self._guard = guard
        self._carrier = Carrier(datasets, blobs, remote, home, tell=tell)
        self.catalog = RemoteCatalog(remote)

    def refs(self) -> list[tuple[str, int]]:
        """List what is on the remote: dataset and number."""
        return self.catalog.refs()

    def push(self, version: Version, *, name: str | None = None) -> Shared:
        """Bring a version to the remote: the files it needs, then its record.

        Parameters
        ----------
        version : DatasetVersion or FolderVersion
            Which.
        name : str, optional
            Dataset it goes under there; its own, when left out.

        Raises
        ------
        Conflict
            The remote has another version of this name and number. Nothing of it is touched.
        BlobNotFound, CorruptedBlob
            The version is not whole here. Nothing of it is recorded there.
        NotAllowed
            It holds what was erased from the remote, or was removed there.
        StoreBusy
            Somebody takes away there what nobody needs, and does not come to an end.
        """
        name = name or version.name
        ref = f"{name}@{version.number}"
        there = self.catalog.record(name, version.number)
        if there is not None:
            self._same(version, there, "push")
            return Shared(ref, new=False, files=0, bytes=0)
        with together_on(self._remote) as lease:
            self._guard(version)
            with together(self._datasets.folders.lock):  # a sweep would write packs anew under our hands
                held = self._carrier.held(version)
                files = self._carrier.needed(version, held)
                self._refuse_gone(version, held, files)
                known = self._known(name)
                entries = self._carrier.send(files, known=known)
                if not self.catalog.add(version, held, entries, name=name):
                    there = self.catalog.record(name, version.number)
                    if there is not None:
                        self._same(version, there, "push")
                elif not lease.is_held():
                    self._prove(version, held, files, name)
        there_before = set(known)
        sent = [entry for entry in entries if entry not in there_before]
        return Shared(ref, new=True, files=len(sent), bytes=parcel.total(sent))

    def pull(self, dataset: str, number: int | None = None, *, name: str | None = None) -> Shared:
        """Bring a version from the remote: the files it needs, checked, then its row in the catalog.

        Where rows were erased there, a version that is here holds no more than the remote's from then on.

        Parameters
        ----------
        dataset, number : str, int
            Which; the newest there, when `number` is left out.
        name : str, optional
            Dataset it gets here; its own, when left out.

        Raises
        ------
        DatasetNotFound
            The remote has no such version.
        Conflict
            Another version of this name and number is here, and nothing of it is touched; or the version is being
            rewritten there.
        CorruptedBlob
            What the remote has is damaged.
        """
        if number is None:
            number = max(self.catalog.numbers(dataset), default=0)
        seen = None
        for _ in range(_ATTEMPTS):
            record = self.catalog.record(dataset, number, name)
            if record is None:
                raise self._missing(dataset, number)
            try:
                return self._pulled(record)
            except NotThere:
                if record == seen:
                    raise  # it is not that the version was rewritten meanwhile: parts of it are missing
                seen = record
        raise self._rewritten(f"{dataset}@{number}")

    def remove(self, name: str, number: int) -> None:
        """Take a version of a folder from the remote; nobody brings its content there again.

        Unless another version there has just that content: then only the record goes.

        Raises
        ------
        DatasetNotFound
            It is not there.
        NotAllowed
            It is a table's, which runs and models name.
        """
        record = self.catalog.record(name, number)
        if record is None:
            raise self._missing(name, number)
        if not isinstance(record.version, FolderVersion):
            raise NotAllowed(
                f"{name}@{number} is a table's version, and stays: runs and models name it",
                mend="noria data erase --subject ID     takes a person's rows out of it",
                code="N-DATA-095",
            )
        ref = record.version.ref
        if not any(other.held == record.held and other.version.ref != ref for other in self.catalog.all()):
            self.catalog.forbid(record.held)
        self.catalog.remove(name, number)

    def _pulled(self, record: Record) -> Shared:
        gone = self.catalog.gone()
        if record.held in gone:
            raise self._rewritten(record.version.ref)
        here = self._here(record.version)
        version, held = record.version, record.held
        old: tuple[Digest, ...] = ()
        if here is not None:
            self._same(here, record, "pull")
            mine = self._carrier.held(here)
            if mine not in gone:  # what was erased here, and not there yet, does not come back
                version, held = here, mine
            else:
                old = self._carrier.objects(here, mine)
        with together(self._datasets.folders.lock):  # until the row is there, nobody knows what came for
            wanted = self._carrier.lacking(record, self._carrier.objects(version, held))
            if wanted:
                self._carrier.fetch(wanted)
            if not self._carrier.is_whole(version, held):
                # Something that was here is damaged: what comes from the remote takes its place.
                wanted = list(record.entries)
                self._carrier.fetch(wanted)
                self._carrier.needed(version, held)
            if here is None:
                self._adopt(version, held)
            elif old and not isinstance(version, FolderVersion):
                self._datasets.supersede(version, held=held)
        is_new = here is None or bool(old)
        return Shared(version.ref, new=is_new, files=len(wanted), bytes=parcel.total(wanted), gone=old)

    def _prove(self, version: Version, held: Digest, files: Sequence[Path], name: str) -> None:
        """Bring again what may have been taken away under our hands, as we were so slow that we were thought dead."""
        try:
            self._refuse_gone(version, held, files)
        except NotAllowed:
            self.catalog.remove(name, version.number)
            raise
        self._carrier.send(files)

    def _refuse_gone(self, version: Version, held: Digest, files: Sequence[Path]) -> None:
        gone = self.catalog.gone()
        needed = {held, *(path.name.partition(".")[0] for path in files)}
        if not gone & needed:
            return
        if isinstance(version, FolderVersion):
            raise NotAllowed(
                f"{version.ref} was removed from {self._remote.address}, and is not brought there again",
                mend=f"noria data remove {version.ref} --yes     here as well; or, where that was a mistake,\n"
                f"delete erased/objects/{held} there",
                code="N-DATA-091",
            )
        raise NotAllowed(
            f"{version.ref} needs rows that were erased from {self._remote.address}",
            why="they are those of people who were erased since, or the version is kept as what it adds to such rows",
            mend="noria data erase --finish     takes them out here too; or noria data pull, which brings what is left",
            code="N-DATA-092",
        )

    def _rewritten(self, ref: str) -> Conflict:
        return Conflict(
            f"{ref} on the remote is being written anew, as people were erased from it",
            mend="wait until whoever erases them is done, or finish it: noria data erase --finish",
            code="N-DATA-093",
        )

    def _adopt(self, version: Version, held: Digest) -> None:
        if isinstance(version, FolderVersion):
            self._datasets.folders.catalog.adopt(version)
        else:
            self._datasets.adopt(version, held=held)

    def _here(self, version: Version) -> Version | None:
        try:
            if isinstance(version, FolderVersion):
                return self._datasets.folders.catalog.get(version.name, version.number)
            return self._datasets.get(version.name, version.number)
        except DatasetNotFound:
            return None

    def _known(self, name: str) -> list[Entry]:
        return [entry for record in self.catalog.recent(name, _LOOKED_AT) for entry in record.entries]

    def _same(self, mine: Version, there: Record, where: str) -> None:
        if there.is_of(mine):
            return
        theirs = there.version
        raise Conflict(
            f"{theirs.ref} on the remote is another version than {mine.ref} here",
            why=f"here {_size(mine)} from {mine.created:%Y-%m-%d %H:%M}, "
            f"there {_size(theirs)} from {theirs.created:%Y-%m-%d %H:%M}",
            mend=f"noria data {where} {mine.ref} --as {mine.name}-{'theirs' if where == 'pull' else 'mine'}",
            code="N-DATA-080",
        )

    def _missing(self, dataset: str, number: int) -> DatasetNotFound:
        there = [f"{name}@{known}" for name, known in self.refs()]
        return DatasetNotFound(
            f"the remote has no {dataset}@{number}" if number else f"the remote has no dataset {dataset!r}",
            why=f"it has {', '.join(there[-20:])}" if there else f"nothing has been pushed to {self._remote.address}",
            mend="noria data push     on the machine that has it",
            code="N-DATA-081",
        )


def _size(version: Version) -> str:
    return f"{version.files:,} files" if isinstance(version, FolderVersion) else f"{version.rows:,} rows"
