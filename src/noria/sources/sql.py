"""Rows from a database, through SQLAlchemy and the driver the user has."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError, ProgrammingError, SQLAlchemyError

from noria.errors import MissingExtra, SourceNotFound, WorkFailed, WrongArgument, WrongData, WrongSetting, did_you_mean
from noria.store.blobs import digest_file, digest_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

__all__ = ["read_sql", "sql_token"]

_FETCH = 50_000
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_EXTRAS = {"psycopg": 'pip install "noria[postgres]"'}


@dataclass(frozen=True)
class _Place:
    url: sa.URL
    table: str | None
    query: str | None
    changed: str | None


def read_sql(location: str, root: Path) -> pa.Table:
    """Read a table or the rows of a query.

    Parameters
    ----------
    location : str
        SQLAlchemy URL, or ``env:NAME`` for one in the environment, followed by ``?table=NAME`` or ``?query=SELECT …``;
        ``&changed=COLUMN`` names a column that moves with every change.
    root : Path
        Folder that a relative SQLite path starts from.

    Raises
    ------
    SourceNotFound
        There is no such database file or table.
    WrongData
        The query is wrong, or gives no columns.
    MissingExtra
        The database's driver is not installed.
    """
    import pyarrow as pa  # noqa: PLC0415 - only when rows are read, not for a token

    from noria.sources.cells import column_of  # noqa: PLC0415 - as above

    place = _place(location, root)
    with _connected(place) as connection:
        result = connection.execution_options(stream_results=True).execute(_statement(place, connection))
        names = [str(name) for name in result.keys()]  # noqa: SIM118 - iterating a result gives rows
        columns: list[list[object]] = [[] for _ in names]
        while rows := result.fetchmany(_FETCH):
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
    return pa.table([column_of(column) for column in columns], names=names)


def sql_token(location: str, root: Path) -> str | None:
    """Tell the state of a table or query cheaply; None when nothing short of reading would."""
    place = _place(location, root)
    if place.url.get_backend_name() == "sqlite":
        return digest_json([location, _sqlite_state(place.url)])
    with _connected(place) as connection:
        state = _server_state(place, connection)
    return None if state is None else digest_json([location, state])


def _place(location: str, root: Path) -> _Place:
    text, options = _options(_from_environment(location))
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise WrongArgument(
            f"sql:{_hidden(location)} is no database URL",
            mend="write sql:sqlite:///data/loans.db?table=loans or sql:env:LOANS_DB?table=loans",
            code="N-SOURCE-050",
        ) from error
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if (options.get("table") is None) == (options.get("query") is None):
        raise WrongArgument(
            f"sql:{_hidden(location)} must name a table or a query",
            mend="add ?table=NAME, or ?query=SELECT …",
            code="N-SOURCE-051",
        )
    if url.get_backend_name() == "sqlite":
        url = _sqlite(url, root)
    return _Place(url, options.get("table"), options.get("query"), options.get("changed"))


def _options(text: str) -> tuple[str, dict[str, str]]:
    # A query may hold any sign, so it is taken as it stands, to the end.
    found: dict[str, str] = {}
    if "query=" in text:
        text, _, query = text.partition("query=")
        found["query"] = query.strip().rstrip(";")
        text = text.rstrip("?&")
    base, _, tail = text.partition("?")
    kept = []
    for part in filter(None, tail.split("&")):
        name, _, value = part.partition("=")
        if name in {"table", "changed"}:
            found[name] = value
        else:
            kept.append(part)
    return base + (f"?{'&'.join(kept)}" if kept else ""), found


def _from_environment(location: str) -> str:
    named = re.match(r"^env:([A-Za-z_][A-Za-z0-9_]*)(.*)$", location, re.DOTALL)
    if named is None:
        return location
    value = os.environ.get(named[1])
    if not value:
        raise WrongSetting(
            f"source sql:env:{named[1]} names an environment variable that is not set",
            mend=f"export {named[1]}=postgresql://user@host/name",
            code="N-SOURCE-052",
        )
    tail = named[2]
    return value + (f"&{tail[1:]}" if "?" in value and tail.startswith("?") else tail)


def _sqlite(url: sa.URL, root: Path) -> sa.URL:
    name = url.database or ""
    path = root / name
    if not name or not path.is_file():
        near = sorted(entry.name for entry in path.parent.iterdir()) if name and path.parent.is_dir() else []
        raise SourceNotFound(
            f"there is no database file {name!r}",
            why=f"looked for {path}",
            mend=did_you_mean(path.name, near) or "write sql:sqlite:///path/from/the/project.db?table=NAME",
            code="N-SOURCE-015",
        )
    # Read-only: asking for rows must never make or change a database.
    return url.set(database=f"file:{quote(str(path.resolve()))}", query={"mode": "ro", "uri": "true"})


def _sqlite_state(url: sa.URL) -> list[str]:
    path = Path(unquote((url.database or "").removeprefix("file:")))
    log = path.with_name(path.name + "-wal")
    return [digest_file(path), digest_file(log) if log.is_file() else ""]


@contextmanager
def _connected(place: _Place) -> Iterator[sa.Connection]:
    shown = place.url.render_as_string(hide_password=True)
    try:
        engine = sa.create_engine(place.url)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        driver = getattr(error, "name", None) or place.url.drivername
        raise MissingExtra(
            f"reading {shown} needs the driver {driver}, which is not installed",
            mend=_EXTRAS.get(driver, f"pip install the SQLAlchemy driver for {place.url.get_backend_name()}"),
            code="N-SOURCE-053",
        ) from error
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        if place.url.get_backend_name() != "sqlite":
            raise WorkFailed(
                f"the database {shown} does not answer",
                why=str(error.orig).strip().splitlines()[0],
                mend="start it, or correct the URL",
                code="N-SOURCE-054",
            ) from error
        raise _refused(place, error) from error
    except ProgrammingError as error:
        raise _refused(place, error) from error
    except DBAPIError as error:
        raise _refused(place, error) from error
    finally:
        engine.dispose()


def _refused(place: _Place, error: DBAPIError) -> WrongData:
    return WrongData(
        f"the database refused {'the query' if place.query else f'to read table {place.table!r}'}",
        why=str(error.orig).strip().splitlines()[0],
        mend="try the query in the database's own shell first",
        code="N-SOURCE-055",
    )


def _statement(place: _Place, connection: sa.Connection) -> sa.Select[tuple[object]] | sa.TextClause:
    if place.query is not None:
        return sa.text(place.query.replace(":", r"\:"))
    schema, table = _table(place, connection)
    return sa.select(sa.text("*")).select_from(sa.table(table, schema=schema))


def _table(place: _Place, connection: sa.Connection) -> tuple[str | None, str]:
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


def _server_state(place: _Place, connection: sa.Connection) -> list[str] | None:
    if place.query is not None:
        # The line's end closes a comment that would swallow the bracket after it.
        rows: sa.FromClause = sa.text(place.query.replace(":", r"\:") + "\n").columns().subquery("rows_of_query")
    else:
        schema, name = _table(place, connection)
        rows = sa.table(name, schema=schema).alias("rows_of_query")
    if connection.dialect.name == "postgresql":
        # Hashed where the rows are: one scan there, forty bytes over the wire.
        text: sa.ColumnElement[str] = sa.literal_column("rows_of_query::text")
        measured: list[sa.ColumnElement[int] | sa.ColumnElement[object]] = [
            sa.func.count(),
            sa.func.sum(sa.func.hashtextextended(text, sa.literal_column("0"))),
        ]
    elif place.changed:
        measured = [sa.func.count(), sa.func.max(sa.column(place.changed))]
    else:
        return None
    try:
        found = connection.execute(sa.select(*measured).select_from(rows)).one()
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError):
            raise
        return None
    return [str(value) for value in found]


def _hidden(location: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", location)
