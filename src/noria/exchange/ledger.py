"""Which runs of which source have been taken over whole, and how much each held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.exchange.tables import import_ledger
from noria.runs.tables import artifacts, metric_points, run_params, run_tags, runs
from noria.store.database import upsert

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["Held", "Ledger"]

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Held:
    """How much a run or logged model holds; `files` is None until all of them are here."""

    mark: str
    params: int
    tags: int
    points: int
    files: int | None = None


class Ledger:
    """The ledger of one source.

    Parameters
    ----------
    database : Database
        With this room's tables.
    source : str
        Which source: see `noria.exchange.source.Source.identity`.
    """

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source

    def known(self, owners: Sequence[str]) -> dict[str, Held]:
        """Give what was taken over of some runs or logged models."""
        column = import_ledger.c
        found = {}
        with self._database.reading() as connection:
            for start in range(0, len(owners), _AT_ONCE):
                own = sa.and_(column.source == self._source, column.owner.in_(owners[start : start + _AT_ONCE]))
                for row in connection.execute(sa.select(import_ledger).where(own)):
                    found[row.owner] = Held(row.mark, row.params, row.tags, row.points, row.files)
        return found

    def enter(self, connection: sa.Connection, held: Mapping[str, Held], at: datetime) -> None:
        """Note over an open connection that runs or logged models are here as the source has them now."""
        rows = [
            {
                "source": self._source,
                "owner": owner,
                "mark": one.mark,
                "params": one.params,
                "tags": one.tags,
                "points": one.points,
                "files": one.files,
                "at": at,
            }
            for owner, one in held.items()
        ]
        upsert(connection, import_ledger, rows, key=("source", "owner"))

    def lacking(self, owners: Sequence[str]) -> list[tuple[str, str, int, int]]:
        """Compare what the source held with what is here now: owner, what, how many there, how many here.

        More is no lack: somebody may have gone on with a run here.
        """
        found = []
        with self._database.reading() as connection:
            for start in range(0, len(owners), _AT_ONCE):
                some = owners[start : start + _AT_ONCE]
                known = self.known(some)
                rids = {
                    rid: run
                    for run, rid in connection.execute(sa.select(runs.c.id, runs.c.rid).where(runs.c.id.in_(some)))
                }
                present = set(rids.values())
                counts: dict[str, dict[str, int]] = {}
                for what, table in (("params", run_params), ("tags", run_tags), ("points", metric_points)):
                    query = sa.select(table.c.rid, sa.func.count()).where(table.c.rid.in_(list(rids)))
                    rows = connection.execute(query.group_by(table.c.rid))
                    counts[what] = {rids[rid]: number for rid, number in rows}
                query = sa.select(artifacts.c.owner, sa.func.count()).where(artifacts.c.owner.in_(some))
                rows = connection.execute(query.group_by(artifacts.c.owner))
                counts["files"] = {owner: number for owner, number in rows}
                for owner, held in known.items():
                    wanted = {"params": held.params, "tags": held.tags, "points": held.points, "files": held.files or 0}
                    if owner not in present:  # a logged model: its params are elsewhere
                        wanted = {"files": held.files or 0}
                    for what, there in wanted.items():
                        here = counts[what].get(owner, 0)
                        if here < there:
                            found.append((owner, what, there, here))
        return found
