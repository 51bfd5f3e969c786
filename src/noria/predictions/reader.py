"""Reading the log back: closed and growing segments alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.predictions.columns import empty_schema
from noria.predictions.segment import CLOSED, GROWING, read_segment
from noria.security.names import checked_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

__all__ = ["read"]


def read(
    folder: Path,
    model: str,
    since: datetime | None = None,
    until: datetime | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Read the rows of a model in order of time.

    Parameters
    ----------
    folder : Path
        Of the log.
    model : str
        Its name.
    since, until : datetime, optional
        Rows answered at `since` or later, before `until`; aware times.
    columns : sequence of str, optional
        Only these; a column that no segment has is left out.

    Returns
    -------
    pyarrow.Table
        ``prediction_id``, ``ts``, ``model``, ``version``, ``arm``, ``latency_ms``, ``prediction``, ``score``,
        ``flags``, and per model ``p.CLASS``, ``x.FEATURE``, ``k.KEY``. Where versions differ in their columns, rows
        are null in what their version did not have.
    """
    checked_name("model", model)
    tables = []
    for path in _segments(folder / model, since, until):
        table = read_segment(path, None if columns is None else [*dict.fromkeys((*columns, "ts"))])
        if table is None:
            continue
        table = _between(table, since, until)
        if table.num_rows:
            wanted = [name for name in table.column_names if columns is None or name in columns or name == "ts"]
            tables.append(table.select(wanted))
    if not tables:
        empty = empty_schema().empty_table()
        return empty if columns is None else empty.select([name for name in empty.column_names if name in columns])
    found = _joined(tables).sort_by("ts")
    return found if columns is None else found.select([name for name in columns if name in found.column_names])


def _segments(folder: Path, since: datetime | None, until: datetime | None) -> list[Path]:
    first = f"{since:%Y-%m-%d}" if since else ""
    last = f"{until:%Y-%m-%d}" if until else "9999-99-99"
    found = []
    for day in sorted(folder.glob("????-??-??")):
        if first <= day.name <= last:
            closed = {path.stem: path for path in day.glob(f"[!.]*{CLOSED}")}
            growing = {path.stem: path for form in GROWING for path in day.glob(f"[!.]*{form}")}
            # A segment in both forms whose process was killed between the two: the Parquet file is the whole of it.
            found += sorted((growing | closed).values())
    return found


def _between(table: pa.Table, since: datetime | None, until: datetime | None) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    stamp = pa.timestamp("us", tz="UTC")
    if since is not None:
        table = table.filter(pc.greater_equal(table["ts"], pa.scalar(since, type=stamp)))
    if until is not None:
        table = table.filter(pc.less(table["ts"], pa.scalar(until, type=stamp)))
    return table


def _joined(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    types: dict[str, set[object]] = {}
    for table in tables:
        for field in table.schema:
            types.setdefault(field.name, set()).add(field.type)
    # A column that was a number in one version and a text in another can only be compared as text.
    mixed = {
        name
        for name, kinds in types.items()
        if len(kinds) > 1 and not all(_is_number(kind) for kind in kinds) and not all(map(pa.types.is_nested, kinds))
    }
    if mixed:
        tables = [table.cast(_texts(table.schema, mixed)) for table in tables]
    return pa.concat_tables(tables, promote_options="permissive")


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _texts(schema: pa.Schema, names: set[str]) -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return pa.schema([field.with_type(pa.string()) if field.name in names else field for field in schema])
