"""A source read block by block, so that its size is no matter of memory.

Parquet, separated text and JSON lines are read so; anything else is read whole and then cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import WrongData
from noria.sources.files import format_of, reading
from noria.sources.inference import unmarked
from noria.sources.names import checked
from noria.sources.paths import matching, shown_name
from noria.sources.reference import parse
from noria.sources.source import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from noria.sources.kind import Reference

__all__ = ["Stream", "stream"]

_ROWS = 65_536
_BUFFER = 1 << 20
_STREAMED = ("csv", "parquet", "jsonl")


@dataclass(frozen=True)
class Stream:
    """Rows to come.

    Attributes
    ----------
    tables : iterator of pyarrow.Table
        The rows in order, some at a time, all tables with the same columns.
    written : bool
        Numbers and truth values may still be text: what they are would follow from all rows, and these come bit by bit.
    rows : int, optional
        How many, where that is known before.
    """

    tables: Iterator[pa.Table]
    written: bool
    rows: int | None


def stream(source: str, *, root: Path, na_values: Sequence[str] = (), rows: int = _ROWS, whole: bool = False) -> Stream:
    r"""Read a source block by block.

    Parameters
    ----------
    source, root, na_values
        As `noria.sources.source.read` takes them.
    rows : int
        Most rows of a block.
    whole : bool
        Read all of it first, so that every column has the type that all its cells fit.

    Raises
    ------
    SourceNotFound, WrongData
        As `read` says; of a fault further down as soon as it is met.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a.csv").write_text("age\n31\n\n40\n")
    ...     [table.to_pydict() for table in stream("a.csv", root=pathlib.Path(folder), rows=2).tables]
    [{'age': ['31', None]}, {'age': ['40']}]
    """
    reference = parse(source)
    paths = matching(reference.location, root) if reference.kind == "file" else []
    formats = {format_of(path, reference.hints, shown=shown_name(path)) for path in paths}
    if whole or len(formats) != 1 or not formats <= set(_STREAMED):
        table = read(source, root=root, na_values=na_values)
        return Stream(_cut(table, rows), written=False, rows=table.num_rows)
    made = _Files(reference, paths, formats.pop(), tuple(na_values), rows)
    # Of Parquet only text with marks of missing values among numbers is still text; of text files all is.
    return Stream(made.tables(), made.format != "parquet" or bool(na_values), made.known())


@dataclass(frozen=True)
class _Files:
    reference: Reference
    paths: Sequence[Path]
    format: str
    na_values: tuple[str, ...]
    rows: int

    def known(self) -> int | None:
        """Count the rows where the files say so themselves."""
        if self.format != "parquet":
            return None
        import pyarrow.parquet as pq  # noqa: PLC0415 - the reader in use only

        with reading(self.reference.text):
            return sum(int(pq.read_metadata(path).num_rows) for path in self.paths)

    def tables(self) -> Iterator[pa.Table]:
        """Read file after file; all must have the columns of the first."""
        names: list[str] = []
        for path in self.paths:
            shown = self.reference.text if len(self.paths) == 1 else shown_name(path)
            with reading(shown):
                for block in self._blocks(path, shown):
                    table = unmarked(checked(block, shown, {}), na_values=self.na_values)
                    if self.format == "jsonl":  # a key that no row of a block has is missing in all of them
                        table = _with(table, names)
                    names = names or table.column_names
                    if self.format != "jsonl" and set(table.column_names) != set(names):
                        raise _other(path, self.paths[0], names, table.column_names)
                    yield from _cut(table, self.rows)

    def _blocks(self, path: Path, shown: str) -> Iterator[pa.Table]:
        if self.format == "csv":
            from noria.sources.delimited import stream_delimited  # noqa: PLC0415 - the reader in use only

            ending = next((suffix for suffix in path.suffixes if suffix.lower() in (".tsv", ".tab")), "").lower()
            yield from stream_delimited(path, self.reference.hints, self.na_values, ending=ending, shown=shown)
        elif self.format == "parquet":
            import pyarrow.parquet as pq  # noqa: PLC0415 - as above

            # Buffered before, as is the default, the whole file would be in memory; unbuffered, a whole row group.
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
                for batch in file.iter_batches(batch_size=self.rows):
                    yield pa.Table.from_batches([batch])
        else:
            from noria.sources.json_rows import json_lines  # noqa: PLC0415 - as above

            yield from json_lines(path, shown, rows=self.rows)


def _with(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return table


def _cut(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    for first in range(0, table.num_rows, rows):
        yield table.slice(first, rows)


def _other(path: Path, first: Path, wanted: Sequence[str], found: Sequence[str]) -> WrongData:
    return WrongData(
        f"{shown_name(path)} has other columns than {shown_name(first)}",
        why=f"lacks: {', '.join(name for name in wanted if name not in found) or '-'}\n"
        f"has besides: {', '.join(name for name in found if name not in wanted) or '-'}",
        mend="bring the files to the same columns, or narrow the glob",
        code="N-SOURCE-021",
    )
