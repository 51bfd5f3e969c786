"""Tags between a project and a remote: what moved on one side moves on the other, what moved on both is told.

Each move of a tag there is written once under the next number, ``tags/NAME/TAG/000002.json``, so that of two who move
it at once one is told. What both sides last agreed on is remembered here, so that it can be said who moved what.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.datasets.tables import dataset_tags_shared
from noria.errors import Conflict, CorruptedBlob, DatasetNotFound
from noria.store.blobs import canonical_json
from noria.store.database import upsert
from noria.store.parcel import patiently

if TYPE_CHECKING:
    from noria.datasets.catalog import Datasets
    from noria.datasets.remote_catalog import RemoteCatalog
    from noria.store.database import Database

__all__ = ["SharedTags", "TagMove", "conflict_of"]

_PLACE = re.compile(r"tags/([^/]+)/([^/]+)/([0-9]{1,9})\.json")
_T = dataset_tags_shared.c

Direction = Literal["push", "pull"]


@dataclass(frozen=True)
class TagMove:
    """What became of a tag.

    Parameters
    ----------
    name, tag : str
        Which.
    here, there : int, optional
        The numbers it points at now; None where there is no such tag.
    before : int, optional
        The number on the side that has been changed.
    state : str
        ``moved``; ``waits`` where the version it points at is not on the other side, or it moved on the other side
        only; ``conflict`` where both moved it.
    why : str
        Of one that waits.
    """

    name: str
    tag: str
    here: int | None
    there: int | None
    before: int | None
    state: Literal["moved", "waits", "conflict"]
    why: str = ""


@dataclass(frozen=True)
class _Point:
    """Where a tag points, and how often it had been moved then."""

    turn: int = 0
    number: int | None = None


class SharedTags:
    """The tags of a project beside those of a remote.

    Parameters
    ----------
    datasets : Datasets
        Of the project.
    database : Database
        Its records.
    catalog : RemoteCatalog
        The versions of the remote.
    """

    def __init__(self, datasets: Datasets, database: Database, catalog: RemoteCatalog) -> None:
        self._datasets, self._database, self._catalog = datasets, database, catalog
        self._remote = catalog.remote

    def push(self, name: str) -> list[TagMove]:
        """Bring the tags of a dataset that were moved here to the remote."""
        return self._shared(name, "push")

    def pull(self, name: str) -> list[TagMove]:
        """Bring the tags of a dataset that were moved there here."""
        return self._shared(name, "pull")

    def number(self, name: str, tag: str) -> int:
        """Say which version a tag of the remote points at.

        Raises
        ------
        DatasetNotFound
            There is no such tag there.
        """
        there = self._there(name)
        number = there.get(tag, _Point()).number
        if number is None:
            known = sorted(each for each, point in there.items() if point.number is not None)
            raise DatasetNotFound(
                f"the remote has no {name}@{tag}",
                why=f"tags there: {', '.join(known)}" if known else "it has no tags of that dataset",
                mend=f"noria data push {name}     on the machine that has it",
                code="N-DATA-096",
            )
        return number

    def take(self, name: str, tag: str, whose: Literal["mine", "theirs"]) -> TagMove:
        """Settle a conflict: the remote's tag counts here, or this one there, with the next push.

        Raises
        ------
        DatasetNotFound
            There is no such tag there, or its version is not here.
        """
        there = self._there(name).get(tag)
        if there is None:
            self.number(name, tag)
        assert there is not None  # noqa: S101 - else the line before has raised
        before = self._here(name).get(tag)
        if whose == "theirs":
            self._set(name, tag, there.number)
        self._agree(name, tag, there)
        here = there.number if whose == "theirs" else before
        return TagMove(name, tag, here, there.number, before, "moved")

    def _shared(self, name: str, direction: Direction) -> list[TagMove]:
        there, here, agreed = self._there(name), self._here(name), self._agreed(name)
        moves = [
            self._one(name, tag, here.get(tag), there.get(tag, _Point()), agreed.get(tag, _Point()), direction)
            for tag in sorted({*there, *here, *agreed})
        ]
        return [move for move in moves if move is not None]

    def _one(
        self, name: str, tag: str, here: int | None, there: _Point, agreed: _Point, direction: Direction
    ) -> TagMove | None:
        if there.turn < agreed.turn:
            agreed = _Point()  # the remote has been begun anew
        if here == there.number:
            if agreed != there:
                self._agree(name, tag, there)
            return None
        mine, theirs = here != agreed.number, there.turn != agreed.turn and there.number != agreed.number
        if mine and theirs:
            return TagMove(name, tag, here, there.number, None, "conflict")
        if mine:
            return self._pushed(name, tag, here, there) if direction == "push" else None
        if direction == "push":
            return TagMove(name, tag, here, there.number, None, "waits", "it was moved there: noria data pull " + name)
        return self._pulled(name, tag, here, there)

    def _pushed(self, name: str, tag: str, here: int | None, there: _Point) -> TagMove:
        if here is not None and not self._is_same(name, here):
            why = f"{name}@{here} is not there: noria data push {name}@{here}"
            return TagMove(name, tag, here, there.number, None, "waits", why)
        point = _Point(there.turn + 1, here)
        data = canonical_json({"number": here, "at": datetime.now(UTC).isoformat()}).encode()
        if not patiently(partial(self._remote.put_new, _place(name, tag, point.turn), data)):
            now = self._there(name).get(tag, _Point())
            if now.number != here:
                return TagMove(name, tag, here, now.number, None, "conflict")
            point = now
        self._agree(name, tag, point)
        return TagMove(name, tag, here, here, there.number, "moved")

    def _pulled(self, name: str, tag: str, here: int | None, there: _Point) -> TagMove:
        if there.number is not None and not self._is_same(name, there.number):
            why = f"{name}@{there.number} is not here: noria data pull {name}@{there.number}"
            return TagMove(name, tag, here, there.number, None, "waits", why)
        self._set(name, tag, there.number)
        self._agree(name, tag, there)
        return TagMove(name, tag, there.number, there.number, here, "moved")

    def _set(self, name: str, tag: str, number: int | None) -> None:
        if number is not None:
            self._datasets.tags.set(name, tag, number)
        elif tag in self._here(name):
            self._datasets.tags.remove(name, tag)

    def _is_same(self, name: str, number: int) -> bool:
        """Say whether a number means one version, here and there."""
        record = self._catalog.record(name, number)
        try:
            return record is not None and record.is_of(self._datasets.find(f"{name}@{number}"))
        except DatasetNotFound:
            return False

    def _here(self, name: str) -> dict[str, int]:
        return self._datasets.tags.all(name).get(name, {})

    def _there(self, name: str) -> dict[str, _Point]:
        names = patiently(lambda: list(self._remote.names(f"tags/{name}")))
        turns: dict[str, int] = {}
        for one in names:
            found = _PLACE.fullmatch(one)
            if found is not None and found[1] == name:
                turns[found[2]] = max(int(found[3]), turns.get(found[2], 0))
        return {tag: _Point(turn, self._read(_place(name, tag, turn))) for tag, turn in turns.items()}

    def _read(self, place: str) -> int | None:
        try:
            number = json.loads(patiently(partial(self._remote.get, place)))["number"]
            if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
                raise TypeError("a number is none")
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptedBlob(
                f"the tag {place} on the remote cannot be read",
                why=f"{type(error).__name__}: {error}",
                mend="delete it there, and push the dataset again from a machine that has the tag",
                code="N-DATA-097",
            ) from error
        return number

    def _agreed(self, name: str) -> dict[str, _Point]:
        query = sa.select(_T.tag, _T.turn, _T.number).where(_T.remote == self._remote.address, _T.name == name)
        with self._database.reading() as connection:
            return {row.tag: _Point(row.turn, row.number) for row in connection.execute(query)}

    def _agree(self, name: str, tag: str, point: _Point) -> None:
        row = {"remote": self._remote.address, "name": name, "tag": tag, "turn": point.turn, "number": point.number}
        with self._database.transaction() as connection:
            upsert(connection, dataset_tags_shared, row, key=("remote", "name", "tag"))


def conflict_of(moves: list[TagMove]) -> Conflict:
    """Tell of tags that both sides have moved."""
    first = moves[0]
    return Conflict(
        "tags were moved here and on the remote: " + ", ".join(f"{each.name}@{each.tag}" for each in moves),
        why="\n".join(
            f"{each.name}@{each.tag} is {_shown(each.name, each.here)} here, {_shown(each.name, each.there)} there"
            for each in moves
        ),
        mend=f"noria data tag {first.name} {first.tag} --take theirs     or --take mine, then push",
        code="N-DATA-098",
    )


def _shown(name: str, number: int | None) -> str:
    return "no more" if number is None else f"{name}@{number}"


def _place(name: str, tag: str, turn: int) -> str:
    return f"tags/{name}/{tag}/{turn:06d}.json"
