"""The list of the erased on a remote: by pseudonym, so that colleagues let nobody in again, and nobody learns who."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from noria.errors import CorruptedBlob
from noria.store.blobs import canonical_json, digest_json
from noria.store.parcel import patiently

if TYPE_CHECKING:
    from noria.store.remote import Remote

__all__ = ["PeopleThere", "Person"]


@dataclass(frozen=True)
class Person:
    """Somebody who was erased.

    Parameters
    ----------
    column : str
        That names people.
    subject : str
        Their pseudonym.
    """

    column: str
    subject: str

    @property
    def id(self) -> str:
        """How they are called on a remote."""
        return str(digest_json([self.column, self.subject]))[:32]


class PeopleThere:
    """The people who were erased, as a remote has them under one key of pseudonyms.

    Parameters
    ----------
    remote : Remote
        Where versions are shared.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._known: dict[tuple[str, str], Person] = {}

    def marks(self) -> dict[str, set[str]]:
        """Name the keys that people were erased under, each by its mark, and the people."""
        found: dict[str, set[str]] = {}
        for name in patiently(lambda: list(self._remote.names("erased/people"))):
            _, _, mark, file = name.split("/")
            found.setdefault(mark, set()).add(file.removesuffix(".json"))
        return found

    def get(self, mark: str, person: str) -> Person:
        """Read who it is; once, as nobody ever becomes another."""
        known = self._known.get((mark, person))
        if known is not None:
            return known
        place = _place(mark, person)
        try:
            said = json.loads(patiently(partial(self._remote.get, place)))
            found = Person(said["column"], said["subject"])
            if found.id != person:
                raise ValueError("it is about somebody else")
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptedBlob(
                f"{place} on the remote, which names somebody who was erased, cannot be read",
                why=f"{type(error).__name__}: {error}",
                mend="delete it there; whoever erased the person does so again: noria data erase",
                code="N-GOVERNANCE-020",
            ) from error
        self._known[mark, person] = found
        return found

    def add(self, mark: str, person: Person) -> None:
        """Put somebody on the list."""
        data = canonical_json({"column": person.column, "subject": person.subject}).encode()
        patiently(partial(self._remote.put_new, _place(mark, person.id), data))

    def done(self, mark: str) -> set[str]:
        """Name the people who are in no version there any more."""
        names = patiently(lambda: list(self._remote.names(f"erased/done/{mark}")))
        return {name.rpartition("/")[2] for name in names}

    def mark_done(self, mark: str, person: Person) -> None:
        """Remember that somebody is in no version there any more."""
        patiently(partial(self._remote.put_new, f"erased/done/{mark}/{person.id}", b""))


def _place(mark: str, person: str) -> str:
    return f"erased/people/{mark}/{person}.json"
