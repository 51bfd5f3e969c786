"""Values that must be found in another table, alone or together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.datasets.casting import ARROW_TYPES, cast_sql
from noria.datasets.sql import quoted
from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from noria.checks.settings import CheckSettings, Lookup, Severity
    from noria.datasets.schema import Schema

__all__ = ["Reference", "references"]

OWN = "rows_as_read"


@dataclass(frozen=True)
class Reference:
    """Columns whose values are looked up.

    Parameters
    ----------
    columns : tuple of str
        Whose values; of several, all must be found in one row.
    table : str
        Where, of ``[tables]``; empty for the same table.
    to : str
        The place as people read it.
    severity : str
        What a row without a counterpart does.
    mark : str
        Name of the truth that says, in each row, whether its values were found.
    sql : str
        That truth; NULL where a value is missing.
    """

    columns: tuple[str, ...]
    table: str
    to: str
    severity: Severity
    mark: str
    sql: str


def references(
    settings: CheckSettings, schema: Schema, kinds: pa.Schema, tables: Mapping[str, pa.Table]
) -> list[Reference]:
    """Write each lookup as SQL over the typed rows; the other tables are there under `noria_table_NAME`.

    Parameters
    ----------
    settings : CheckSettings
        ``[data.checks]``.
    schema, kinds : Schema, pyarrow.Schema
        What the columns should be, and are as read.
    tables : mapping of str to pyarrow.Table
        Name -> rows.

    Raises
    ------
    WrongSetting
        A column or table is not there.
    """
    made = []
    for number, lookup in enumerate(settings.lookups):
        for name in lookup.columns:
            if name not in schema.names:
                raise _unknown(f"the column {name!r}, which the data does not have", name, schema.names)
        there = _there(lookup, schema, kinds, tables)
        sides = [_sides(name, ARROW_TYPES[schema[name].type], other, there.field(other).type)
                 for name, other in zip(lookup.columns, lookup.there, strict=True)]  # fmt: skip
        mine, theirs = (", ".join(side) for side in zip(*sides, strict=True))
        source = quoted(f"noria_table_{lookup.table}" if lookup.table else OWN)
        is_known = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in lookup.there)
        is_said = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in lookup.columns)
        known = f"SELECT {theirs} FROM {source} WHERE {is_known}"  # noqa: S608 - names are quoted
        value = mine if len(sides) == 1 else f"({mine})"
        sql = f"CASE WHEN {is_said} THEN {value} IN ({known}) END"
        made.append(
            Reference(lookup.columns, lookup.table, lookup.to, lookup.severity, f"_noria_found_{number}", sql)
        )  # fmt: skip
    return made


def _there(lookup: Lookup, schema: Schema, kinds: pa.Schema, tables: Mapping[str, pa.Table]) -> pa.Schema:
    """Give the columns of the table that is looked in, where all that are wanted are there."""
    if not lookup.table:
        for column in lookup.there:
            if column not in schema.names:
                raise _unknown(f"{column!r}, which is no column of the data and no table.column", column, schema.names)
        return kinds
    if lookup.table not in tables:
        what = f"the table {lookup.table!r}, which is not there: write [tables.{lookup.table}]"
        raise _unknown(what, lookup.table, list(tables))
    known = tables[lookup.table].column_names
    for column in lookup.there:
        if column not in known:
            raise _unknown(f"'{lookup.table}.{column}', and the table has no such column", column, known)
    return tables[lookup.table].schema


def _sides(name: str, mine: pa.DataType, other: str, theirs: pa.DataType) -> tuple[str, str]:
    """Write a value and what it is compared with; as text where one of them is."""
    if (mine == ARROW_TYPES["text"]) == (theirs == ARROW_TYPES["text"]):
        return quoted(name), quoted(other)
    return cast_sql(name, mine, "text"), cast_sql(other, theirs, "text")


def _unknown(what: str, name: str, known: object) -> WrongSetting:
    names = [str(each) for each in known] if isinstance(known, (list, tuple)) else []
    return WrongSetting(
        f"[data.checks] references names {what}",
        why=f"known: {', '.join(names[:40])}" if names else "",
        mend=did_you_mean(name, names) or "correct [data.checks] references",
        code="N-CHECKS-015",
    )
