"""Which row of an older table a row follows from: what storing versions by their changes begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noria.datasets.sql import quoted, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Rows = npt.NDArray[np.int64]

__all__ = ["match"]


def match(new: pa.Table, old: pa.Table, key: Sequence[str] = ()) -> npt.NDArray[np.int64]:
    """Find for each row the one of an older table that it was.

    Parameters
    ----------
    new, old : pyarrow.Table
        The newer and the older rows.
    key : sequence of str
        What identifies a row. Where it is not in both tables, rows are matched that are the same in all columns of
        both, and between two of them those that changed, where as many stand there now as before.

    Returns
    -------
    ndarray of int64, shape (rows of the newer table,)
        Number of the older row, each given once at most; -1 for none.

    Examples
    --------
    >>> import pyarrow as pa
    >>> old = pa.table({"id": [1, 2, 3], "y": [5, 6, 7]})
    >>> match(pa.table({"id": [3, 4, 1], "y": [7, 8, 9]}), old, ["id"]).tolist()
    [2, -1, 0]
    >>> match(pa.table({"id": [1, 2, 3], "y": [5, 9, 7]}), old).tolist()
    [0, 1, 2]
    """
    types = {field.name: field.type for field in old.schema}
    both = [field.name for field in new.schema if types.get(field.name) == field.type]
    keyed = bool(key) and set(key) <= set(both)
    names = list(key) if keyed else both
    if not names or not new.num_rows or not old.num_rows:
        return np.full(new.num_rows, -1, np.int64)
    found = _pair(*(_hashes(table, names) for table in (new, old)))
    return found if keyed else _between(found, old.num_rows)


def _hashes(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.uint64]:
    # Two rows of one hash are taken for the same: a wrong match costs a little room, never a wrong row.
    columns = ", ".join(quoted(name) for name in names)
    with session({"t": table.select(list(names))}) as duck:
        found = duck.execute(f"SELECT hash({columns}) AS h FROM t").fetchnumpy()["h"]  # noqa: S608 - names are quoted
    return np.asarray(found, np.uint64)


def _pair(new: npt.NDArray[np.uint64], old: npt.NDArray[np.uint64]) -> Rows:
    """Pair equal values: the first with the first, the second with the second."""
    found = np.full(len(new), -1, np.int64)
    same = min(len(new), len(old))
    if np.array_equal(new[:same], old[:same]):
        found[:same] = np.arange(same)  # rows were added at the end, or taken from there
        return found
    at = np.asarray(pc.index_in(pa.array(new), value_set=pa.array(old)).fill_null(-1), np.int64)
    if np.bincount(at[at >= 0], minlength=1).max() <= 1:
        return at  # no value is there twice, which is the quicker to tell
    by_new, by_old = np.argsort(new, kind="stable"), np.argsort(old, kind="stable")
    new_sorted, old_sorted = new[by_new], old[by_old]
    rank = np.arange(len(new)) - np.searchsorted(new_sorted, new_sorted, side="left")
    place = np.searchsorted(old_sorted, new_sorted, side="left") + rank
    inside = place < len(old)
    hit = inside & (old_sorted[np.minimum(place, len(old) - 1)] == new_sorted)
    found[by_new[hit]] = by_old[place[hit]]
    return found


def _between(found: Rows, old_rows: int) -> Rows:
    """Match rows that stand where as many older ones stood between the same neighbours."""
    lost = found < 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    before = np.where(starts > 0, found[np.maximum(starts - 1, 0)], -1)
    after = np.where(ends < len(found), found[np.minimum(ends, len(found) - 1)], old_rows)
    fits = after - before - 1 == ends - starts
    free = np.ones(old_rows + 1, bool)
    free[found[~lost]] = False
    taken = np.concatenate([[0], np.cumsum(~free[:-1])])
    fits[fits] &= taken[after[fits]] == taken[before[fits] + 1]
    lengths = (ends - starts)[fits]
    steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found[np.repeat(starts[fits], lengths) + steps] = np.repeat(before[fits] + 1, lengths) + steps
    return found
