"""Columns brought to the type the schema says; cells that do not fit become missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from noria.datasets.sql import quoted, rows_of, session
from noria.store.memory import is_large

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ARROW_TYPES", "ColumnType", "cast_sql", "fits", "to_types"]

ColumnType = Literal["int", "float", "bool", "category", "text", "timestamp"]
"""What a column means; int and float are numbers, category and text are written out."""

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "category": pa.string(),
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
}
"""How each is held in memory."""

_DAY_FIRST = "['%d.%m.%Y', '%d.%m.%Y %H:%M', '%d.%m.%Y %H:%M:%S', '%Y/%m/%d', '%Y%m%d']"


def fits(kind: pa.DataType, wanted: ColumnType) -> bool:
    """Say whether a column of this Arrow type is of the wanted type already.

    Examples
    --------
    >>> fits(pa.int64(), "int"), fits(pa.string(), "int")
    (True, False)
    """
    return bool(kind == ARROW_TYPES[wanted])


def cast_sql(name: str, kind: pa.DataType, wanted: ColumnType) -> str:
    """Write the SQL that casts a column, giving NULL where a cell does not fit.

    Parameters
    ----------
    name : str
        Column name.
    kind : pyarrow.DataType
        Its type now: int64, float64, bool, string or timestamp.
    wanted : str
        Its type by the schema.
    """
    cell = quoted(name)
    if fits(kind, wanted):
        return cell
    if wanted in {"category", "text"}:
        if pa.types.is_floating(kind):
            # 3.0 is what became of a code 3 when another cell was missing.
            whole = f"{cell} = floor({cell}) AND abs({cell}) < 1e15"
            return f"CASE WHEN {whole} THEN CAST(CAST({cell} AS BIGINT) AS VARCHAR) ELSE CAST({cell} AS VARCHAR) END"
        return f"CAST({cell} AS VARCHAR)"
    if pa.types.is_string(kind):
        return _from_text(f"trim({cell})", wanted)
    if wanted == "bool":
        return f"CASE {cell} WHEN 1 THEN true WHEN 0 THEN false END" if _number(kind) else "CAST(NULL AS BOOLEAN)"
    if wanted == "timestamp":
        # Seconds, milliseconds or microseconds since 1970, told apart by their size.
        seconds, millis = f"abs({cell}) < 1e11", f"abs({cell}) < 1e14"
        micros = f"CASE WHEN {seconds} THEN {cell} * 1000000 WHEN {millis} THEN {cell} * 1000 ELSE {cell} END"
        return f"make_timestamp(CAST({micros} AS BIGINT))" if _number(kind) else "CAST(NULL AS TIMESTAMP)"
    if pa.types.is_timestamp(kind):
        return f"CAST(NULL AS {'BIGINT' if wanted == 'int' else 'DOUBLE'})"
    if wanted == "int" and pa.types.is_floating(kind):
        return f"CASE WHEN {cell} = floor({cell}) THEN TRY_CAST({cell} AS BIGINT) END"
    return f"CAST({cell} AS {'BIGINT' if wanted == 'int' else 'DOUBLE'})"


def to_types(table: pa.Table, types: Mapping[str, ColumnType]) -> tuple[pa.Table, dict[str, int]]:
    """Cast columns; what does not fit becomes missing and is counted.

    Parameters
    ----------
    table : pyarrow.Table
        Rows.
    types : mapping of str to str
        Column -> type. Columns that the table lacks are ignored.

    Returns
    -------
    (pyarrow.Table, dict of str to int)
        The rows in their order, and for each column that was cast how many cells were lost.

    Examples
    --------
    >>> made, lost = to_types(pa.table({"a": ["1", "x", None]}), {"a": "int"})
    >>> made["a"].to_pylist(), lost
    ([1, None, None], {'a': 1})
    """
    fields = {field.name: field for field in table.schema}
    kinds = {name: field.type for name, field in fields.items()}
    wrong = {name: wanted for name, wanted in types.items() if name in kinds and not fits(kinds[name], wanted)}
    if not wrong:
        return table, {}
    chosen = ", ".join(f"{cast_sql(name, kinds[name], wanted)} AS {quoted(name)}" for name, wanted in wrong.items())
    with session({"rows_of_table": table.select(list(wrong))}) as duck:
        found = duck.sql(f"SELECT {chosen} FROM rows_of_table")  # noqa: S608 - names are quoted
        made = rows_of(found, large=is_large(table.nbytes))
    columns, lost = dict(zip(table.column_names, table.columns, strict=True)), {}
    for name, wanted in wrong.items():
        column = made.column(name).cast(ARROW_TYPES[wanted])
        lost[name] = column.null_count - columns[name].null_count
        columns[name], fields[name] = column, pa.field(name, column.type)
    # All at once: a table of ten thousand columns is slow to change in one after the other.
    schema = pa.schema(list(fields.values()), table.schema.metadata)
    return pa.Table.from_arrays(list(columns.values()), schema=schema), lost


def _from_text(cell: str, wanted: ColumnType) -> str:
    if wanted == "int":
        # TRY_CAST alone would round 1.5 to 2.
        return f"CASE WHEN regexp_full_match({cell}, '[+-]?[0-9]+(\\.0*)?') THEN TRY_CAST({cell} AS BIGINT) END"
    if wanted == "float":
        return f"CASE WHEN NOT isnan(TRY_CAST({cell} AS DOUBLE)) THEN TRY_CAST({cell} AS DOUBLE) END"
    if wanted == "bool":
        low = f"lower({cell})"
        return (
            f"CASE WHEN {low} IN ('true', 't', 'yes', 'y', '1') THEN true "
            f"WHEN {low} IN ('false', 'f', 'no', 'n', '0') THEN false END"
        )
    return f"coalesce(TRY_CAST({cell} AS TIMESTAMP), try_strptime({cell}, {_DAY_FIRST}))"


def _number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
