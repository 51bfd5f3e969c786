"""Step 1: rows from where they are, and those that came back from production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets import collection
from noria.project.origin import Origin
from noria.store.blobs import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noria.pipeline.context import StepContext

__all__ = ["ingest"]


def ingest(
    context: StepContext,
    *,
    source: str | None,
    token: str,
    query: str | None = None,
    tables: Mapping[str, Mapping[str, object]] | None = None,
    na_values: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    collected: str | None = None,
    key: Sequence[str] = (),
) -> pa.Table:
    """Read the source or the tables of a query; add the rows that production has brought since, if any.

    Parameters
    ----------
    context : StepContext
        Of the engine.
    source : str or None
        What ``[data] source`` says.
    token : str
        State of the sources when the run was planned; part of the key, so that changed data is read again.
    query : str, optional
        ``[data] query``, where there is no source.
    tables : mapping, optional
        ``[tables]`` as JSON, for the query.
    na_values : sequence of str
        Cells that mean "missing".
    rename : mapping of str to str, optional
        ``[clean] rename``: name in the source -> name that the rest of the project file uses.
    collected : str, optional
        Digest of the table of rows that came back from production with their labels.
    key : sequence of str
        Columns that identify a row: where both know it, the collected row wins.
    """
    del token
    origin = Origin(source, query, tables or {})
    table = origin.read(root=context.root, na_values=tuple(na_values), rename=rename, note=context.note)
    if collected is not None:
        table = collection.union(table, _stored(context, collected), key=tuple(key))
    context.note(f"{table.num_rows:,} rows, {table.num_columns} columns from {origin.text}")
    return table


def _stored(context: StepContext, digest: str) -> pa.Table:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only when there are collected rows

    return pq.read_table(context.blobs.path(Digest(digest)))
