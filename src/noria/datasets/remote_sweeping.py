"""What no version on a remote needs any more goes, after a day; nobody who pushes meanwhile loses anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from noria.datasets.shared_record import PLACE
from noria.errors import CorruptedBlob
from noria.store.parcel import patiently
from noria.store.remote_lease import alone_on, signs_on

if TYPE_CHECKING:
    from datetime import datetime

    from noria.datasets.remote_catalog import RemoteCatalog
    from noria.datasets.shared_record import Record
    from noria.store.remote import Found, Remote

__all__ = ["SweptThere", "sweep_there", "take_away"]


@dataclass(frozen=True)
class SweptThere:
    """What was taken from a remote, or would be.

    Parameters
    ----------
    versions : int
        That are there, and all they need stays.
    parts, records : int
        Pieces of files that no version needs, and records that have a successor.
    size : int
        Bytes of both.
    """

    versions: int
    parts: int
    records: int
    size: int


def sweep_there(
    catalog: RemoteCatalog, *, grace_seconds: float, dry_run: bool = False, patience_seconds: float = 0.0
) -> SweptThere:
    """Take away what no version needs.

    Parameters
    ----------
    catalog : RemoteCatalog
        The versions of the remote.
    grace_seconds : float
        What is younger, by the remote's own clock, stays: who was cut off goes on with it.
    dry_run : bool
        Only say what would go.
    patience_seconds : float
        How long to wait for those who push.

    Raises
    ------
    StoreBusy
        Somebody pushes, or sweeps.
    CorruptedBlob
        A record cannot be read, so nobody knows what it needs; nothing is taken away then.
    """
    with alone_on(catalog.remote, patience_seconds=patience_seconds):
        return take_away(catalog, grace_seconds=grace_seconds, dry_run=dry_run)


def take_away(catalog: RemoteCatalog, *, grace_seconds: float, dry_run: bool = False) -> SweptThere:
    """Do the same for somebody who works there alone already."""
    remote = catalog.remote
    needed: set[str] = set()
    versions = 0
    for record in catalog.all():
        versions += 1
        needed |= _parts(record)
    before = _now(remote) - timedelta(seconds=grace_seconds)
    going = [one for one in _walk(remote, "parts") if one.name not in needed and one.modified <= before]
    newest = catalog.newest()
    old = [
        one
        for one in _walk(remote, "versions")
        if (said := PLACE.fullmatch(one.name)) and int(said[3] or 1) < newest[said[1], int(said[2])]
    ]
    if not dry_run:
        for one in (*old, *going):
            patiently(partial(remote.delete, one.name))
    return SweptThere(versions, len(going), len(old), sum(one.size for one in (*old, *going)))


def _parts(record: Record) -> set[str]:
    """Name the parts a version needs; a record that leaves out what it is kept against is none."""
    paths = {entry.path.rpartition("/")[2].partition(".")[0] for entry in record.entries}
    bases = {entry.path.rpartition(".")[2] for entry in record.entries if "/deltas/" in entry.path}
    if bases - paths:
        raise CorruptedBlob(
            f"the record of {record.version.ref} on the remote leaves out what it is kept against",
            why=f"it does not name {min(bases - paths)[:12]}",
            mend="push the version again from a machine that has it, after: noria data remove … --remote",
            code="N-DATA-094",
        )
    return {f"parts/{digest[:2]}/{digest}" for entry in record.entries for digest, _ in entry.parts}


def _now(remote: Remote) -> datetime:
    """Ask what time it is there: our own sign has just been written."""
    return max(one.modified for one in signs_on(remote))


def _walk(remote: Remote, prefix: str) -> list[Found]:
    return patiently(lambda: list(remote.walk(prefix)))
