"""Transactions over SQLite and PostgreSQL with one set of queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError

from noria.errors import MissingExtra, StoreUnavailable, WrongArgument
from noria.store.files import ensure_folder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

__all__ = ["Database", "Write", "metadata", "upsert"]

T = TypeVar("T")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Where each room declares the tables it owns (``ROOM/tables.py``)."""

_BUSY_SECONDS = 30
_SQLITE = "sqlite:///"


class Write(Protocol):
    """Runs work inside one durable transaction and gives its result: when it returns, what was written survives.

    `Database.write` takes a transaction for each work; a server shares one among all who wait.
    """

    def __call__(self, work: Callable[[sa.Connection], T], /) -> T:
        """Do the work, commit, give the result; nothing of it remains when it raises."""


class Database:
    """A pool of connections to one database.

    Parameters
    ----------
    url : str
        ``sqlite:////absolute/path.db`` or ``postgresql://user@host/name`` (driver psycopg).

    Raises
    ------
    WrongArgument
        The URL names another kind of database.
    MissingExtra
        PostgreSQL is asked for without its driver.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            # A path is taken as it stands: to a URL a "?" in it would end it, and the file would lie elsewhere.
            file = url.removeprefix(_SQLITE)
            parsed = sa.make_url(url) if file == url else sa.URL.create("sqlite", database=file or None)
        except sa.exc.ArgumentError as error:
            raise _wrong_url(url) from error
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        kind = parsed.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise _wrong_url(url)
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if kind == "sqlite" else "postgresql"
        if self.dialect == "sqlite" and parsed.database:
            ensure_folder(Path(parsed.database).parent)
        try:
            self._engine = (
                sa.create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
                if self.dialect == "sqlite"
                else sa.create_engine(parsed, pool_pre_ping=True, pool_size=5)
            )
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise MissingExtra(
                "PostgreSQL needs its driver, which is not installed",
                mend='pip install "noria[postgres]"',
                code="N-STORE-010",
            ) from error
        event.listen(self._engine, "before_cursor_execute", _refuse_no_text)
        if self.dialect == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
            # pysqlite opens transactions lazily and late; noria says itself when one begins.
            event.listen(self._engine, "begin", _begin_sqlite)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Write: commit at the end of the block, roll back when it raises. Durable once committed."""
        with self._connect() as connection:
            writer = connection.execution_options(noria_write=True)
            with self._told(), writer.begin():
                yield writer

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do some work in a transaction of its own: see `Write`."""
        with self.transaction() as connection:
            return work(connection)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Read one consistent state; never waits for a writer on SQLite."""
        with self._connect() as connection:
            reader = connection.execution_options(noria_write=False)
            with self._told(), reader.begin():
                yield reader

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._told():
            connection = self._engine.connect()
        with connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise self._unavailable(error) from error
        except DBAPIError as error:
            if error.connection_invalidated or "malformed" in str(error.orig) or "not a database" in str(error.orig):
                raise self._unavailable(error) from error
            raise

    def _unavailable(self, error: DBAPIError) -> StoreUnavailable:
        shown = self.url if self.dialect == "sqlite" else sa.make_url(self.url).render_as_string(hide_password=True)
        reason = str(error.orig).strip()
        mend = "start the database server or correct [store] database"
        if self.dialect == "sqlite":
            mend = "check that the folder .noria can be written and the disk has room"
            if "malformed" in reason or "not a database" in reason:
                mend = "the file is damaged: restore .noria/noria.db from a backup"
            elif "locked" in reason:
                mend = "another process writes for long: wait, or see who holds it with: noria runs list"
        return StoreUnavailable(f"cannot use the database {shown}", why=reason, mend=mend, code="N-STORE-011")


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    values: Mapping[str, object] | Sequence[Mapping[str, object]],
    *,
    key: Sequence[str],
    update: Sequence[str] | None = None,
) -> None:
    """Insert rows; where the key is taken, update instead.

    Parameters
    ----------
    connection : Connection
        Of a running transaction.
    table : Table
        It must have a unique index or primary key on `key`.
    values : mapping or sequence of mappings
        The rows.
    key : sequence of str
        Columns that identify a row.
    update : sequence of str, optional
        Columns to overwrite; all but the key when left out; empty leaves the old row as it is.
    """
    rows: list[dict[str, object]] = [dict(values)] if isinstance(values, Mapping) else [dict(row) for row in values]
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - the dialect in use only
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment] # noqa: PLC0415 - as above
    statement = insert(table)
    names = [name for name in rows[0] if name not in key] if update is None else list(update)
    if names:
        statement = statement.on_conflict_do_update(
            index_elements=list(key), set_={name: statement.excluded[name] for name in names}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    connection.execute(statement, rows)


def _prepare_sqlite(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined] # noria begins transactions itself
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # FULL: an acknowledged commit survives power loss, which NORMAL does not promise under WAL.
    _use_wal(cursor)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch a database over; of several processes that open a new one at once SQLite lets only one do so."""
    import sqlite3  # noqa: PLC0415 - the database in use only

    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # It does not wait here as it does elsewhere: two that wait for each other would wait for ever.
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    # IMMEDIATE takes the write lock at once, so that a writer never fails half-way for a lock it cannot upgrade.
    write = connection.get_execution_options().get("noria_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _refuse_no_text(
    _connection: object, _cursor: object, _statement: str, parameters: object, _context: object, many: bool
) -> None:
    """Refuse what only one of the databases would keep: PostgreSQL has no NUL in a text, neither has half a letter."""
    rows = parameters if many and isinstance(parameters, (list, tuple)) else (parameters,)
    for row in rows:
        # Tuples first: to ask an abstract class costs more than the look at the values.
        for value in row if type(row) is tuple else row.values() if isinstance(row, Mapping) else row:
            if isinstance(value, str) and ("\x00" in value or not _is_text(value)):
                raise WrongArgument(
                    f"a text holds what is no letter: {value[:60]!r}",
                    why="neither the sign NUL nor bytes that are no UTF-8 can be stored",
                    mend="leave it out",
                    code="N-STORE-014",
                )


def _is_text(value: str) -> bool:
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _wrong_url(url: str) -> WrongArgument:
    return WrongArgument(
        f"{url!r} is not a database noria can use",
        mend="write sqlite:////absolute/path.db or postgresql://user@host/name",
        code="N-STORE-012",
    )
