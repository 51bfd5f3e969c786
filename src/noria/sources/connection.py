"""A database that rows are read from: where it is, and a connection that can change nothing there."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from noria.errors import MissingExtra, NoriaError, SourceNotFound, WorkFailed, WrongArgument, WrongData, did_you_mean
from noria.sources.credential import hidden, looked_up
from noria.sources.retrying import Transient, retried

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.sources.kind import Pull, Reference

__all__ = ["Place", "connected", "place_at", "sqlite_path"]

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS = {"psycopg": 'pip install "noria[postgres]"', "pymysql": 'pip install "noria[mysql]"'}
_CONNECT_SECONDS = 15
# What a second attempt will not change: who asks, and for what.
_FOR_GOOD = re.compile(
    r"authentication|password|does not exist|denied|pg_hba|unknown database|no such|unable to open", re.IGNORECASE
)
_LOST = re.compile(
    r"lost|closed|terminat|reset|broken|shut ?down|gone away|eof|timed? ?out|packet sequence|refused|interrupted",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """What is read, and where.

    Parameters
    ----------
    url : sqlalchemy.URL
        With the password, if any: shown as `shown` only.
    table, query : str, optional
        One of them.
    changed : str, optional
        Column that moves with every change.
    """

    url: sa.URL = field(repr=False)
    table: str | None
    query: str | None
    changed: str | None

    @property
    def backend(self) -> str:
        """The kind of database: sqlite, postgresql, mysql, mariadb."""
        return self.url.get_backend_name()

    @property
    def shown(self) -> str:
        """The address for people: no password, and no options, which may hold one."""
        return self.url.set(query={}).render_as_string(hide_password=True)

    def clean(self, text: object) -> str:
        """Give the first line of what a driver says, without the password."""
        line = (str(text).strip().splitlines() or [""])[0]
        secret = self.url.password
        return hidden(line.replace(secret, "***") if secret else line)[:300]


def place_at(reference: Reference, pull: Pull) -> Place:
    """Find out what a reference names; nothing is opened.

    Raises
    ------
    WrongArgument
        It is no database URL, or names neither table nor query.
    WrongSetting
        The secret it names is not there.
    SourceNotFound
        There is no such SQLite file.
    """
    text, options = _options(_looked_up(reference, pull))
    shown = hidden(reference.location)
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise WrongArgument(
            f"sql:{shown} is no database URL",
            mend="write sql:sqlite:///data/loans.db?table=loans or sql:env:LOANS_DB?table=loans",
            code="N-SOURCE-050",
        ) from (None if isinstance(error, ValueError) else error)
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if "password" in options:
        url = url.set(password=looked_up(options["password"], root=pull.root, whose=f"sql:{shown}"))
    if (options.get("table") is None) == (options.get("query") is None):
        raise WrongArgument(
            f"sql:{shown} must name a table or a query",
            mend="add ?table=NAME, or ?query=SELECT …",
            code="N-SOURCE-051",
        )
    if url.get_backend_name() == "sqlite":
        url = _sqlite(url, pull)
    return Place(url, options.get("table"), options.get("query"), pull.changed or options.get("changed"))


def _looked_up(reference: Reference, pull: Pull) -> str:
    location = reference.location
    named = re.match(r"^((?:env|file|keyring):[^?]+)(.*)$", location, re.DOTALL)
    if named is None:
        return location
    value, tail = looked_up(named[1], root=pull.root, whose=f"sql:{named[1]}"), named[2]
    return value + (f"&{tail[1:]}" if "?" in value and tail.startswith("?") else tail)


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
        if name in {"table", "changed"} or (name == "password" and value.startswith(("env:", "file:", "keyring:"))):
            found[name] = value
        else:
            kept.append(part)
    return base + (f"?{'&'.join(kept)}" if kept else ""), found


def _sqlite(url: sa.URL, pull: Pull) -> sa.URL:
    name = url.database or ""
    path = pull.root / name
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


def sqlite_path(place: Place) -> str:
    """Give the path of a SQLite database."""
    return unquote((place.url.database or "").removeprefix("file:"))


@contextmanager
def connected(place: Place, pull: Pull) -> Iterator[sa.Connection]:
    """Connect for reading: one snapshot for as long as the block runs, and no right to change anything.

    A server that is not there for a moment is asked again; what it refuses is told at once.

    Raises
    ------
    WorkFailed
        It does not answer, or the connection is lost.
    WrongData
        It refuses what is asked.
    MissingExtra
        The database's driver is not installed.
    """
    try:
        engine = sa.create_engine(place.url, connect_args=_arguments(place))
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        driver = getattr(error, "name", None) or place.url.drivername
        raise MissingExtra(
            f"reading {place.shown} needs the driver {driver}, which is not installed",
            mend=_EXTRAS.get(driver, f"pip install the SQLAlchemy driver for {place.backend}"),
            code="N-SOURCE-053",
        ) from error
    try:
        with retried(lambda: _opened(engine, place), note=pull.note) as connection:
            try:
                yield connection
            except NoriaError:
                raise
            except DBAPIError as error:
                raise _told(place, error) from error
            except (OSError, ValueError) as error:
                # Some drivers let these through when the other side is gone.
                if place.backend == "sqlite" or not _LOST.search(str(error)):
                    raise
                raise _lost(place, error) from error
    finally:
        engine.dispose()


def _arguments(place: Place) -> dict[str, object]:
    asked = place.backend in {"postgresql", "mysql", "mariadb"} and "connect_timeout" not in place.url.query
    return {"connect_timeout": _CONNECT_SECONDS} if asked else {}


def _opened(engine: sa.Engine, place: Place) -> sa.Connection:
    try:
        if place.backend == "postgresql":
            ready = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            return ready.connect()
        connection = engine.connect()
        if place.backend in {"mysql", "mariadb"}:
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            connection.commit()
        return connection
    except (OperationalError, InterfaceError) as error:
        if place.backend == "sqlite":
            raise _refused(place, error) from error
        silent = WorkFailed(
            f"the database {place.shown} does not answer",
            why=place.clean(error.orig),
            mend="start it, or correct the URL",
            code="N-SOURCE-054",
        )
        silent.__cause__ = error
        if _FOR_GOOD.search(str(error.orig)):
            raise silent from error
        raise Transient(silent) from error
    except DBAPIError as error:
        raise _refused(place, error) from error


def _told(place: Place, error: DBAPIError) -> NoriaError:
    lost = error.connection_invalidated or (
        isinstance(error, (OperationalError, InterfaceError)) and _LOST.search(str(error.orig))
    )
    if lost and place.backend != "sqlite":
        return _lost(place, error.orig or error)
    return _refused(place, error)


def _lost(place: Place, error: BaseException) -> WorkFailed:
    return WorkFailed(
        f"the connection to {place.shown} was lost while rows were read",
        why=place.clean(error),
        mend="run it again; nothing of what had come was kept",
        code="N-SOURCE-056",
    )


def _refused(place: Place, error: DBAPIError) -> WrongData:
    return WrongData(
        f"the database refused {'the query' if place.query else f'to read table {place.table!r}'}",
        why=place.clean(error.orig),
        mend="try the query in the database's own shell first",
        code="N-SOURCE-055",
    )
