"""Who was erased: by pseudonym, so that the list says nothing of who they were, and held against what comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import WrongSetting
from noria.governance.tables import erasures
from noria.security.pseudonyms import VARIABLE, known
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from noria.security.pseudonyms import Pseudonyms
    from noria.store.database import Database

__all__ = [
    "Erasure",
    "erased_state",
    "erasure_of",
    "history",
    "keyless",
    "leave_out",
    "people_of",
    "without_erased",
]

_T = erasures.c

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Erasure:
    """One person who was erased; `done` is None where it has to be asked for again."""

    id: str
    project: str
    column: str
    subject: str
    actor: str
    reason: str
    begun: datetime
    done: datetime | None
    certificate: Mapping[str, object] | None

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON: the certificate, for whoever asked."""
        return {
            "id": self.id,
            "project": self.project,
            "column": self.column,
            "subject": self.subject,
            "actor": self.actor,
            "reason": self.reason,
            "begun": self.begun.isoformat(),
            "done": None if self.done is None else self.done.isoformat(),
            **(self.certificate or {}),
        }


def history(database: Database, project: str) -> tuple[Erasure, ...]:
    """List who was erased, the newest first."""
    query = sa.select(erasures).where(_T.project == project).order_by(_T.begun.desc(), _T.id)
    with database.reading() as connection:
        return tuple(erasure_of(row) for row in connection.execute(query))


def erased_state(database: Database, project: str) -> str:
    """Name the state of the list, for the key of the step that reads the rows; empty while nobody is on it."""
    query = sa.select(_T.id).where(_T.project == project).order_by(_T.id)
    with database.reading() as connection:
        found = list(connection.execute(query).scalars())
    return str(digest_json(found)) if found else ""


def people_of(database: Database, project: str) -> dict[str, set[str]]:
    """Give the pseudonyms of those who were erased, by the column that names them."""
    query = sa.select(_T.column, _T.subject).where(_T.project == project)
    people: dict[str, set[str]] = {}
    with database.reading() as connection:
        for column, subject in connection.execute(query).all():
            people.setdefault(column, set()).add(subject)
    return people


def without_erased(table: pa.Table, database: Database, store: Path, project: str) -> tuple[pa.Table, int]:
    """Leave out the rows of people who were erased; say how many that were.

    Raises
    ------
    WrongSetting
        There are such people, and the key that would tell them is not here.
    """
    people = people_of(database, project)
    if not people.keys() & set(table.column_names):
        return table, 0
    names = known(store)
    if names is None:
        raise keyless()
    return leave_out(table, people, names)


def leave_out(table: pa.Table, people: Mapping[str, set[str]], names: Pseudonyms) -> tuple[pa.Table, int]:
    """Leave out the rows of certain people; say how many that were."""
    import pyarrow as pa  # noqa: PLC0415 - only where somebody was erased

    from noria.store.aside import filtered  # noqa: PLC0415 - as above

    rows = table.num_rows
    for column in people.keys() & set(table.column_names):
        cells, found = table[column], people[column]
        blocks = (cells.slice(start, _BLOCK).to_pylist() for start in range(0, len(cells), _BLOCK))
        kept = [pa.array([name not in found for name in names.all_of(block)], pa.bool_()) for block in blocks]
        table = filtered(table, pa.chunked_array(kept, pa.bool_()))
    return table, rows - table.num_rows


def keyless() -> WrongSetting:
    """Say that the key of pseudonyms is not here."""
    return WrongSetting(
        "people were erased from this project, and the key that tells them from others is not here",
        why="without it their rows would come in again",
        mend=f"get the key of whoever erased them: export {VARIABLE}=… or put it into .noria/pseudonym.key",
        code="N-GOVERNANCE-003",
    )


def erasure_of(row: sa.Row[tuple[object, ...]]) -> Erasure:
    """Read a row of the list."""
    return Erasure(**row._mapping)
