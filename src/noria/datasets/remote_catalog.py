"""Which versions a remote has: one record each, written once; one that must say something else gets a successor."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from noria.datasets.shared_record import PLACE, place_of, read_record, write_record
from noria.errors import Conflict
from noria.store.parcel import patiently
from noria.store.remote import NotThere

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.shared_record import Record
    from noria.datasets.version import DatasetVersion
    from noria.store.blobs import Digest
    from noria.store.parcel import Entry
    from noria.store.remote import Remote

__all__ = ["RemoteCatalog"]

_GONE = "erased/objects"
_ATTEMPTS = 10


class RemoteCatalog:
    """The records of a remote.

    Parameters
    ----------
    remote : Remote
        Where versions are shared.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    def refs(self) -> list[tuple[str, int]]:
        """List what is there: dataset and number."""
        return sorted(self._newest("versions"))

    def numbers(self, name: str) -> list[int]:
        """List the versions of a dataset."""
        return sorted(number for called, number in self._newest(f"versions/{name}") if called == name)

    def record(self, name: str, number: int, called: str | None = None) -> Record | None:
        """Read the record of a version, or give None where there is none.

        Parameters
        ----------
        name, number : str, int
            Which.
        called : str, optional
            Dataset the version is to have; its own, when left out.

        Raises
        ------
        CorruptedBlob
            It cannot be read.
        """
        for _ in range(_ATTEMPTS):
            turn = self._newest(f"versions/{name}").get((name, number))
            if turn is None:
                return None
            with suppress(NotThere):  # it has just got a successor
                return self._read(name, number, turn, called)
        raise _moving(f"{name}@{number}")

    def recent(self, name: str, count: int) -> Iterator[Record]:
        """Read the records of a dataset's newest versions; one that gets a successor this instant is left out."""
        newest = sorted((number, turn) for (called, number), turn in self._newest(f"versions/{name}").items())
        for number, turn in newest[-count:]:
            with suppress(NotThere):
                yield self._read(name, number, turn)

    def all(self) -> Iterator[Record]:
        """Read all records that were there when it began; what is there is listed once."""
        for (name, number), turn in sorted(self.newest().items()):
            try:
                found: Record | None = self._read(name, number, turn)
            except NotThere:  # it has just got a successor, or was taken away
                found = self.record(name, number)
            if found is not None:
                yield found

    def add(
        self, version: DatasetVersion | FolderVersion, held: Digest, entries: Sequence[Entry], *, name: str
    ) -> bool:
        """Write the record of a version; False, and nothing done, where another was first."""
        data = write_record(version, held, entries, name=name)
        return patiently(partial(self.remote.put_new, place_of(name, version.number, 1), data))

    def replace(self, version: DatasetVersion | FolderVersion, held: Digest, entries: Sequence[Entry]) -> None:
        """Let a version that is there be something else from now on; who reads meanwhile gets the one or the other.

        The record that was there before stays until `tidy`.

        Raises
        ------
        Conflict
            Somebody else does it at the same moment.
        """
        name, number = version.name, version.number
        turn = self._newest(f"versions/{name}").get((name, number), 0)
        data = write_record(version, held, entries, name=name)
        if not patiently(partial(self.remote.put_new, place_of(name, number, turn + 1), data)):
            raise _moving(version.ref)

    def tidy(self) -> None:
        """Take away records that have a successor."""
        places = self._places("versions")
        newest = _newest_of(places)
        for name, number, turn in places:
            if turn < newest[name, number]:
                patiently(partial(self.remote.delete, place_of(name, number, turn)))

    def remove(self, name: str, number: int) -> None:
        """Take a version away."""
        for called, there, turn in sorted(self._places(f"versions/{name}"), reverse=True):
            if (called, there) == (name, number):
                patiently(partial(self.remote.delete, place_of(name, number, turn)))

    def gone(self) -> set[str]:
        """Name the objects that nobody may bring again, or take."""
        return {name.rpartition("/")[2] for name in patiently(lambda: list(self.remote.names(_GONE)))}

    def forbid(self, digest: Digest) -> None:
        """Let nobody bring an object again, or take it."""
        patiently(partial(self.remote.put_new, f"{_GONE}/{digest}", b""))

    def newest(self) -> dict[tuple[str, int], int]:
        """Give each version's dataset and number with the turn of the record that holds."""
        return self._newest("versions")

    def _newest(self, prefix: str) -> dict[tuple[str, int], int]:
        return _newest_of(self._places(prefix))

    def _read(self, name: str, number: int, turn: int, called: str | None = None) -> Record:
        place = place_of(name, number, turn)
        return read_record(patiently(partial(self.remote.get, place)), place, called)

    def _places(self, prefix: str) -> list[tuple[str, int, int]]:
        names = patiently(lambda: list(self.remote.names(prefix)))
        found = [PLACE.fullmatch(name) for name in names]
        return [(one[1], int(one[2]), int(one[3] or 1)) for one in found if one is not None]


def _newest_of(places: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for name, number, turn in places:
        found[name, number] = max(turn, found.get((name, number), 0))
    return found


def _moving(ref: str) -> Conflict:
    return Conflict(
        f"the record of {ref} on the remote is being changed by others all the time",
        mend="run it again",
        code="N-DATA-090",
    )
