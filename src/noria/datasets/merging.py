"""New and changed rows merged into those of the last pull; nothing is lost, nothing is there twice."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noria.datasets.parquet import fingerprint
from noria.datasets.sql import quoted, session
from noria.sources.inference import alike
from noria.store.aside import chosen, filtered

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Merged", "merge", "unlike"]


@dataclass(frozen=True)
class Merged:
    """Rows after a merge.

    Parameters
    ----------
    table : pyarrow.Table
        All of them.
    added, known : int
        Of the rows that came: new ones, and ones whose key (or value at the boundary) was there before.
    """

    table: pa.Table
    added: int
    known: int


def unlike(base: pa.Table, fetched: pa.Table) -> str:
    """Say why rows cannot be merged with those of the last pull; nothing where they can.

    Examples
    --------
    >>> unlike(pa.table({"a": [1], "b": [2]}), pa.table({"b": [2.5], "a": [1]}))
    ''
    >>> unlike(pa.table({"a": [1]}), pa.table({"a": [1], "b": [2]}))
    'its columns are others: b came'
    """
    here, there = set(base.column_names), set(fetched.column_names)
    came = [name for name in fetched.column_names if name not in here]
    went = [name for name in base.column_names if name not in there]
    if came or went:
        told = [f"{', '.join(came)} came"] if came else []
        return "its columns are others: " + " and ".join([*told, *([f"{', '.join(went)} went"] if went else [])])
    for name in base.column_names:
        old, new = base.column(name), fetched.column(name)
        if old.type == new.type or _all_missing(old) or _all_missing(new) or (_number(old.type) and _number(new.type)):
            continue
        return f"column {name} was {old.type} and is {new.type}"
    return ""


def merge(base: pa.Table, fetched: pa.Table, *, key: Sequence[str], column: str, bound: object) -> Merged:
    """Merge rows that were fetched from a value on.

    Parameters
    ----------
    base : pyarrow.Table
        Rows of the last pull.
    fetched : pyarrow.Table
        All rows the source has from `bound` on, and those without a value; columns as `unlike` allows.
    key : sequence of str
        What identifies a row: a row that came takes the place of the one with its key, others are appended. Without a
        key the rows of the base from `bound` on are replaced by those that came.
    column : str
        What `bound` is a value of.
    bound : object
        Time, number or text.

    Examples
    --------
    >>> base = pa.table({"id": [1, 2, 3], "at": [1, 2, 2], "y": [0, 0, 0]})
    >>> fetched = pa.table({"id": [3, 1, 4], "at": [2, 3, 3], "y": [0, 1, 1]})
    >>> merge(base, fetched, key=["id"], column="at", bound=2).table.to_pydict()
    {'id': [1, 2, 3, 4], 'at': [3, 2, 2, 3], 'y': [1, 0, 0, 1]}
    >>> merge(base, fetched, key=[], column="at", bound=2).table["id"].to_pylist()
    [1, 3, 1, 4]
    """
    base, fetched = alike([base, fetched.select(base.column_names)])
    if key:
        return _by_key(base, fetched, key, column, bound)
    at_bound = _from(base, column, bound)
    old = filtered(base, at_bound)
    if old.num_rows == fetched.num_rows and fingerprint(old) == fingerprint(fetched):
        return Merged(base, 0, fetched.num_rows)  # the same rows, which may have come in another order
    kept = filtered(base, pc.invert(at_bound))
    known = min(old.num_rows, fetched.num_rows)
    return Merged(pa.concat_tables([kept, fetched]), fetched.num_rows - known, known)


def _by_key(base: pa.Table, fetched: pa.Table, key: Sequence[str], column: str, bound: object) -> Merged:
    # A row without a whole key is nobody's successor: those from the bound on are replaced as if there were no key.
    loose = pc.and_(pc.invert(_complete(base, key)), _from(base, column, bound))
    if pc.any(loose).as_py():
        base = filtered(base, pc.invert(loose))
    names = [f"k{position}" for position in range(len(key))]
    sides = {
        side: pa.table([table.column(name) for name in key], names=names).append_column(
            "place", pa.array(np.arange(table.num_rows))
        )
        for side, table in (("b", base), ("f", fetched))
    }
    columns = ", ".join(names)
    numbered = "SELECT *, row_number() OVER (PARTITION BY {columns} ORDER BY place) AS nth FROM {side}"
    same = " AND ".join(f"o.{quoted(name)} = n.{quoted(name)}" for name in [*names, "nth"])
    with session(sides) as duck:
        pairs = duck.sql(
            f"SELECT o.place AS old, n.place AS new FROM ({numbered.format(columns=columns, side='b')}) o "  # noqa: S608 - the names are ours
            f"JOIN ({numbered.format(columns=columns, side='f')}) n ON {same}"
        ).to_arrow_table()
    # Each place of the base takes its own row or the successor's; what succeeds nobody is appended.
    places = np.arange(base.num_rows, dtype=np.int64)
    old, new = (pairs[side].to_numpy() for side in ("old", "new"))
    places[old] = base.num_rows + new
    left = np.ones(fetched.num_rows, dtype=bool)
    left[new] = False
    if not left.any() and base.take(pa.array(old)).equals(fetched.take(pa.array(new))):
        return Merged(base, 0, fetched.num_rows)  # the boundary's rows again, as they were
    places = np.concatenate([places, base.num_rows + np.flatnonzero(left)])
    both = pa.concat_tables([base, fetched])
    return Merged(chosen(both, places), int(left.sum()), fetched.num_rows - int(left.sum()))


def _from(table: pa.Table, column: str, bound: object) -> pa.ChunkedArray:
    cells = table.column(column)
    missing = pc.is_null(cells)
    if bound is None or _all_missing(cells):
        return missing
    if isinstance(bound, str) and pa.types.is_string(cells.type):
        # How texts are ordered is the database's affair; not so whether two are equal, or times of one form.
        if re.match(r"\d{4}-\d\d-\d\d", bound):
            alike = pc.equal(pc.utf8_length(cells), len(bound))
            return pc.or_(missing, pc.fill_null(pc.and_(alike, pc.greater_equal(cells, bound)), False))
        return pc.or_(missing, pc.fill_null(pc.equal(cells, bound), False))
    return pc.or_(missing, pc.fill_null(pc.greater_equal(cells, _as_cell(bound, cells.type)), False))


def _as_cell(bound: object, kind: pa.DataType) -> pa.Scalar:
    if isinstance(bound, datetime):
        bound = bound.astimezone(UTC).replace(tzinfo=None) if bound.tzinfo else bound
    elif isinstance(bound, date):
        bound = datetime.combine(bound, time())
    elif isinstance(bound, Decimal):
        bound = float(bound)
    elif isinstance(bound, str) and pa.types.is_timestamp(kind):  # kept as text, perhaps with its zone
        with suppress(ValueError):
            return _as_cell(datetime.fromisoformat(bound), kind)
    return pa.scalar(bound).cast(kind, safe=False) if not isinstance(bound, str) else pa.scalar(bound).cast(kind)


def _complete(table: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    whole = pc.is_valid(table.column(key[0]))
    for name in key[1:]:
        whole = pc.and_(whole, pc.is_valid(table.column(name)))
    return whole


def _all_missing(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count == len(column))


def _number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
