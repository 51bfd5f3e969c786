"""What changed between two versions of a table: rows, cells and columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from noria.datasets.casting import ARROW_TYPES, fits
from noria.datasets.sql import one_row, quoted, session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import duckdb
    import pyarrow as pa

    from noria.datasets.casting import ColumnType

__all__ = ["HIDDEN", "TableDiff", "diff", "schema_of"]

HIDDEN = "(personal)"
"""What stands for a value that is shown nowhere."""

_SHOWN = 10
_MULTISET = """
SELECT coalesce(sum(greatest(coalesce(b.n, 0) - coalesce(a.n, 0), 0)), 0)::BIGINT,
       coalesce(sum(greatest(coalesce(a.n, 0) - coalesce(b.n, 0), 0)), 0)::BIGINT,
       coalesce(sum(least(coalesce(a.n, 0), coalesce(b.n, 0))), 0)::BIGINT
"""


@dataclass(frozen=True)
class TableDiff:
    """From `a` to `b`.

    Parameters
    ----------
    added, removed, changed, unchanged : int
        Rows. Without a usable key a changed row is one removed and one added.
    columns_added, columns_removed : tuple of str
        Columns.
    retyped : mapping of str to (str, str)
        Columns whose type changed: old, new.
    cells : mapping of str to int
        Column -> rows in which its value changed.
    examples : tuple of mappings
        A few changed rows: the key, and for each changed column ``[old, new]`` as text.
    added_rows, removed_rows : tuple of mappings
        A few of those, whole, as text; none unless they were asked for.
    keyed : bool
        The rows were matched by key.
    note : str
        Why not, when they were not.
    """

    added: int
    removed: int
    changed: int
    unchanged: int
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    cells: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Mapping[str, object], ...] = ()
    added_rows: tuple[Mapping[str, str | None], ...] = ()
    removed_rows: tuple[Mapping[str, str | None], ...] = ()
    keyed: bool = True
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing changed at all."""
        return not (
            self.added or self.removed or self.changed or self.columns_added or self.columns_removed or self.retyped
        )

    def without(self, hidden: Collection[str]) -> TableDiff:
        """Leave the values of some columns out: that one changed is told, and not to what.

        Examples
        --------
        >>> found = TableDiff(0, 0, 1, 0, examples=({"id": "1", "name": ["Ann", "Anna"]},))
        >>> found.without({"name"}).examples
        ({'id': '1', 'name': ['(personal)', '(personal)']},)
        """
        if not hidden:
            return self
        return replace(
            self,
            examples=tuple(_without(hidden, row) for row in self.examples),
            added_rows=tuple(_whole_without(hidden, row) for row in self.added_rows),
            removed_rows=tuple(_whole_without(hidden, row) for row in self.removed_rows),
        )

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "columns_added": list(self.columns_added),
            "columns_removed": list(self.columns_removed),
            "retyped": {name: list(types) for name, types in self.retyped.items()},
            "cells": dict(self.cells),
            "examples": [dict(example) for example in self.examples],
            "added_rows": [dict(row) for row in self.added_rows],
            "removed_rows": [dict(row) for row in self.removed_rows],
            "keyed": self.keyed,
            "note": self.note,
        }


def diff(a: pa.Table | Path, b: pa.Table | Path, key: Sequence[str] = (), *, whole_rows: int = 0) -> TableDiff:
    """Compare two tables.

    Parameters
    ----------
    a, b : pyarrow.Table or Path
        The older and the newer rows; or Parquet files of them, which are scanned and not loaded.
    key : sequence of str
        What identifies a row. Where it is missing or repeated in either table, whole rows are counted instead.
    whole_rows : int
        How many of the added and of the removed rows to give whole.

    Examples
    --------
    >>> import pyarrow as pa
    >>> old, new = pa.table({"id": [1, 2], "y": [5, 6]}), pa.table({"id": [2, 3], "y": [7, 8]})
    >>> made = diff(old, new, ["id"])
    >>> made.added, made.removed, made.changed, dict(made.cells), made.examples[0]["y"]
    (1, 1, 1, {'y': 1}, ['6', '7'])
    """
    before, after = schema_of(a), schema_of(b)
    known, kept = set(before.names), set(after.names)
    added = tuple(name for name in after.names if name not in known)
    removed = tuple(name for name in before.names if name not in kept)
    both = [name for name in before.names if name in kept]
    types = {name: (before.field(name).type, after.field(name).type) for name in both}
    retyped = {name: (_named(old), _named(new)) for name, (old, new) in types.items() if old != new}
    with session({"a": a, "b": b}) as duck:
        note = _unusable(duck, key, both)
        # Whole numbers and others meet as numbers, columns of any other two types as text.
        moved = {name: "DOUBLE" if set(types) == {"int", "float"} else "VARCHAR" for name, types in retyped.items()}
        counted = _by_content(duck, both, moved) if note else _by_key(duck, key, both, moved)
        if whole_rows:
            alone = _surplus(both, moved, whole_rows) if note else _apart(key, moved, whole_rows)
            by = () if note else key
            if counted["added"]:
                counted["added_rows"] = _whole(duck, "b", after.names, by, alone("b", "a"), whole_rows)
            if counted["removed"]:
                counted["removed_rows"] = _whole(duck, "a", before.names, by, alone("a", "b"), whole_rows)
    return TableDiff(
        columns_added=added,
        columns_removed=removed,
        retyped=retyped,
        keyed=not note,
        note=note,
        **counted,  # type: ignore[arg-type]
    )


