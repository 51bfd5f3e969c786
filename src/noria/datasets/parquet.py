"""Tables as bytes: the same rows give the same file, whatever pieces they came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from noria.datasets.sql import one_row, quoted, session
from noria.store.blobs import digest_json
from noria.store.parquet import keep_rows, write_rows

if TYPE_CHECKING:
    from noria.store.blobs import Blobs, Digest

__all__ = ["OPTIONS", "fingerprint", "plain", "to_bytes", "to_store"]

OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "row_group_size": 122_880,  # what DuckDB hands to one thread at a time
}
"""How `noria.store.parquet.write_rows` is told to write."""

_ALGORITHM = "duckdb-sum-2"


def to_bytes(table: pa.Table) -> bytes:
    """Write Parquet, compressed by zstd.

    Examples
    --------
    >>> whole = pa.table({"a": [1, 2, 3, 4]})
    >>> pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    >>> to_bytes(whole) == to_bytes(pieces)
    True
    """
    sink = pa.BufferOutputStream()
    write_rows(table.replace_schema_metadata(None), sink, **OPTIONS)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def to_store(table: pa.Table, blobs: Blobs) -> Digest:
    """Keep what `to_bytes` gives in a store, without holding it in memory."""
    return keep_rows(table.replace_schema_metadata(None), blobs, **OPTIONS)


def plain(table: pa.Table) -> pa.Table:
    """Give the rows as `to_bytes` writes them: in one piece, without what somebody noted about the table.

    Examples
    --------
    >>> plain(pa.concat_tables([pa.table({"a": [1]}), pa.table({"a": [2]})]))["a"].num_chunks
    1
    """
    return table.combine_chunks().replace_schema_metadata(None)


def fingerprint(table: pa.Table) -> str:
    """Name the rows by their content, in any order; repeated rows count.

    The name is comparable between versions that one DuckDB hashed; its algorithm stands before the colon.

    Examples
    --------
    >>> fingerprint(pa.table({"a": [1, 2]})) == fingerprint(pa.table({"a": [2, 1]}))
    True
    >>> fingerprint(pa.table({"a": [1, 2]})) == fingerprint(pa.table({"a": [1, 2, 2]}))
    False
    >>> fingerprint(pa.table({"a": [1, 0]})) == fingerprint(pa.table({"a": [True, False]}))
    False
    """
    import duckdb  # noqa: PLC0415 - heavy

    names = ", ".join(quoted(name) for name in table.column_names)
    with session({"rows_of_table": table}) as duck:
        # A sum, where XOR would let two equal rows vanish; HUGEINT, where a double would round.
        query = f"SELECT count(*), sum(hash({names})) FROM rows_of_table"  # noqa: S608 - names are quoted
        count, total = one_row(duck, query)
    # DuckDB hashes true as 1, and a time as its number.
    types = digest_json([str(column.type) for column in table.schema])[:16]
    return f"{_ALGORITHM}-{duckdb.__version__}:{count:x}-{int(total or 0) % 2**128:x}-{types}"
