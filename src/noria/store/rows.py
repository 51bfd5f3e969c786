"""A Parquet file as what its rows add to those of an older one.

Compressed pages hide what stayed the same, and in plain ones a row that came or went costs a break in each column. So
the rows are matched instead: kept are where each run of them stood, the rows that are new, and the cells that changed.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from blake3 import blake3

from noria.errors import CorruptedBlob
from noria.store.compression import zstd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

__all__ = ["decode", "digest_rows", "encode", "is_written_as", "read_rows", "write_rows"]

_LEVEL = 9  # what is left is small
_MOST_BYTES = 16 << 30
_OPTIONS = {"compression", "compression_level", "row_group_size", "version", "data_page_version", "use_dictionary"}
"""What may be said of how a file is written: a delta may have come from elsewhere."""


def encode(
    table: pa.Table, before: pa.Table, match: npt.NDArray[np.int64], options: Mapping[str, object]
) -> tuple[bytes, str] | None:
    """Say what the rows of a table add to those of another.

    Parameters
    ----------
    table, before : pyarrow.Table
        The newer and the older rows.
    match : ndarray of int64, shape (rows of the newer table,)
        Which old row each new one is most like, from 0; -1 for none. Whatever it says, the rows come out right; how
        well it says it decides how much is kept.
    options : mapping
        What `pyarrow.parquet.write_table` is told when the newer rows are written.

    Returns
    -------
    (bytes, str) or None
        What to keep, and the digest of the rows; None where the columns are of a kind that is kept whole.

    Examples
    --------
    >>> old, new = pa.table({"a": [1, 2, 3]}), pa.table({"a": [1, 4, 3, 9]})
    >>> kept, _ = encode(new, old, np.array([0, 1, 2, -1]), {})
    >>> decode(kept, old)[0].equals(new)
    True
    """
    if len(match) != table.num_rows or not all(_is_plain(field.type) for field in table.schema):
        return None
    fields = {field.name: field.type for field in before.schema}
    names = [field.name for field in table.schema if fields.get(field.name) == field.type]
    if not names or any(len(set(one.column_names)) != one.num_columns for one in (table, before)):
        return None
    is_fresh = match < 0
    fresh = np.flatnonzero(is_fresh)
    index = match.copy()
    index[fresh] = before.num_rows + np.arange(len(fresh))
    shared = table.select(names)
    parts = {"moves": _runs(index), "rows": shared.take(pa.array(fresh))}
    aligned = _taken(before.select(names), np.where(is_fresh, 0, match)) if before.num_rows else shared
    for number, name in enumerate(names):
        places = np.flatnonzero(_differs(shared.column(name), aligned.column(name)) & ~is_fresh)
        if len(places):
            values = shared.column(name).take(pa.array(places)).combine_chunks()
            parts[f"cells {number}"] = pa.table({"step": _steps(places), "value": values})
    others = [name for name in table.column_names if name not in names]
    if others:
        parts["columns"] = table.select(others)
    header = json.dumps({"names": names, "order": table.column_names, "options": dict(options), "parts": list(parts)})
    return _packed([header.encode(), *(_stream(part) for part in parts.values())]), digest_rows(table)


def decode(data: bytes, before: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
    """Give the newer rows again, from what was kept and the older rows, and how they are written.

    Raises
    ------
    CorruptedBlob
        What was kept is damaged.
    """
    try:
        head, *streams = _unpacked(data)
        header = json.loads(head)
        parts = {
            name: pa.ipc.open_stream(stream).read_all() for name, stream in zip(header["parts"], streams, strict=True)
        }
        for part in parts.values():
            part.validate(full=True)
        if not set(header["options"]) <= _OPTIONS:
            raise ValueError("it is written in a way that is not known")
        return _rebuilt(header, parts, before), header["options"]
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zstd.ZstdError, pa.ArrowException) as error:
        raise CorruptedBlob(
            "what the rows of one version add to another is damaged",
            why=str(error),
            mend="noria fsck     says what needs it, and how to get it back",
            code="N-STORE-051",
        ) from error


def read_rows(data: bytes) -> pa.Table:
    """Read a Parquet file."""
    return pq.read_table(pa.BufferReader(data))


def is_written_as(table: pa.Table, data: bytes) -> bool:
    """Say whether a Parquet file that was written from a table gives back its very types."""
    return bool(pq.read_schema(pa.BufferReader(data)).equals(table.schema, check_metadata=True))


def write_rows(table: pa.Table, options: Mapping[str, Any]) -> bytes:
    """Write a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def digest_rows(table: pa.Table) -> str:
    """Name rows by their values, in order, whatever file they stand in.

    Examples
    --------
    >>> digest_rows(pa.table({"a": [1, None]})) == digest_rows(pa.table({"a": [1, 0]}))
    False
    """
    hasher = blake3()
    for field in table.schema:
        hasher.update(json.dumps([field.name, str(field.type), table.num_rows]).encode())
        for part in _values(table.column(field.name)):
            hasher.update(np.ascontiguousarray(part).data.cast("B"))
    return hasher.hexdigest()


def _is_plain(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_null(kind)
    )


