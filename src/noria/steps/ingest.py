"""Step 1: rows from where they are, and those that came back from production."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.datasets import collection
from noria.datasets.catalog import Datasets
from noria.project.guard import StoredOnly
from noria.project.origin import Origin
from noria.project.pulls import Pulls
from noria.security.pseudonyms import confirmed, made
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
    incremental: Mapping[str, object] | None = None,
    project: str = "",
    personal: Mapping[str, Mapping[str, object]] | None = None,
    erased: str = "",
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
    incremental : mapping, optional
        ``[data] incremental`` as JSON: only new and changed rows are fetched, unless the user forced this step.
    project : str
        Whose pseudonyms, and whose erased people.
    personal : mapping, optional
        Those of ``[data.columns]`` that say what is personal, and what of it may be stored.
    erased : str
        State of the list of erased people; part of the key.

    Raises
    ------
    WrongData
        A column holds personal data and the project file does not say so. Nothing has been stored.
    """
    del token, erased
    origin = Origin(source, query, tables or {}, incremental)
    guard = _guard(context, project, origin.text, personal or {})
    datasets = Datasets(context.database, context.blobs)
    table = origin.read(
        root=context.root,
        na_values=tuple(na_values),
        rename=rename,
        note=context.note,
        progress=context.progress,
        pulls=Pulls(project, datasets, run_id=context.run_id, whole=context.forced, guard=guard) if project else None,
        key=key,
        store=context.root / ".noria",
    )
    if incremental is None:  # what is pulled bit by bit was kept so, and guarded before
        table = guard.admitted(guard.fetched(table))
    if collected is not None:
        table = collection.union(table, _stored(context, collected), key=tuple(key))
    context.note(f"{table.num_rows:,} rows, {table.num_columns} columns from {origin.text}")
    return table


def _guard(context: StepContext, project: str, source: str, personal: Mapping[str, Mapping[str, object]]) -> StoredOnly:
    from noria.datasets.settings import ColumnSettings  # noqa: PLC0415 - only where rows are read
    from noria.governance.erased import without_erased  # noqa: PLC0415 - as above

    store, now = context.root / ".noria", datetime.now(UTC)
    return StoredOnly(
        {name: ColumnSettings.model_validate(said) for name, said in personal.items()},
        source,
        pseudonyms=lambda: confirmed(made(store), context.database, project, at=now),
        left_out=lambda table: without_erased(table, context.database, store, project),
        note=context.note,
    )


def _stored(context: StepContext, digest: str) -> pa.Table:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only when there are collected rows

    return pq.read_table(context.blobs.path(Digest(digest)))
