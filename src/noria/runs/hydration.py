"""From the keys of runs to the runs: four queries, however many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from noria.runs.run import MetricPoint, Run
from noria.runs.tables import metric_latest, run_params, run_tags, runs
from noria.store.columns import from_micros

__all__ = ["read_runs"]

_AT_ONCE = 500
_NAN = float("nan")


def read_runs(connection: sa.Connection, rids: Sequence[int]) -> list[Run]:
    """Read runs with their params, tags and latest metrics.

    Parameters
    ----------
    connection : Connection
        Reading.
    rids : sequence of int
        Their integer keys.

    Returns
    -------
    list of Run
        In the order of the keys; those that are not there are left out.
    """
    params: dict[int, dict[str, object]] = {}
    tags: dict[int, dict[str, str]] = {}
    latest: dict[int, dict[str, MetricPoint]] = {}
    found: dict[int, Run] = {}
    for start in range(0, len(rids), _AT_ONCE):
        some = rids[start : start + _AT_ONCE]
        for rid, name, value, is_json in _rows(connection, run_params, "rid, name, value, json", some):
            params.setdefault(rid, {})[name] = _value(value) if is_json else value
        for rid, name, value in _rows(connection, run_tags, "rid, name, value", some):
            tags.setdefault(rid, {})[name] = value
        for rid, name, value, nan, step, at_ms in _rows(
            connection, metric_latest, "rid, name, value, nan, step, at_ms", some
        ):
            latest.setdefault(rid, {})[name] = MetricPoint(step, _NAN if nan else value, at_ms)
        for row in _rows(connection, runs, _SHOWN, some, order="rid"):
            rid = row[0]
            fields = dict(zip(_FIELDS, row[1:], strict=True))
            for name in _TIMES:
                if fields[name] is not None:
                    fields[name] = from_micros(fields[name])
            if fields["git_clean"] is not None:
                fields["git_clean"] = bool(fields["git_clean"])
            if fields["error"] is not None:
                fields["error"] = json.loads(fields["error"])
            found[rid] = Run(**fields, params=params.get(rid, {}), tags=tags.get(rid, {}), latest=latest.get(rid, {}))
    return [found[rid] for rid in rids if rid in found]


_FIELDS = [column.name for column in runs.c if column.name not in ("rid", "beat", "process")]
_SHOWN = ", ".join(["rid", *_FIELDS])
_TIMES = ("started", "ended", "deleted")


def _rows(
    connection: sa.Connection, table: sa.Table, columns: str, rids: Sequence[int], order: str = "rid, name"
) -> Sequence[tuple[Any, ...]]:
    # Written out, as the keys are whole numbers of ours: a thousand bound values cost more than the rows they find.
    keys = ",".join([str(int(rid)) for rid in rids])
    text = f"SELECT {columns} FROM {table.name} WHERE rid IN ({keys}) ORDER BY {order}"  # noqa: S608 - see above
    result = connection.exec_driver_sql(text)
    # The driver's own rows: wrapping each of ten thousand costs more than reading it.
    rows = result.cursor.fetchall() if result.cursor is not None else []
    result.close()
    return rows


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
