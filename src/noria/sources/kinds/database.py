"""``sql:URL?table=NAME``: rows of a database."""

from __future__ import annotations

import re

from noria.sources.credential import written_out
from noria.sources.kind import VOLATILE, Increment, Pull, Reference, Rows

__all__ = ["Database"]

_WRITTEN = re.compile(r"[?&](\w*password|passwd|pwd)=(?!env:|file:|keyring:)", re.IGNORECASE)
_MEND = (
    'put the whole URL in an environment variable and write source = "sql:env:NAME?table=…",\n'
    'or the password alone: source = "sql:postgresql://user@host/name?table=…&password=env:NAME"'
)


class Database:
    """Tables and queries of databases."""

    name = "sql"
    summary = "sql:URL?table=NAME or ?query=SELECT …; the URL may be env:NAME, file:PATH or keyring:SERVICE/USER"

    def parse(self, text: str) -> Reference:
        """Check that no password is written out."""
        location = text.partition(":")[2]
        url = location.partition("?")[0]
        before_query = location.partition("query=")[0]
        if ("://" in url and ":" in url.partition("://")[2].rpartition("@")[0]) or _WRITTEN.search(before_query):
            raise written_out(text, _MEND)
        return Reference("sql", location, {}, text)

    def token(self, reference: Reference, pull: Pull) -> str:
        """Ask the database for count and sums, or digest the file that it is."""
        from noria.sources.sql import sql_token  # noqa: PLC0415 - SQLAlchemy only for SQL sources

        return sql_token(reference, pull) or VOLATILE

    def read(self, reference: Reference, pull: Pull) -> Rows:
        """Read some rows at a time."""
        from noria.sources.sql import read_sql  # noqa: PLC0415 - pyarrow only when rows are read

        return Rows(read_sql(reference, pull).table)

    def place(self, reference: Reference, pull: Pull) -> str:
        """Name the database, without its password."""
        from noria.sources.sql import place_of  # noqa: PLC0415 - SQLAlchemy only for SQL sources

        return place_of(reference, pull)

    def increment(self, reference: Reference, pull: Pull, *, column: str, since: object, lag: float) -> Increment:
        """Ask for the rows from the mark on."""
        from noria.sources.sql import read_sql  # noqa: PLC0415 - pyarrow only when rows are read

        return read_sql(reference, pull, column=column, since=since, lag=lag)