def schema_of(source: pa.Table | Path) -> pa.Schema:
    """Name columns and types of rows in memory or in a Parquet file."""
    if not isinstance(source, Path):
        return source.schema
    import pyarrow.parquet as pq  # noqa: PLC0415 - only where a file is read

    return pq.read_schema(source)


def _without(hidden: Collection[str], row: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value if name not in hidden else [HIDDEN] * 2 if isinstance(value, list) else HIDDEN
        for name, value in row.items()
    }


def _whole_without(hidden: Collection[str], row: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: HIDDEN if name in hidden else value for name, value in row.items()}


def _unusable(duck: duckdb.DuckDBPyConnection, key: Sequence[str], both: Sequence[str]) -> str:
    if not key:
        return "no key: rows are compared whole"
    lacking = [name for name in key if name not in both]
    if lacking:
        return f"key column {lacking[0]!r} is not in both: rows are compared whole"
    columns = ", ".join(quoted(name) for name in key)
    for side in ("a", "b"):
        query = f"SELECT count(*) - count(DISTINCT ({columns})) FROM {side}"  # noqa: S608 - names are quoted
        if one_row(duck, query)[0]:
            return f"the key is not unique in the {'older' if side == 'a' else 'newer'} table: rows are compared whole"
    return ""


def _by_key(
    duck: duckdb.DuckDBPyConnection, key: Sequence[str], both: Sequence[str], retyped: Mapping[str, str]
) -> dict[str, object]:
    others = [name for name in both if name not in key]
    on = _matching("a", "b", key, retyped)
    kept = one_row(duck, f"SELECT count(*) FROM a JOIN b ON {on}")[0]  # noqa: S608 - names are quoted
    old, now = one_row(duck, "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)")
    cells = _changed(duck, key, others, retyped, on) if others else {}
    changed = one_row(duck, "SELECT count(*) FROM moved")[0] if others else 0
    return {
        "added": now - kept,
        "removed": old - kept,
        "changed": changed,
        "unchanged": kept - changed,
        "cells": {name: count for name, count in cells.items() if count},
        "examples": _examples(duck, key, others, retyped, on) if changed else (),
    }


def _changed(
    duck: duckdb.DuckDBPyConnection, key: Sequence[str], others: Sequence[str], retyped: Mapping[str, str], on: str
) -> dict[str, int]:
    """Keep the changed rows, key and marks, as the table ``moved``: one join, from which all else is counted."""
    names = [f"k{number}" for number in range(len(key))], [f"m{number}" for number in range(len(others))]
    keys = [f"{_side('b', name, retyped)} AS {short}" for name, short in zip(key, names[0], strict=True)]
    marks = [
        f"{_side('a', name, retyped)} IS DISTINCT FROM {_side('b', name, retyped)} AS {short}"
        for name, short in zip(others, names[1], strict=True)
    ]
    joined = f"SELECT {', '.join(keys + marks)} FROM a JOIN b ON {on}"  # noqa: S608 - names are quoted
    any_moved = " OR ".join(names[1])
    duck.execute(f"CREATE TEMP TABLE moved AS SELECT * FROM ({joined}) WHERE {any_moved}")  # noqa: S608 - as above
    counts = ", ".join(f"count(*) FILTER (WHERE {short})" for short in names[1])
    found = one_row(duck, f"SELECT {counts} FROM moved")  # noqa: S608 - as above
    return dict(zip(others, found, strict=True))