def _values(column: pa.ChunkedArray) -> list[npt.NDArray[np.generic]]:
    """Give a column as plain arrays: which cells are missing, and the bytes of the others."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(array, pa.ChunkedArray):  # no rows, in some versions
        array = pa.array([], column.type)
    missing = pc.is_null(array).to_numpy(zero_copy_only=False)
    kind = array.type
    if pa.types.is_null(kind):
        return [missing]
    if pa.types.is_boolean(kind):
        return [missing, pc.fill_null(array, False).cast(pa.uint8()).to_numpy(zero_copy_only=False)]
    if not _is_text(kind):
        width = kind.bit_width // 8
        values = np.frombuffer(array.buffers()[1] or b"", np.uint8)
        values = values[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)
        if array.null_count:
            values = np.where(missing[:, None], np.uint8(0), values)  # what lies beneath a missing cell is anything
        return [missing, values.view(f"V{width}").reshape(-1) if width not in (1, 2, 4, 8) else _numbers(values, width)]
    dropped = array.drop_null()
    lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
    text = dropped.cast(pa.large_binary())
    offsets = np.frombuffer(text.buffers()[1] or bytes(8), np.int64)[text.offset :]
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    return [missing, lengths, data[offsets[0] : offsets[len(text)]] if len(text) else data[:0]]


def _numbers(values: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.generic]:
    return np.ascontiguousarray(values).view(f"<u{width}").reshape(-1)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _differs(a: pa.ChunkedArray, b: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Say where two columns have other bits: NaN is itself, and zero is not its negative."""
    if _is_text(a.type):
        unequal = pc.fill_null(pc.not_equal(a, b), False).to_numpy(zero_copy_only=False)
        return np.asarray(unequal | pc.is_null(a).to_numpy() ^ pc.is_null(b).to_numpy(), bool)
    found = np.zeros(len(a), bool)
    for one, other in zip(_values(a), _values(b), strict=True):
        found |= one != other
    return found


def _moved(before: pa.Table, fresh: pa.Table, index: npt.NDArray[np.int64]) -> pa.Table:
    if fresh.num_rows:
        before = pa.concat_tables([before, fresh.cast(before.schema)])
    return _taken(before, index)


def _taken(table: pa.Table, index: npt.NDArray[np.int64]) -> pa.Table:
    same = min(len(index), table.num_rows)
    if len(index) == same and np.array_equal(index, np.arange(same)):
        return table.slice(0, same)
    return table.combine_chunks().take(pa.array(index))


def _steps(places: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.diff(places, prepend=0))


def _runs(index: npt.NDArray[np.int64]) -> pa.Table:
    """Write where the rows stood as runs: how far each begins from where the one before ended, and its length."""
    first = np.flatnonzero(np.diff(index, prepend=index[:1] - 2) != 1)
    lengths = np.diff(first, append=len(index))
    starts = index[first]
    ended = np.concatenate([np.zeros(1, np.int64), (starts + lengths)[:-1]])[: len(first)]
    return pa.table({"skip": starts - ended, "rows": lengths})


def _unrun(runs: pa.Table, total: int) -> npt.NDArray[np.int64]:
    skips, lengths = (runs.column(name).to_numpy().astype(np.int64) for name in ("skip", "rows"))
    if len(lengths) and (lengths.min() < 0 or lengths.sum() > 1 << 40):
        raise ValueError("runs of rows that cannot be")
    ends = np.cumsum(skips + lengths)
    starts = ends - lengths
    offsets = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    index: npt.NDArray[np.int64] = np.arange(len(offsets), dtype=np.int64) + offsets
    if len(index) and (index.min() < 0 or index.max() >= total):
        raise ValueError("a row that was never there")
    return index


def _rebuilt(header: Mapping[str, Sequence[str]], parts: Mapping[str, pa.Table], before: pa.Table) -> pa.Table:
    names, fresh = list(header["names"]), parts["rows"]
    index = _unrun(parts["moves"], before.num_rows + fresh.num_rows)
    moved = _moved(before.select(names), fresh, index)
    columns = {}
    for number, name in enumerate(names):
        column, patch = moved.column(name), parts.get(f"cells {number}")
        if patch is not None:
            # Rows of the patch stand behind the column, and are taken in place of those they change.
            places = np.cumsum(patch.column("step").to_numpy().astype(np.int64))
            chosen = np.arange(len(column), dtype=np.int64)
            chosen[places] = len(column) + np.arange(len(places))
            both = pa.chunked_array([*column.chunks, *patch.column("value").chunks], type=column.type)
            column = both.combine_chunks().take(pa.array(chosen))
        columns[name] = column
    if "columns" in parts:
        columns |= {name: parts["columns"].column(name) for name in parts["columns"].column_names}
    return pa.table({name: columns[name] for name in header["order"]}).combine_chunks()


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _packed(parts: Sequence[bytes]) -> bytes:
    lengths = np.array([len(parts), *map(len, parts)], "<i8").tobytes()
    # With a checksum, as Arrow is not made to read what is damaged.
    names = zstd.CompressionParameter
    options: dict[int, int] = {names.compression_level: _LEVEL, names.checksum_flag: 1}
    return zstd.compress(lengths + b"".join(parts), options=options)


def _unpacked(data: bytes) -> list[bytes]:
    reader = zstd.ZstdDecompressor()
    whole = reader.decompress(data, max_length=_MOST_BYTES)
    if not reader.eof:
        raise ValueError("it is cut off, or fills the memory")
    count = int(np.frombuffer(whole[:8], "<i8")[0])
    lengths = np.frombuffer(whole[8 : 8 + 8 * count], "<i8")
    ends = 8 + 8 * count + np.cumsum(lengths)
    return [whole[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]
