"""Rows that came back from production with their labels, joined with those of the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from noria.datasets.casting import ARROW_TYPES, to_types
from noria.datasets.marks import COLLECTED, RECENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.datasets.casting import ColumnType

__all__ = ["union"]

_KINDS: dict[pa.DataType, ColumnType] = {
    pa.int64(): "int",
    pa.float64(): "float",
    pa.bool_(): "bool",
    pa.string(): "category",
    pa.timestamp("us"): "timestamp",
}


def union(source: pa.Table, collected: pa.Table, *, key: Sequence[str] = ()) -> pa.Table:
    """Stack the rows of the source and those collected, each marked.

    Parameters
    ----------
    source : pyarrow.Table
        Rows of the source.
    collected : pyarrow.Table
        Rows of production: features as they were when the model answered, and the label that came later; and
        ``_noria_recent``, where an alert says which of them are of the new time.
    key : sequence of str
        What identifies a row. Where both have it, the collected row wins; of several, the last.

    Returns
    -------
    pyarrow.Table
        The columns of the source, ``_noria_collected``, and ``_noria_recent`` where it came. Columns that production
        lacks are missing there; columns it has besides are left out.

    Examples
    --------
    >>> made = union(pa.table({"id": [1, 2], "y": [0, 0]}), pa.table({"y": ["1"], "id": [2]}), key=["id"])
    >>> made.to_pylist()
    [{'id': 1, 'y': 0, '_noria_collected': False}, {'id': 2, 'y': 1, '_noria_collected': True}]
    """
    fields = [field for field in source.schema if field.name not in (COLLECTED, RECENT)]
    names = [field.name for field in fields]
    both = [name for name in names if name in collected.column_names]
    # An int column meets 2.5 from production: the wider type holds both.
    widened = {
        field.name
        for field in fields
        if field.type == pa.int64()
        and field.name in both
        and pa.types.is_floating(collected.schema.field(field.name).type)
        and _has_fractions(collected.column(field.name))
    }
    schema = pa.schema([(field.name, pa.float64() if field.name in widened else field.type) for field in fields])
    wanted = {field.name: _KINDS[field.type] for field in schema if field.type in _KINDS}
    came, _ = to_types(_plain(collected.select(both)), wanted)
    columns = [
        came.column(field.name).cast(field.type)
        if field.name in both
        else pa.chunked_array([pa.nulls(collected.num_rows, field.type)])
        for field in schema
    ]
    stacked = pa.concat_tables([source.select(names).cast(schema), pa.table(columns, schema=schema)])
    marks = pa.array([False] * source.num_rows + [True] * collected.num_rows)
    stacked = stacked.append_column(COLLECTED, marks)
    if RECENT in collected.column_names:
        fresh = pc.fill_null(collected.column(RECENT), False).to_pylist()
        stacked = stacked.append_column(RECENT, pa.array([False] * source.num_rows + fresh))
    return _last(stacked, [name for name in key if name in both])


def _plain(table: pa.Table) -> pa.Table:
    columns = []
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_null(column.type) or pa.types.is_large_string(column.type):
            column = column.cast(pa.string())
        elif pa.types.is_timestamp(column.type):
            column = column.cast(ARROW_TYPES["timestamp"], safe=False)
        elif pa.types.is_integer(column.type):
            column = column.cast(pa.int64())
        elif pa.types.is_floating(column.type):
            wide = column.cast(pa.float64())
            column = pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _has_fractions(column: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.not_equal(pc.floor(column), column)).as_py())


def _last(table: pa.Table, key: Sequence[str]) -> pa.Table:
    if not key:
        return table
    rows = pa.array(range(table.num_rows), pa.int64())
    collected = table.column(COLLECTED)
    numbered = table.select(list(key)).append_column("_noria_row", rows)
    # A row without a whole key is nobody's successor.
    known = numbered.filter(pc.and_(collected, _complete(table, key)))
    newest = known.group_by(list(key)).aggregate([("_noria_row", "max")])
    joined = numbered.join(newest, keys=list(key), join_type="left outer").sort_by("_noria_row")
    winner = joined.column("_noria_row_max")
    # Repeated keys of the source itself are for the checks to tell, not for this join to hide.
    return table.filter(pc.or_(pc.is_null(winner), pc.fill_null(pc.equal(winner, rows), False)))


def _complete(table: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    whole = pc.is_valid(table.column(key[0]))
    for name in key[1:]:
        whole = pc.and_(whole, pc.is_valid(table.column(name)))
    return whole
