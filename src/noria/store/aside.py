"""Columns put aside: they lie in a file without a name and are mapped into memory, which the kernel takes back at will.

A table stays a `pyarrow.Table`, and whatever works with tables works with these; but of a table larger than memory
only the column at hand takes memory of its own. The file is gone when nobody holds the column any more, and with the
process, however that ends.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noria.errors import StoreUnavailable
from noria.store.files import ensure_folder
from noria.store.memory import GRANT, folder_aside, is_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["Gathered", "chosen", "column_aside", "filtered", "shelve", "spooled", "without_copies"]

_ROWS = 1 << 20


def column_aside(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Move one column to disk.

    Examples
    --------
    >>> column_aside(pa.chunked_array([[1, None], [3]])).to_pylist()
    [1, None, 3]
    """
    return spooled(pa.schema([("", column.type)]), ([chunk] for chunk in _pieces(column))).column(0)


def spooled(schema: pa.Schema, rows: Iterable[list[pa.Array]]) -> pa.Table:
    """Write rows to disk as they come and give the table that they make.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the rows.
    rows : iterable of list of pyarrow.Array
        Their columns, some rows at a time.

    Raises
    ------
    StoreUnavailable
        The disk is full, or fails.

    Examples
    --------
    >>> spooled(pa.schema([("a", pa.int64())]), [[pa.array([1, 2])], [pa.array([3])]]).to_pydict()
    {'a': [1, 2, 3]}
    """
    with _file() as name:
        with _told():
            sink = pa.OSFile(name, "wb")
            writer = pa.ipc.new_stream(sink, schema)
        try:
            for columns in rows:  # what goes wrong with them is theirs to tell
                batch = pa.RecordBatch.from_arrays(columns, schema=schema)
                if batch.num_rows:
                    with _told():
                        writer.write_batch(batch)
        finally:
            with _told():
                writer.close()
                sink.close()
        table: pa.Table = pa.ipc.open_stream(pa.memory_map(name)).read_all()
    return table


def shelve(table: pa.Table, *, like: pa.Table | None = None) -> pa.Table:
    """Move the columns of a large table to disk; a small one stays as it is.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    like : pyarrow.Table, optional
        What the table was made of: columns that are still those lie on disk already.
    """
    if not is_large(table.nbytes):
        return table
    known = {} if like is None else {_place(column): column for column in like.columns}
    columns = [known.get(_place(column)) or column_aside(column) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)


def without_copies(table: pa.Table) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    """Give what to do with each column that is made of one of a table's: kept where the table is small, else aside.

    Examples
    --------
    >>> table = pa.table({"a": [1, 2]})
    >>> keep = without_copies(table)
    >>> keep(table["a"]) is table["a"] or keep(table["a"]).equals(table["a"])
    True
    """
    if not is_large(table.nbytes):
        return lambda column: column
    known = {_place(column) for column in table.columns}
    return lambda column: column if _place(column) in known else column_aside(column)


def filtered(table: pa.Table, mask: pa.ChunkedArray | pa.Array) -> pa.Table:
    """Give the rows for which a mask is true; of a large table without holding them in memory.

    Examples
    --------
    >>> filtered(pa.table({"a": [1, 2, 3]}), pa.array([True, None, True])).to_pydict()
    {'a': [1, 3]}
    """
    if not is_large(table.nbytes):
        return table.filter(mask)
    kept = np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))
    return chosen(table, kept)


def chosen(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Give some rows of a table in their order; of a large one without holding more than a column in memory.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    rows : ndarray of int64
        Which; those in ascending order are found without a copy of the whole column.

    Examples
    --------
    >>> chosen(pa.table({"a": ["x", "y", "z"]}), np.array([0, 2])).to_pydict()
    {'a': ['x', 'z']}
    """
    if not is_large(table.nbytes) or not table.num_columns:
        return table.take(pa.array(rows))
    ascending = bool((rows[1:] >= rows[:-1]).all())
    columns = []
    for column in table.columns:
        taken = _taken(column, rows) if ascending else column.take(pa.array(rows)).chunks
        columns.append(spooled(pa.schema([("", column.type)]), ([piece] for piece in taken)).column(0))
    return pa.Table.from_arrays(columns, schema=table.schema)


class Gathered:
    """Tables that come one after the other: held in memory until they are many, then on disk.

    Examples
    --------
    >>> gathered = Gathered()
    >>> gathered.add(pa.table({"a": [1]}))
    >>> gathered.add(pa.table({"a": [2]}))
    >>> [table.num_rows for table in gathered.tables()]
    [1, 1]
    """

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._held: list[list[pa.Table]] = []  # runs of tables of one schema
        self._bytes = 0

    def add(self, table: pa.Table) -> None:
        """Take one more.

        Raises
        ------
        StoreUnavailable
            The disk is full, or fails.
        """
        if not self._held or self._held[-1][0].schema != table.schema:
            self._held.append([])
        self._held[-1].append(table)
        self._bytes += table.nbytes
        if is_large(self._bytes):
            for run in self._held:
                rows = (batch.columns for part in run for batch in part.to_batches(max_chunksize=_ROWS))
                self._parts.append(spooled(run[0].schema, rows))
            self._held, self._bytes = [], 0

    def tables(self) -> list[pa.Table]:
        """Give all, in the order they came; those of one schema may have become one."""
        return [*self._parts, *(table for run in self._held for table in run)]


def _pieces(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    for chunk in column.chunks:
        for start in range(0, len(chunk), _ROWS):
            yield chunk.slice(start, _ROWS)


def _taken(column: pa.ChunkedArray, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
    # From one chunk at a time: Arrow would put the chunks of a column of text together first.
    start = 0
    for piece in _pieces(column):
        low, high = np.searchsorted(rows, [start, start + len(piece)])
        if high > low:
            yield piece.take(pa.array(rows[low:high] - start))
        start += len(piece)


def _place(column: pa.ChunkedArray) -> tuple[object, ...]:
    """Say where a column lies in memory."""
    found: list[object] = [column.type]
    for chunk in column.chunks:
        found += [len(chunk), chunk.offset, *(0 if buffer is None else buffer.address for buffer in chunk.buffers())]
    return tuple(found)


@contextmanager
def _file() -> Iterator[str]:
    """Make a file without a name; it is gone when nobody has it open or mapped."""
    with _told():
        ensure_folder(folder_aside())
        file = tempfile.TemporaryFile(dir=folder_aside())  # noqa: SIM115 - closed below
    with file:
        yield f"/dev/fd/{file.fileno()}"


@contextmanager
def _told() -> Iterator[None]:
    """Tell what the system says of the place as an error with a mend."""
    try:
        yield
    except OSError as error:
        granted = os.environ.get(GRANT)
        raise StoreUnavailable(
            f"a large table cannot be put aside in {folder_aside()}: "
            f"{os.strerror(error.errno) if error.errno else error}",
            why="tables that memory has no room for are worked on from disk",
            mend="make room there" + (f", or grant more memory than {GRANT}={granted}" if granted else ""),
            code="N-STORE-075",
        ) from error
