"""A profile measured: each column by itself, gaps together, pairs on a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noria.datasets.associations import associate, relate
from noria.datasets.columns import measure_column
from noria.datasets.gaps import Gaps
from noria.datasets.profiled import Profile
from noria.datasets.sql import one_row, quoted, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from noria.datasets.profiled import ColumnProfile, Scalar
    from noria.datasets.schema import Schema

__all__ = ["SAMPLE", "measure", "reader", "repeated"]

SAMPLE = 20_000
"""Rows that pairs of columns are measured on: the standard error of a correlation is then below 0.008."""

_RESERVED = "_noria_"
_BLOCK = 1 << 17


def measure(
    source: pa.Table | Path,
    *,
    schema: Schema | None = None,
    target: str | None = None,
    positive: Scalar = None,
) -> Profile:
    """Measure a table; see `noria.datasets.profile.profile`."""
    rows, kinds, blocks_of = reader(source)
    hidden = {column.name for column in schema.columns if column.pii} if schema is not None else set()
    places = _places(rows)
    columns: list[ColumnProfile] = []
    sample: dict[str, pa.Array] = {}
    gaps = Gaps(rows)
    for name, kind in kinds.items():
        passing = _Passing(blocks_of(name), places)
        columns.append(measure_column(name, passing, kind, rows, hidden=name in hidden))
        gaps.add(name, passing.absent)
        if name not in hidden:
            sample[name] = passing.taken(kind)
        del passing
        pa.default_memory_pool().release_unused()  # else every column's blocks would stay beside the next one's
    unique = any(column.distinct == rows and not column.missing for column in columns)
    distinct = {column.name: column.distinct for column in columns}
    return Profile(
        rows=rows,
        columns=tuple(columns),
        duplicates=0 if unique or rows < 2 else _duplicates(source, list(kinds)),
        sample=rows if places is None else len(places),
        associations=associate(sample, distinct),
        missing_pairs=gaps.pairs(),
        missing_together=gaps.patterns(),
        target=relate(sample, distinct, target, positive) if target in sample else None,
    )


class _Passing:
    """Blocks of a column, looked at once while what is wanted of them later is put by."""

    def __init__(self, blocks: Iterator[pa.Array], places: NDArray[np.int64] | None) -> None:
        self._blocks = blocks
        self._places = places
        self._taken: list[pa.Array] = []
        self._absent: list[NDArray[np.bool_] | int] = []

    def __iter__(self) -> Iterator[pa.Array]:
        start = 0
        for block in self._blocks:
            end = start + len(block)
            if self._places is None:
                self._taken.append(block)
            else:
                low, high = np.searchsorted(self._places, (start, end))
                self._taken.append(block.take(pa.array(self._places[low:high] - start)))
            gaps = block.null_count
            self._absent.append(np.asarray(block.is_null().to_numpy(zero_copy_only=False)) if gaps else len(block))
            start = end
            yield block

    @property
    def absent(self) -> NDArray[np.bool_] | None:
        """Which rows have no value; None where all have one."""
        if not any(isinstance(part, np.ndarray) for part in self._absent):
            return None
        return np.concatenate([np.zeros(part, bool) if isinstance(part, int) else part for part in self._absent])

    def taken(self, kind: pa.DataType) -> pa.Array:
        """Give the rows of the sample."""
        is_coded = pa.types.is_dictionary(kind)
        parts = [part.cast(pa.string()) if is_coded else part for part in self._taken]
        return pa.concat_arrays(parts) if parts else pa.array([], pa.string() if is_coded else kind)


def reader(
    source: pa.Table | Path,
) -> tuple[int, dict[str, pa.DataType], Callable[[str], Iterator[pa.Array]]]:
    """Give the rows, the type of each column, and what reads one block by block."""
    if isinstance(source, Path):
        import pyarrow.parquet as pq  # noqa: PLC0415 - only where a file is read

        # Text comes as it is stored, each value once and its place in each row: a tenth of the work of writing it out.
        found = pq.read_schema(source)
        texts = [field.name for field in found if pa.types.is_string(field.type)]
        file = pq.ParquetFile(source, read_dictionary=texts, pre_buffer=False, buffer_size=1 << 16)
        kinds = {field.name: field.type for field in file.schema_arrow if not field.name.startswith(_RESERVED)}

        def stream(name: str) -> Iterator[pa.Array]:
            for batch in file.iter_batches(_BLOCK, columns=[name], use_threads=False):
                yield batch.column(0)

        return file.metadata.num_rows, kinds, stream

    def slices(name: str) -> Iterator[pa.Array]:
        for chunk in source.column(name).chunks:
            for start in range(0, len(chunk), _BLOCK):
                yield chunk.slice(start, _BLOCK)

    kinds = {field.name: field.type for field in source.schema if not field.name.startswith(_RESERVED)}
    return source.num_rows, kinds, slices


def _places(rows: int) -> NDArray[np.int64] | None:
    if rows <= SAMPLE:
        return None
    return np.sort(np.random.default_rng(0).choice(rows, SAMPLE, replace=False, shuffle=False))


def repeated(source: pa.Table | Path, name: str) -> int | None:
    """Count values of a column beyond the first of each; None where sorting does not tell, as for text.

    A sort of whole numbers or times is cheaper than the table of hashes that SQL makes of them, by half, and smaller.

    Examples
    --------
    >>> repeated(pa.table({"a": [3, 1, 3, None, 3]}), "a")
    2
    """
    rows, kinds, blocks_of = reader(source)
    kind = kinds.get(name)
    if kind is None or not (pa.types.is_integer(kind) or pa.types.is_timestamp(kind)):
        return None
    found = measure_column(name, blocks_of(name), kind, rows)
    return rows - found.missing - found.distinct


def _duplicates(source: pa.Table | Path, names: list[str]) -> int:
    if not names:
        return 0
    whole = ", ".join(quoted(name) for name in names)
    with session({"rows_of_table": source}) as duck:
        query = f"SELECT count(*) - count(DISTINCT hash({whole})) FROM rows_of_table"  # noqa: S608 - names are quoted
        return int(one_row(duck, query)[0])
