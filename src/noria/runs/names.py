"""Which metrics, params and tags are in use: found by leaps through an index, however many rows it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.runs.tables import metric_latest, run_params

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["metric_names", "param_names"]

_MOST = 500


def metric_names(database: Database, experiments: Sequence[int]) -> tuple[str, ...]:
    """Name the metrics that runs of some experiments have, by name, five hundred at most."""
    found: set[str] = set()
    own = metric_latest.c
    with database.reading() as connection:
        for experiment in experiments:
            found.update(_leap(connection, own.name, own.experiment_id == experiment))
    return tuple(sorted(found)[:_MOST])


def param_names(database: Database) -> tuple[str, ...]:
    """Name the params that runs have, by name, five hundred at most."""
    with database.reading() as connection:
        return tuple(sorted(_leap(connection, run_params.c.name, sa.true()))[:_MOST])


def _leap(connection: sa.Connection, column: sa.ColumnElement[str], within: sa.ColumnElement[bool]) -> list[str]:
    # The smallest, then the smallest above it, and so on: one look into the index for each name.
    first = sa.select(sa.func.min(column).label("name")).where(within).cte("names", recursive=True)
    following = sa.select(sa.func.min(column)).where(within, column > first.c.name).correlate(first).scalar_subquery()
    names = first.union_all(sa.select(following).where(first.c.name.is_not(None)))
    query = sa.select(names.c.name).where(names.c.name.is_not(None)).limit(_MOST)
    return list(connection.execute(query).scalars())
