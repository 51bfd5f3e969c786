"""The whole curve of a metric by columns: what a drawing wants, without an object for each of its points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.runs.recording import open_run
from noria.runs.tables import metric_points
from noria.store.prepared import Prepared

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["Curve", "read_curve"]

_NAN = float("nan")


@dataclass(frozen=True)
class Curve:
    """Every point of one metric of one run, in order of time, step, value.

    Parameters
    ----------
    step : list of int
        Where in the curve.
    at_ms : list of int
        When, in milliseconds since 1970-01-01 UTC.
    value : list of float
        As they were logged: NaN and infinities included.
    """

    step: list[int]
    at_ms: list[int]
    value: list[float]


def read_curve(database: Database, run: str, metric: str) -> Curve:
    """Read a metric's whole history, in the order of `Runs.history`.

    Parameters
    ----------
    database : Database
        Where.
    run, metric : str
        Whose, and which; a metric that was never logged gives an empty curve.

    Raises
    ------
    RunNotFound
        There is no such run.
    """
    with database.reading() as connection:
        opened = open_run(connection, run, writable=False)
        result = _POINTS.run(connection, {"of": opened.rid, "metric": metric})
        # The driver's own rows: wrapping each of a hundred thousand costs more than reading it.
        rows = result.cursor.fetchall() if result.cursor is not None else []
        result.close()
    if not rows:
        return Curve([], [], [])
    step, at_ms, value, nan = zip(*rows, strict=True)
    if any(nan):
        value = tuple(_NAN if flag else one for one, flag in zip(value, nan, strict=True))
    return Curve(list(step), list(at_ms), list(value))


def _reading(_dialect: str) -> sa.Select[tuple[int, int, float, int]]:
    point = metric_points.c
    query = sa.select(point.step, point.at_ms, point.value, point.nan)
    query = query.where(point.rid == sa.bindparam("of"), point.name == sa.bindparam("metric"))
    return query.order_by(point.at_ms, point.step, point.value, point.nan)


_POINTS = Prepared(_reading)
