"""Rows from a database, through SQLAlchemy and the driver the user has."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from noria.errors import SourceNotFound, WrongData, did_you_mean
from noria.sources.connection import connected, place_at, sqlite_path
from noria.sources.kind import Increment
from noria.sources.mark import mark_of, set_back, unmark
from noria.store.blobs import digest_file, digest_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.sources.connection import Place
    from noria.sources.kind import Pull, Reference

__all__ = ["place_of", "read_sql", "sql_token"]

_FETCH = 20_000


def read_sql(
    reference: Reference, pull: Pull, *, column: str | None = None, since: object = None, lag: float = 0.0
) -> Increment:
    """Read a table or the rows of a query, some rows at a time.

    Parameters
    ----------
    reference : Reference
        SQLAlchemy URL, or ``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USER`` for one, followed by ``?table=NAME`` or
        ``?query=SELECT …``; ``&changed=COLUMN`` names a column that moves with every change.
    pull : Pull
        What is told to every kind.
    column : str, optional
        Column that grows with each change; then only rows from `since` on, less `lag` seconds.
    since, lag
        As `noria.sources.kind.Incremental.increment` takes them.

    Raises
    ------
    SourceNotFound
        There is no such database file or table.
    WrongData
        The query is wrong, or a column holds what is no value of a table.
    WorkFailed
        The database does not answer, or the connection is lost.
    MissingExtra
        The database's driver is not installed.
    """
    from noria.sources.batches import Batches  # noqa: PLC0415 - only when rows are read, not for a token
    from noria.sources.bulk import copied  # noqa: PLC0415 - as above

    place = place_at(reference, pull)
    bound = _bound(unmark(since), lag)
    with connected(place, pull) as connection:
        high = total = None
        if column is not None:
            rows = _rows(place, connection)
            asked: sa.Select[Any, Any] = sa.select(sa.func.count(), sa.func.max(sa.column(column))).select_from(rows)
            total, high = connection.execute(asked).one()
            _bound(high, lag)  # a lag that the next pull could not keep is refused at the first
        statement = _statement(place, connection, column, bound)
        table = copied(connection, statement, pull) if place.url.drivername == "postgresql+psycopg" else None
        if table is not None:
            _check_column(column, table.column_names)
            return Increment(table, mark_of(high), place_of(reference, pull), total, bound=bound)
        truths = _truths(place, connection)
        result = connection.execution_options(yield_per=_FETCH).execute(statement)
        names = [str(name) for name in result.keys()]  # noqa: SIM118 - iterating a result gives rows
        _check_column(column, names)
        batches = Batches(names, result.cursor.description if result.cursor is not None else (), truths)
        try:
            while some := result.fetchmany(_FETCH):
                batches.add(some)
                pull.progress(None, f"{batches.rows:,} rows")
        except Exception:
            _let_go(result)
            raise
    table = batches.table(pull.note)
    return Increment(table, mark_of(high), place_of(reference, pull), total, bound=bound)


def _check_column(column: str | None, names: Sequence[str]) -> None:
    if column is not None and column not in names:
        # SQLite takes the name of a missing column for a text, and answers.
        raise WrongData(
            f"the rows have no column {column!r}, which [data] incremental names",
            why=f"columns: {', '.join(names[:30])}",
            mend=did_you_mean(column, names) or "select it as well",
            code="N-SOURCE-043",
        )


def _let_go(result: sa.CursorResult[Any]) -> None:
    # PyMySQL would read the rest of the rows when the cursor is collected, though the connection is gone.
    with suppress(AttributeError):
        result.cursor._result.unbuffered_active = False
    with suppress(SQLAlchemyError, AttributeError):
        cursor = result.cursor
        result.close()
        if cursor is not None:
            cursor.close()


def sql_token(reference: Reference, pull: Pull) -> str | None:
    """Tell the state of a table or query cheaply; None when nothing short of reading would."""
    place = place_at(reference, pull)
    if place.backend == "sqlite":
        path = Path(sqlite_path(place))
        log = path.with_name(path.name + "-wal")
        if place.table is not None:
            with connected(place, pull) as connection:
                _table(place, connection)  # the file may be there without it
        return digest_json([reference.location, digest_file(path), digest_file(log) if log.is_file() else ""])
    with connected(place, pull) as connection:
        state = _server_state(place, connection)
    return None if state is None else digest_json([reference.location, state])


def place_of(reference: Reference, pull: Pull) -> str:
    """Name the database without its password; options, which may name a schema or hold a secret, as a digest."""
    place = place_at(reference, pull)
    options = sorted(place.url.query.items()) if place.backend != "sqlite" else []
    return place.shown + (f" ({digest_json(options)[:8]})" if options else "")


def _statement(place: Place, connection: sa.Connection, column: str | None, bound: object) -> sa.Executable:
    if column is not None:
        cell: sa.ColumnClause[Any] = sa.column(column)
        chosen = sa.select(sa.text("*")).select_from(_rows(place, connection)).order_by(cell)
        # A row without a value may be new each time: it is asked for again and replaced.
        if bound is None:
            return chosen
        zoned = isinstance(bound, datetime) and bound.tzinfo is not None
        since = sa.bindparam("since", bound, type_=sa.DateTime(timezone=True) if zoned else None)
        return chosen.where(sa.or_(cell >= since, cell.is_(None)))
    if place.query is not None:
        return sa.text(place.query.replace(":", r"\:"))
    schema, table = _table(place, connection)
    return sa.select(sa.text("*")).select_from(sa.table(table, schema=schema))


def _rows(place: Place, connection: sa.Connection) -> sa.FromClause:
    if place.query is not None:
        # The line's end closes a comment that would swallow the bracket after it.
        return sa.text(place.query.replace(":", r"\:") + "\n").columns().subquery("rows_of_query")
    schema, name = _table(place, connection)
    return sa.table(name, schema=schema).alias("rows_of_query")


def _table(place: Place, connection: sa.Connection) -> tuple[str | None, str]:
    schema, dot, name = (place.table or "").rpartition(".")
    inspector = sa.inspect(connection)
    known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
    if name not in known:
        if place.table in known:
            return None, place.table or ""
        raise SourceNotFound(
            f"the database has no table {place.table!r}",
            why=f"tables: {', '.join(sorted(known)[:20])}" if known else "it has no tables",
            mend=did_you_mean(name, known) or "correct ?table= in [data] source",
            code="N-SOURCE-016",
        )
    return (schema if dot else None), name


def _truths(place: Place, connection: sa.Connection) -> frozenset[str]:
    """Name the columns that a SQLite table declares as truth values: there they are whole numbers."""
    if place.backend != "sqlite" or place.table is None:
        return frozenset()
    columns = sa.inspect(connection).get_columns(_table(place, connection)[1])
    return frozenset(str(column["name"]) for column in columns if isinstance(column["type"], sa.Boolean))


def _bound(mark: Any, lag: float) -> object:  # noqa: ANN401 - a time, a number or text
    if lag:
        return set_back(mark, lag)
    # A database may keep fewer digits than it shows: 0.7 of four bytes is less than 0.7.
    return mark - abs(mark) * 1e-6 if isinstance(mark, float) and math.isfinite(mark) else mark


def _server_state(place: Place, connection: sa.Connection) -> list[str] | None:
    rows = _rows(place, connection)
    measured: list[sa.ColumnElement[Any]]
    if place.changed:
        measured = [sa.func.count(), sa.func.max(sa.column(place.changed))]
    elif place.backend == "postgresql":
        # Hashed where the rows are: one scan there, forty bytes over the wire.
        text: sa.ColumnElement[str] = sa.literal_column("rows_of_query::text")
        measured = [sa.func.count(), sa.func.sum(sa.func.hashtextextended(text, sa.literal_column("0")))]
    else:
        return None
    try:
        found = connection.execute(sa.select(*measured).select_from(rows)).one()
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError):
            raise
        return None
    return [str(value) for value in found]
