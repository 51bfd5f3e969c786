"""Erasure on a remote: what colleagues share holds nobody who was erased, and nobody brings such rows there again.

The order of its writes makes every kill harmless. The people come first: from then on nobody who has the list brings
rows of theirs. Then, with nobody else at work there, the objects that hold their rows are forbidden, the versions get
records that name others, and what no record needs goes. At last the people are marked as done; until then any clone
that has erased them goes on with it, at its next push or pull.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.datasets.carrying import Carrier
from noria.datasets.folder_version import FolderVersion
from noria.datasets.remote_catalog import RemoteCatalog
from noria.datasets.remote_sweeping import take_away
from noria.datasets.shared_record import object_of
from noria.errors import Conflict, DatasetNotFound, NotAllowed, WrongSetting
from noria.governance.erased import history, keyless, leave_out, people_of
from noria.governance.people_there import PeopleThere, Person
from noria.governance.tables import erasures
from noria.security.pseudonyms import VARIABLE, confirmed, known, remember
from noria.store.blobs import Digest
from noria.store.occupancy import together
from noria.store.remote_lease import alone_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import pyarrow as pa

    from noria.datasets.shared_record import Record
    from noria.datasets.version import DatasetVersion
    from noria.governance.erased import Erasure
    from noria.governance.search import Places
    from noria.security.pseudonyms import Pseudonyms
    from noria.store.remote import Remote

__all__ = ["RemoteErasure"]

_PATIENCE_SECONDS = 120.0
_T = erasures.c


@dataclass(frozen=True)
class _Less:
    """A version as it is to be from now on."""

    record: Record
    version: DatasetVersion
    held: Digest


class RemoteErasure:
    """Keeps a remote and a project of one mind about who was erased.

    Parameters
    ----------
    places : Places
        The project.
    remote : Remote
        Where it shares versions.
    at : datetime
        When.
    tell : callable
        Told bytes done, and how many there are.
    """

    def __init__(
        self,
        places: Places,
        remote: Remote,
        *,
        at: datetime,
        tell: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self.remote = remote
        self._places, self._at = places, at
        self._there = PeopleThere(remote)
        self._catalog = RemoteCatalog(remote)
        self._carrier = Carrier(places.datasets, places.blobs, remote, places.store, tell=tell)

    def learn(self) -> int:
        """Put those whom colleagues have erased on this project's list; say how many are new on it.

        Their rows here go when the erasure is finished; no run reads them from now on. Those who were erased under
        another key than this project's cannot be told from others here: `guard` sees to them.
        """
        return self._learn(self._there.marks())

    def _learn(self, there: Mapping[str, set[str]]) -> int:
        names = known(self._places.store)
        mark = min(there, default=None) if names is None and len(there) == 1 else names.mark if names else None
        if mark is None or mark not in there:
            return 0
        mine = {person.id for person in self._people()}
        new = [self._there.get(mark, person) for person in sorted(there[mark] - mine)]
        for person in new:
            self._list(person)
        if new:
            remember(mark, self._places.database, self._places.project, at=self._at)
        return len(new)

    def is_behind(self) -> bool:
        """Say whether anybody on the list has still to be taken out of this project."""
        return not all(_is_out(each) for each in history(self._places.database, self._places.project))

    def owed(self) -> set[Person]:
        """Name those on the list who may still be in versions there."""
        people = set(self._people())
        names = known(self._places.store)
        if not people or names is None:
            return people
        done = self._there.done(names.mark)
        return {person for person in people if person.id not in done}

    def may_return(self) -> bool:
        """Say whether anybody who is out of this project already may still be in versions there."""
        erased = history(self._places.database, self._places.project)
        out = {Person(each.column, each.subject) for each in erased if _is_out(each)}
        return bool(out) and not out.isdisjoint(self.owed())

    def guard(self, version: DatasetVersion | FolderVersion) -> None:
        """Refuse to bring a version there that holds people who were erased.

        Raises
        ------
        NotAllowed
            It does.
        WrongSetting
            The key that would tell is not here.
        """
        there = self._there.marks()
        self._learn(there)
        if isinstance(version, FolderVersion):
            return
        self._refuse_other_keys(set(version.schema.names), there)
        people = people_of(self._places.database, self._places.project)
        if not people.keys() & set(version.schema.names):
            return
        kept, rows = leave_out(self._places.datasets.read(version), people, self._names())
        del kept
        if rows:
            raise NotAllowed(
                f"{version.ref} has {rows:,} rows of people who were erased, and is not brought to "
                f"{self.remote.address}",
                mend="noria data erase --finish     takes them out here; then push it",
                code="N-GOVERNANCE-021",
            )

    def settle(self) -> list[str]:
        """Take everybody who was erased here out of what was pushed; name the versions that were written anew.

        No version here may still hold them.

        Raises
        ------
        StoreBusy
            Others are at work there, and do not come to an end.
        WrongSetting
            The key is not here.
        CorruptedBlob, RemoteUnavailable
            What is there cannot be read. It is gone on with next time.
        """
        names, people = self._names(), self._people()
        for person in people:
            self._there.add(names.mark, person)
        with alone_on(self.remote, patience_seconds=_PATIENCE_SECONDS) as lease:
            written = self._write_anew()
            if not lease.is_held():
                raise Conflict(
                    f"erasing from {self.remote.address} took so long without a sign that others went on",
                    mend="noria data erase --finish",
                    code="N-GOVERNANCE-022",
                )
            # Also what somebody left who was cut off while pushing: nobody can say whose rows those are.
            take_away(self._catalog, grace_seconds=0.0)
        for person in people:
            self._there.mark_done(names.mark, person)
        return written

    def _write_anew(self) -> list[str]:
        all_ = list(self._catalog.all())
        records = {one.version.ref: one for one in all_ if not isinstance(one.version, FolderVersion)}
        # A folder's file may be a table's as well: it is somebody's own, and stays.
        own = {object_of(entry) for one in all_ if isinstance(one.version, FolderVersion) for entry in one.entries}
        before = set(self._places.blobs)
        with together(self._places.datasets.folders.lock):
            less = {ref: found for ref, record in records.items() if (found := self._less(record)) is not None}
            gone = self._gone(records, less) - own
            # A killed erasure may have come so far as to forbid objects that others are still kept against.
            touched = [
                record
                for ref, record in records.items()
                if ref not in less and gone & {object_of(entry) for entry in record.entries}
            ]
            for record in touched:
                self._bring(record)
            mine = self._named_here()
            for digest in sorted(gone):
                self._catalog.forbid(digest)
                if digest not in mine:
                    self._places.blobs.erase(digest)  # what is kept against it is kept whole from now on
            for record in touched:
                self._record_anew(record.version, record.held)
            for found in less.values():
                self._record_anew(found.version, found.held)
        self._catalog.tidy()
        self._forget(set(self._places.blobs) - before)
        return sorted(less)

    def _gone(self, records: Mapping[str, Record], less: Mapping[str, _Less]) -> set[Digest]:
        """Name the objects that nobody may have any longer."""
        gone = {Digest(digest) for digest in self._catalog.gone()}
        for ref, record in records.items():
            found = less.get(ref)
            if found is not None:
                gone |= set(self._carrier.objects(record.version, record.held))
        for ref, record in records.items():
            found = less.get(ref)
            version, held = (record.version, record.held) if found is None else (found.version, found.held)
            gone -= set(self._carrier.objects(version, held))
        return gone

    def _less(self, record: Record) -> _Less | None:
        """Say what a version is to be; None where nobody in it was erased."""
        version = record.version
        people = people_of(self._places.database, self._places.project)
        if isinstance(version, FolderVersion) or not people.keys() & set(version.schema.names):
            return None
        here = self._here(version)
        held = None if here is None else self._places.datasets.held(here)
        if here is not None and held not in (None, record.held) and record.held == version.digest:
            return _Less(record, here, held)  # erased from here, and from nowhere else before
        kept, rows = leave_out(self._rows(record), people, self._names())
        if not rows:
            return None
        return _Less(record, *self._places.datasets.lessened(version, kept))

    def _rows(self, record: Record) -> pa.Table:
        self._bring(record)
        return self._places.datasets.rows(record.held)

    def _bring(self, record: Record) -> None:
        """Fetch what a version needs; it gets no row in the catalog."""
        version = record.version
        wanted = self._carrier.lacking(record, self._carrier.objects(version, record.held))
        if wanted:
            self._carrier.fetch(wanted)
        if not self._carrier.is_whole(version, record.held):
            self._carrier.fetch(list(record.entries))

    def _record_anew(self, version: DatasetVersion | FolderVersion, held: Digest) -> None:
        entries = self._carrier.send(self._carrier.needed(version, held))
        self._catalog.replace(version, held, entries)

    def _forget(self, brought: set[Digest]) -> None:
        """Delete what came only to be looked at."""
        blobs = self._places.blobs
        for digest in sorted(brought - self._named_here(), key=lambda one: -blobs.deltas.depth(one)):
            blobs.discard(digest, unused_since=float("inf"))

    def _named_here(self) -> set[Digest]:
        datasets = self._places.datasets
        versions = [version for name in datasets.names() for version in datasets.versions(name)]
        tables = {digest for version in versions for digest in datasets.objects(version)}
        return tables | datasets.folders.named()

    def _here(self, version: DatasetVersion) -> DatasetVersion | None:
        try:
            found = self._places.datasets.get(version.name, version.number)
        except DatasetNotFound:
            return None
        return found if found.digest == version.digest else None

    def _people(self) -> list[Person]:
        found = people_of(self._places.database, self._places.project)
        return [Person(column, subject) for column in sorted(found) for subject in sorted(found[column])]

    def _names(self) -> Pseudonyms:
        names = known(self._places.store)
        if names is None:
            raise keyless()
        return confirmed(names, self._places.database, self._places.project, at=self._at)

    def _list(self, person: Person) -> None:
        row = {
            "id": uuid.uuid4().hex,
            "project": self._places.project,
            "column": person.column,
            "subject": person.subject,
            "actor": "a colleague",
            "reason": f"erased from {self.remote.address}",
            "begun": self._at,
        }
        try:
            with self._places.database.transaction() as connection:
                connection.execute(sa.insert(erasures).values(**row))
        except IntegrityError:
            pass  # another process has learnt of it

    def _refuse_other_keys(self, columns: set[str], there: Mapping[str, set[str]]) -> None:
        names = known(self._places.store)
        others = {mark: people for mark, people in there.items() if names is None or mark != names.mark}
        if not any(
            self._there.get(mark, person).column in columns for mark, found in others.items() for person in found
        ):
            return
        mine = "there is none here" if names is None else f"the mark of the one here is {names.mark}"
        raise WrongSetting(
            f"people were erased from {self.remote.address} under another key of pseudonyms",
            why=f"nobody here can tell who they are: {mine}, of theirs {', '.join(sorted(others))}",
            mend=f"get the key of whoever erased them: export {VARIABLE}=… or put it into .noria/pseudonym.key",
            code="N-GOVERNANCE-023",
        )


def _is_out(erasure: Erasure) -> bool:
    return erasure.done is not None or "waits_for" in (erasure.certificate or {})
