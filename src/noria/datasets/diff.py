"""What changed between two versions of a table: rows, cells and columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from noria.datasets.casting import ARROW_TYPES, fits
from noria.datasets.sql import one_row, quoted, session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import pyarrow as pa

    from noria.datasets.casting import ColumnType

__all__ = ["TableDiff", "diff"]

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
    keyed: bool = True
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing changed at all."""
        return not (
            self.added or self.removed or self.changed or self.columns_added or self.columns_removed or self.retyped
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
            "keyed": self.keyed,
            "note": self.note,
        }


def diff(a: pa.Table, b: pa.Table, key: Sequence[str] = ()) -> TableDiff:
    """Compare two tables.

    Parameters
    ----------
    a, b : pyarrow.Table
        The older and the newer rows.
    key : sequence of str
        What identifies a row. Where it is missing or repeated in either table, whole rows are counted instead.

    Examples
    --------
    >>> import pyarrow as pa
    >>> old, new = pa.table({"id": [1, 2], "y": [5, 6]}), pa.table({"id": [2, 3], "y": [7, 8]})
    >>> made = diff(old, new, ["id"])
    >>> made.added, made.removed, made.changed, dict(made.cells), made.examples[0]["y"]
    (1, 1, 1, {'y': 1}, ['6', '7'])
    """
    added = tuple(name for name in b.column_names if name not in a.column_names)
    removed = tuple(name for name in a.column_names if name not in b.column_names)
    both = [name for name in a.column_names if name in b.column_names]
    types = {name: (a.schema.field(name).type, b.schema.field(name).type) for name in both}
    retyped = {name: (_named(old), _named(new)) for name, (old, new) in types.items() if old != new}
    with session({"a": a, "b": b}) as duck:
        note = _unusable(duck, key, both)
        # Whole numbers and others meet as numbers, columns of any other two types as text.
        moved = {name: "DOUBLE" if set(types) == {"int", "float"} else "VARCHAR" for name, types in retyped.items()}
        counted = _by_content(duck, both, moved) if note else _by_key(duck, key, both, moved)
    return TableDiff(
        columns_added=added,
        columns_removed=removed,
        retyped=retyped,
        keyed=not note,
        note=note,
        **counted,  # type: ignore[arg-type]
    )


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
    # IS NOT DISTINCT FROM lets a missing key value match a missing one.
    on = " AND ".join(f"{_side('a', name, retyped)} IS NOT DISTINCT FROM {_side('b', name, retyped)}" for name in key)
    moved = {name: f"{_side('a', name, retyped)} IS DISTINCT FROM {_side('b', name, retyped)}" for name in others}
    any_moved = " OR ".join(moved.values()) or "false"
    left, right = (f"(SELECT *, true AS noria_here FROM {side}) {side}" for side in ("a", "b"))  # noqa: S608 - constants
    with_marks = f"FROM {left} FULL OUTER JOIN {right} ON {on}"
    both_here = "(a.noria_here AND b.noria_here)"
    counts = [
        "count(*) FILTER (WHERE a.noria_here IS NULL)",
        "count(*) FILTER (WHERE b.noria_here IS NULL)",
        f"count(*) FILTER (WHERE {both_here} AND ({any_moved}))",
        f"count(*) FILTER (WHERE {both_here})",
        *(f"count(*) FILTER (WHERE {both_here} AND {test})" for test in moved.values()),
    ]
    row = one_row(duck, f"SELECT {', '.join(counts)} {with_marks}")
    new, gone, changed, kept, *cells = row
    examples = []
    if changed:
        chosen = ", ".join(
            [f"CAST(b.{quoted(name)} AS VARCHAR)" for name in key]
            + [f"CASE WHEN {test} THEN [{_text('a', name)}, {_text('b', name)}] END" for name, test in moved.items()]
        )
        found = duck.execute(
            f"SELECT {chosen} {with_marks} WHERE {both_here} AND ({any_moved}) ORDER BY 1 LIMIT {_SHOWN}"
        ).fetchall()
        names = [*key, *others]
        examples = [
            {name: value for name, value in zip(names, cells_of, strict=True) if value is not None}
            for cells_of in found
        ]
    return {
        "added": new,
        "removed": gone,
        "changed": changed,
        "unchanged": kept - changed,
        "cells": {name: count for name, count in zip(others, cells, strict=True) if count},
        "examples": tuple(examples),
    }


def _by_content(duck: duckdb.DuckDBPyConnection, both: Sequence[str], retyped: Mapping[str, str]) -> dict[str, object]:
    if not both:
        return {"added": 0, "removed": 0, "changed": 0, "unchanged": 0}

    def counted(side: str) -> str:
        row = ", ".join(_side(side, name, retyped) for name in both)
        return f"(SELECT hash({row}) AS h, count(*) AS n FROM {side} GROUP BY ALL)"  # noqa: S608 - names are quoted

    matched = f"{counted('a')} a FULL OUTER JOIN {counted('b')} b USING (h)"
    new, gone, same = one_row(duck, f"{_MULTISET} FROM {matched}")
    return {"added": new, "removed": gone, "changed": 0, "unchanged": same}


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
