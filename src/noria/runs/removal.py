"""Removes runs for good: their rows, and the names of their files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.runs.run import RunId
from noria.runs.tables import (
    artifacts,
    input_datasets,
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    metric_latest,
    metric_points,
    run_inputs,
    run_journals,
    run_log,
    run_models,
    run_params,
    run_tags,
    runs,
)
from noria.store.blobs import Digest

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["Binned", "Removal"]

_AT_ONCE = 100
_BY_RID = (metric_points, metric_latest, run_params, run_tags, run_inputs, run_models, run_log, run_journals)
_BY_MODEL = (logged_model_params, logged_model_tags, logged_model_metrics)


@dataclass(frozen=True)
class Binned:
    """A run in the bin, with the logged models that came of it."""

    id: RunId
    name: str
    deleted: datetime
    models: tuple[str, ...] = ()


class Removal:
    """Empties the bin.

    Parameters
    ----------
    database : Database
        Migrated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def binned(self, before: datetime) -> tuple[Binned, ...]:
        """List the runs that were deleted before a time, the oldest first."""
        query = sa.select(runs.c.id, runs.c.name, runs.c.deleted).where(runs.c.deleted < before)
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(runs.c.deleted, runs.c.id)).all()
            made: dict[str, list[str]] = {}
            for start in range(0, len(found), _AT_ONCE):
                some = [row.id for row in found[start : start + _AT_ONCE]]
                models = sa.select(logged_models.c.id, logged_models.c.source_run_id)
                for model, run in connection.execute(models.where(logged_models.c.source_run_id.in_(some))):
                    made.setdefault(run, []).append(model)
        return tuple(Binned(RunId(row.id), row.name, row.deleted, tuple(made.get(row.id, ()))) for row in found)

    def remove(self, ids: Sequence[str]) -> set[Digest]:
        """Remove runs that are in the bin, with the logged models that came of them.

        Returns
        -------
        set of Digest
            What their files were made of, and no file of anything else is.
        """
        freed: set[Digest] = set()
        for start in range(0, len(ids), _AT_ONCE):
            with self._database.transaction() as connection:
                freed |= _remove(connection, ids[start : start + _AT_ONCE])
        with self._database.transaction() as connection:
            unused = sa.select(run_inputs.c.did).where(run_inputs.c.did == input_datasets.c.did)
            connection.execute(sa.delete(input_datasets).where(~unused.exists()))
            return freed - _still_named(connection, freed)


def _remove(connection: sa.Connection, ids: Sequence[str]) -> set[Digest]:
    # Somebody may have restored one of them meanwhile.
    found = connection.execute(sa.select(runs.c.rid, runs.c.id).where(runs.c.id.in_(ids), runs.c.deleted.is_not(None)))
    rids = {row.id: row.rid for row in found}
    if not rids:
        return set()
    of_runs = logged_models.c.source_run_id.in_(list(rids))
    models = list(connection.execute(sa.select(logged_models.c.id).where(of_runs)).scalars())
    mine = artifacts.c.owner.in_([*rids, *models])
    freed = {Digest(digest) for digest in connection.execute(sa.select(artifacts.c.digest).where(mine)).scalars()}
    connection.execute(sa.delete(artifacts).where(mine))
    for table in _BY_MODEL:
        connection.execute(sa.delete(table).where(table.c.model_id.in_(models)))
    connection.execute(sa.delete(run_models).where(run_models.c.model_id.in_(models)))
    connection.execute(sa.delete(logged_models).where(of_runs))
    for table in (*_BY_RID, runs):
        connection.execute(sa.delete(table).where(table.c.rid.in_(list(rids.values()))))
    return freed


def _still_named(connection: sa.Connection, digests: Collection[Digest]) -> set[Digest]:
    wanted = sorted(digests)
    named: set[Digest] = set()
    for start in range(0, len(wanted), 500):
        some = artifacts.c.digest.in_(wanted[start : start + 500])
        named |= {Digest(digest) for digest in connection.execute(sa.select(artifacts.c.digest).where(some)).scalars()}
    return named
