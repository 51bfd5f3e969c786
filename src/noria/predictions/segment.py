"""Files of the log: frames of rows while they grow, Parquet once they are closed.

What was cut off anywhere still gives every complete frame (`noria.predictions.frames`), which neither Parquet nor
Arrow's file format does: both keep their table of contents at the end.
"""

from __future__ import annotations

import fcntl
import os
from itertools import chain
from typing import TYPE_CHECKING

from noria.predictions.frames import first_frame, frame, read_frames
from noria.store.files import ensure_folder, replacing, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pyarrow as pa

    from noria.predictions.entry import Layout

__all__ = ["CLOSED", "GROWING", "OPEN", "Segment", "compact", "is_growing", "read_segment"]

OPEN, CLOSED = ".rows", ".parquet"
GROWING = (OPEN, ".arrows")
"""What may still be growing, or was cut off; the second is how noria wrote before, and is only read."""


_GROUP_ROWS = 10_000
"""Of a row group of Parquet: what is in memory at once while a segment becomes Parquet."""

_FRAME_REQUESTS = 256
"""A reader has the objects of one frame at a time: more of them, and the garbage collector takes most of the time."""


class Segment:
    """One growing file. The process that writes it holds a lock on it until it dies.

    Parameters
    ----------
    path : Path
        A new file, ending in ``.rows``.
    layout : Layout
        Of every row.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        ensure_folder(path.parent)
        self.path = path
        self.requests = self.rows = 0
        # Unbuffered: what could not be written must not be tried again when the file is closed.
        self._file = path.open("xb", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._append(first_frame(layout))
            sync_folder(path.parent)
        except OSError:
            self._file.close()
            raise

    def write(self, requests: Sequence[bytes], rows: int) -> None:
        """Append so many rows of some requests; they survive the process when this returns, and the machine too."""
        starts = range(0, len(requests), _FRAME_REQUESTS)
        self._append(b"".join(frame(requests[start : start + _FRAME_REQUESTS]) for start in starts))
        os.fsync(self._file.fileno())
        self.requests += len(requests)
        self.rows += rows

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


def is_growing(path: Path) -> bool:
    """Say whether a living process writes it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def read_segment(path: Path, columns: Sequence[str] | None = None) -> pa.Table | None:
    """Read every complete part of a segment; None when not even its layout is whole, or it is gone.

    Only `columns` are read, where they are given.
    A segment that has been compacted between listing and reading is read as what it became.
    """
    try:
        if path.suffix == CLOSED:
            return _closed(path, columns)
        with path.open("rb") as file:
            return _framed(file, columns) if path.suffix == OPEN else _streamed(file)
    except FileNotFoundError:
        moved = path.with_suffix(CLOSED)
        return _closed(moved, columns) if path.suffix != CLOSED and moved.exists() else None


def _closed(path: Path, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    with pq.ParquetFile(path) as file:
        # Columns that another version's rows have are left out, where pyarrow's read_table refuses them.
        return file.read(columns=columns)


def _framed(file: BinaryIO, columns: Sequence[str] | None) -> pa.Table | None:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    found = _batches(file, columns)
    return None if found is None else pa.Table.from_batches(found)


def _batches(file: BinaryIO, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch] | None:
    """Give an empty batch and then one for each frame; None when not even the layout is whole."""
    from noria.predictions.columns import batch  # noqa: PLC0415 - processes that only write read nothing

    found = read_frames(file)
    if found is None:
        return None
    layout, frames = found
    return chain([batch(layout, [], columns)], (batch(layout, rows, columns) for rows in frames))


def _parts(file: BinaryIO, form: str) -> Iterator[pa.Table]:
    """Give the rows of a growing segment in tables of a size that Parquet compresses well, one at a time."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if form != OPEN:
        table = _streamed(file)
        if table is not None and table.num_rows:
            yield table
        return
    held: list[pa.RecordBatch] = []
    rows = 0
    for each in _batches(file) or ():
        held.append(each)
        rows += each.num_rows
        if rows >= _GROUP_ROWS:
            yield pa.Table.from_batches(held).combine_chunks()
            held, rows = [], 0
    if rows:
        yield pa.Table.from_batches(held).combine_chunks()


def _streamed(file: BinaryIO) -> pa.Table | None:
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
    """Turn a growing segment that nobody writes any more into Parquet; give None where somebody still does.

    The Parquet file appears whole under its final name before the other goes, and readers prefer it: at every
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
        final = path.with_suffix(CLOSED)
        parts = _parts(file, path.suffix)
        first = next(parts, None)
        if first is not None:
            with replacing(final) as whole, pq.ParquetWriter(whole, first.schema, compression="zstd") as writer:
                for part in chain([first], parts):
                    writer.write_table(part)
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        return final if final.exists() else None
