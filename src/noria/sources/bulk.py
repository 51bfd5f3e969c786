"""Rows of PostgreSQL as text in bulk (COPY), which Arrow parses: a third of the work of values one by one.

Only for columns whose text says all there is: numbers, truths, text, dates and times. With any other, and wherever
something does not fit, the rows are fetched one by one, and what is wrong is told there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import sqlalchemy as sa
from sqlalchemy.exc import CompileError

from noria.sources.batches import loses, rounded
from noria.store.aside import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noria.sources.kind import Pull

__all__ = ["copied"]

_BLOCK = 4 << 20
_KEPT_DIGITS = 15
_NUMERIC = 1700
# Of the types' numbers, which PostgreSQL never changes.
_KINDS: dict[int, pa.DataType] = {
    **dict.fromkeys((20, 21, 23, 26), pa.int64()),
    **dict.fromkeys((700, 701), pa.float64()),
    16: pa.bool_(),
    **dict.fromkeys((18, 19, 25, 1042, 1043, 2950, _NUMERIC), pa.string()),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
}


def copied(connection: sa.Connection, statement: sa.Executable, pull: Pull) -> pa.Table | None:
    """Read the rows of a statement in bulk, or say with None that they have to be fetched one by one.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To PostgreSQL, by psycopg.
    statement : sqlalchemy.Executable
        A SELECT.
    pull : Pull
        Told how far it is, and of numbers that lost digits.

    Raises
    ------
    DBAPIError
        The connection was lost.
    """
    import psycopg  # noqa: PLC0415 - the driver in use

    raw: Any = connection.connection.driver_connection
    if raw.info.encoding != "utf-8" or not str(raw.info.parameter_status("DateStyle")).startswith("ISO"):
        return None
    try:
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]
    except (CompileError, NotImplementedError):
        return None
    # Compiled for a driver that takes % for a parameter; COPY has none.
    query = str(compiled).replace("%%", "%")
    try:
        # A statement that cannot be copied must not cost the transaction.
        with connection.begin_nested() as attempt:
            try:
                with raw.cursor() as cursor:
                    cursor.execute(f"SELECT * FROM ({query}\n) AS rows_of_query LIMIT 0")  # noqa: S608 - the user's own query
                    described = [(str(column.name), int(column.type_code)) for column in cursor.description or ()]
                if not described or any(oid not in _KINDS for _, oid in described):
                    return None
                gathered = Gathered()
                for part in _parts(raw, query, described, pull):
                    gathered.add(part)
                return _together(gathered.tables(), described, pull)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                attempt.rollback()
                return None
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except psycopg.Error:
                attempt.rollback()
                return None
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise sa.exc.OperationalError(query[:200], {}, error) from error


def _parts(raw: Any, query: str, described: Sequence[tuple[str, int]], pull: Pull) -> Iterator[pa.Table]:  # noqa: ANN401 - psycopg's
    places = [str(position) for position in range(len(described))]
    options: dict[str, Any] = {
        "read_options": arrow_csv.ReadOptions(column_names=places),
        "parse_options": arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        "convert_options": arrow_csv.ConvertOptions(
            column_types={place: _KINDS[oid] for place, (_, oid) in zip(places, described, strict=True)},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # an empty text is quoted, what is missing is not
            true_values=["t"],
            false_values=["f"],
        ),
    }
    held: list[bytes] = []
    size = rows = 0
    with raw.cursor() as cursor, cursor.copy(f"COPY ({query}\n) TO STDOUT (FORMAT csv)") as copy:
        for line in copy:  # a row each
            held.append(bytes(line))
            size += len(line)
            if size >= _BLOCK:
                yield arrow_csv.read_csv(pa.BufferReader(b"".join(held)), **options)
                rows += len(held)
                pull.progress(None, f"{rows:,} rows")
                held, size = [], 0
    if held:
        yield arrow_csv.read_csv(pa.BufferReader(b"".join(held)), **options)
        pull.progress(None, f"{rows + len(held):,} rows")


def _together(parts: Sequence[pa.Table], described: Sequence[tuple[str, int]], pull: Pull) -> pa.Table:
    columns = []
    for position, (name, oid) in enumerate(described):
        column = pa.chunked_array([part.column(position).chunk(i) for part in parts
                                   for i in range(part.column(position).num_chunks)], _KINDS[oid])  # fmt: skip
        columns.append(_number(column, name, pull) if oid == _NUMERIC else column)
    # Names may repeat, which is told later.
    return pa.Table.from_arrays(columns, names=[name for name, _ in described])


def _number(column: pa.ChunkedArray, name: str, pull: Pull) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return column.cast(pa.float64())
    if not pc.any(pc.match_substring_regex(column, r"[^0-9+-]")).as_py():
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:  # beyond 64 bits
            pass
    real = column.cast(pa.float64())
    long = column.filter(pc.greater(pc.binary_length(column), _KEPT_DIGITS)).to_pylist()
    if (lost := next((text for text in long if text is not None and loses(Decimal(text))), None)) is not None:
        pull.note(rounded(name, Decimal(lost)))
    return real