def _examples(
    duck: duckdb.DuckDBPyConnection, key: Sequence[str], others: Sequence[str], retyped: Mapping[str, str], on: str
) -> tuple[dict[str, object], ...]:
    shown = [f"CAST(b.{quoted(name)} AS VARCHAR)" for name in key]
    for name in others:
        test = f"{_side('a', name, retyped)} IS DISTINCT FROM {_side('b', name, retyped)}"
        shown.append(f"CASE WHEN {test} THEN [{_text('a', name)}, {_text('b', name)}] END")
    places = ", ".join(f"k{n}" for n in range(len(key)))
    few = f"SELECT * FROM moved ORDER BY {places} LIMIT {_SHOWN}"  # noqa: S608 - numbers
    # The few are looked for in each table first, so that the two are not joined whole once more.
    sides = [
        f"(SELECT {side}.* FROM {side} SEMI JOIN ({few}) few ON "  # noqa: S608 - names are quoted
        + " AND ".join(f"{_side(side, name, retyped)} IS NOT DISTINCT FROM few.k{n}" for n, name in enumerate(key))
        + f") {side}"
        for side in ("a", "b")
    ]
    ordered = ", ".join(f"b.{quoted(name)}" for name in key)
    query = f"SELECT {', '.join(shown)} FROM {sides[0]} JOIN {sides[1]} ON {on} ORDER BY {ordered}"  # noqa: S608 - as above
    found = duck.execute(query).fetchall()
    return tuple(
        {name: value for name, value in zip([*key, *others], cells, strict=True) if value is not None}
        for cells in found
    )


def _by_content(duck: duckdb.DuckDBPyConnection, both: Sequence[str], retyped: Mapping[str, str]) -> dict[str, object]:
    if not both:
        return {"added": 0, "removed": 0, "changed": 0, "unchanged": 0}
    matched = f"{_counted('a', both, retyped)} a FULL OUTER JOIN {_counted('b', both, retyped)} b USING (h)"
    new, gone, same = one_row(duck, f"{_MULTISET} FROM {matched}")
    return {"added": new, "removed": gone, "changed": 0, "unchanged": same}


def _apart(key: Sequence[str], retyped: Mapping[str, str], most: int) -> Callable[[str, str], str]:
    """Say in SQL which rows of a side have a key that the other has not: the first of them by their key."""

    def rows(side: str, other: str) -> str:
        on = _matching(side, other, key, retyped)
        names = ", ".join(f"{side}.{quoted(name)}" for name in key)
        few = f"SELECT {names} FROM {side} ANTI JOIN {other} ON {on} ORDER BY {names} LIMIT {most}"  # noqa: S608 - quoted
        # The few are found by their keys alone, so that no other column of all the others is carried along.
        return f"{side} SEMI JOIN ({few}) few ON {_matching(side, 'few', key, {})}"

    return rows


def _surplus(both: Sequence[str], retyped: Mapping[str, str], most: int) -> Callable[[str, str], str]:
    """Say in SQL which rows stand in a side more often than in the other."""

    def rows(side: str, other: str) -> str:
        row = ", ".join(_side(side, name, retyped) for name in both)
        more = (
            f"SELECT m.h FROM {_counted(side, both, retyped)} m LEFT JOIN {_counted(other, both, retyped)} o USING (h) "  # noqa: S608 - names are quoted
            f"WHERE m.n > coalesce(o.n, 0) ORDER BY 1 LIMIT {most}"
        )
        return f"{side} WHERE hash({row}) IN ({more})"

    return rows


def _matching(one: str, other: str, key: Sequence[str], retyped: Mapping[str, str]) -> str:
    # IS NOT DISTINCT FROM lets a missing key value match a missing one.
    return " AND ".join(
        f"{_side(one, name, retyped)} IS NOT DISTINCT FROM {_side(other, name, retyped)}" for name in key
    )


def _counted(side: str, both: Sequence[str], retyped: Mapping[str, str]) -> str:
    row = ", ".join(_side(side, name, retyped) for name in both)
    return f"(SELECT hash({row}) AS h, count(*) AS n FROM {side} GROUP BY ALL)"  # noqa: S608 - names are quoted


def _whole(
    duck: duckdb.DuckDBPyConnection, side: str, names: Sequence[str], key: Sequence[str], rows: str, most: int
) -> tuple[dict[str, str | None], ...]:
    shown = ", ".join(_text(side, name) for name in names)
    ordered = ", ".join(f"{side}.{quoted(name)}" for name in (key or names))
    query = f"SELECT DISTINCT ON ({ordered}) {shown} FROM {rows} ORDER BY {ordered} LIMIT {most}"  # noqa: S608 - names are quoted
    return tuple(dict(zip(names, cells, strict=True)) for cells in duck.execute(query).fetchall())


def _side(side: str, name: str, retyped: Mapping[str, str]) -> str:
    cell = f"{side}.{quoted(name)}"
    # 1, 1.0 and '1' are the same value written differently.
    return f"CAST({cell} AS {retyped[name]})" if name in retyped else cell


def _text(side: str, name: str) -> str:
    return f"CAST({side}.{quoted(name)} AS VARCHAR)"


def _named(kind: pa.DataType) -> str:
    names: tuple[ColumnType, ...] = ("int", "float", "bool", "timestamp")
    for name in names:
        if fits(kind, name):
            return name
    return "text" if kind == ARROW_TYPES["text"] else str(kind)
