"""Files of the log: Arrow streams while they grow, Parquet once they are closed.

A stream that was cut off anywhere still gives every complete batch, which neither Parquet nor Arrow's file format
does: both keep their table of contents at the end.
"""

from __future__ import annotations

import fcntl
import io
import os
from typing import TYPE_CHECKING

from noria.store.files import ensure_folder, sync_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pyarrow as pa

__all__ = ["CLOSED", "OPEN", "Segment", "compact", "read_segment"]

OPEN, CLOSED = ".arrows", ".parquet"


class Segment:
    """One growing stream. The process that writes it holds a lock on it until it dies.

    Parameters
    ----------
    path : Path
        A new file, ending in ``.arrows``.
    schema : pyarrow.Schema
        Of every batch.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        ensure_folder(path.parent)
        self.path = path
        self.rows = 0
        self._file = path.open("xb")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._stream = pa.ipc.new_stream(self._file, schema, options=options)
            sync_folder(path.parent)
        except OSError:
            self._file.close()
            raise

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch; it survives the process when this returns, and the machine too."""
        self._stream.write_batch(batch)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows += batch.num_rows

    def abandon(self) -> None:
        """Let go of a stream that could not be written to."""
        self._file.close()

    def close(self) -> None:
        """End the stream."""
        try:
            self._stream.close()
            self._file.flush()
        finally:
            self._file.close()


def read_segment(path: Path, columns: Sequence[str] | None = None) -> pa.Table | None:
    """Read every complete batch of a segment; None when not even its schema is whole, or it is gone.

    Of a closed one only `columns` are read, where they are given; a growing one is read whole.
    A segment that has been compacted between listing and reading is read as what it became.
    """
    try:
        if path.suffix == CLOSED:
            return _closed(path, columns)
        with path.open("rb") as file:
            return _batches(file)
    except FileNotFoundError:
        moved = path.with_suffix(CLOSED)
        return _closed(moved, columns) if path.suffix == OPEN and moved.exists() else None


def _closed(path: Path, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    with pq.ParquetFile(path) as file:
        # Columns that another version's rows have are left out, where pyarrow's read_table refuses them.
        return file.read(columns=columns)


def _batches(file: BinaryIO) -> pa.Table | None:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    try:
        stream = pa.ipc.open_stream(file)
    except (pa.ArrowInvalid, OSError):
        return None
    found = []
    while True:
        try:
            found.append(stream.read_next_batch())
        except StopIteration:
            break
        except (pa.ArrowInvalid, OSError):
            # Cut off here: the process was killed while it wrote, or is writing now.
            break
    return pa.Table.from_batches(found, schema=stream.schema)


def compact(path: Path) -> Path | None:
    """Turn a stream that nobody writes any more into Parquet; give None where somebody still does.

    The Parquet file appears whole under its final name before the stream goes, and readers prefer it: at every
    instant each row is read once.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        table = read_segment(path)
        final = path.with_suffix(CLOSED)
        if table is not None and table.num_rows:
            whole = io.BytesIO()
            pq.write_table(table, whole, compression="zstd")
            write_atomic(final, whole.getvalue())
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        return final if final.exists() else None
