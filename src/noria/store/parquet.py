"""Parquet files of any size: read and written some rows at a time where memory has no room for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from noria.store.aside import spooled
from noria.store.memory import is_large

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from noria.store.blobs import Blobs, BlobWriter
    from noria.store.digest import Digest

__all__ = ["GROWTH", "keep_rows", "read_rows", "write_rows"]

GROWTH = 4
"""Times that rows take more room in memory than in a file, about."""

_ROWS = 32_768
_BUFFER = 1 << 16


def read_rows(path: Path) -> pa.Table:
    """Read all rows of a file; those of a large one lie on disk.

    Parameters
    ----------
    path : Path
        A Parquet file.
    """
    # Without these two Arrow holds whole row groups, compressed, beside the rows at hand.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
        size = sum(file.metadata.row_group(place).total_byte_size for place in range(file.metadata.num_row_groups))
        if is_large(max(size, path.stat().st_size)):
            schema = file.schema_arrow
            return spooled(schema, (batch.columns for batch in file.iter_batches(_ROWS)))
    return pq.read_table(path)


def write_rows(table: pa.Table, sink: BinaryIO | pa.NativeFile, *, row_group_size: int, **options: object) -> None:
    """Write rows: equal rows give equal bytes, whatever pieces they come in.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    sink : file
        Open for writing.
    row_group_size : int
        Rows that are compressed together, and of which a copy is made.
    **options
        As `pyarrow.parquet.ParquetWriter` takes them.

    Examples
    --------
    >>> whole = pa.table({"a": [1, 2, 3]})
    >>> one, other = pa.BufferOutputStream(), pa.BufferOutputStream()
    >>> write_rows(whole, one, row_group_size=2)
    >>> write_rows(pa.concat_tables([whole.slice(0, 1), whole.slice(1)]), other, row_group_size=2)
    >>> one.getvalue().equals(other.getvalue())
    True
    """
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        for start in range(0, max(1, table.num_rows), row_group_size):
            # One chunk a column; Arrow begins a new page where a chunk ends.
            writer.write_table(table.slice(start, row_group_size).combine_chunks(), row_group_size=row_group_size)


def keep_rows(table: pa.Table, blobs: Blobs, *, row_group_size: int, **options: object) -> Digest:
    """Keep rows as a Parquet file in the store, without holding the file in memory.

    Parameters
    ----------
    table, row_group_size, **options
        As `write_rows` takes them.
    blobs : Blobs
        The store.
    """
    with blobs.writer() as writer:
        write_rows(table, pa.PythonFile(_Sink(writer), "w"), row_group_size=row_group_size, **options)
        return writer.finish()


class _Sink:
    """A writer of the store as Arrow wants a file to be."""

    closed = False

    def __init__(self, writer: BlobWriter) -> None:
        self.write = writer.write

    def flush(self) -> None:
        """Leave it to the writer."""

    def close(self) -> None:
        """Leave it to the writer."""
