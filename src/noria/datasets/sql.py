"""A DuckDB session that sees the tables it is given and nothing else."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb
    import pyarrow as pa

__all__ = ["one_row", "quoted", "session"]

# Expressions come from project files: they may not open files, load extensions or reach the network, and may not
# set that aside again. A closed network has no extensions anyway.
_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
    "python_enable_replacements": "false",
}


@contextmanager
def session(tables: Mapping[str, pa.Table]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a session in memory over Arrow tables, read in place.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
        Name in SQL -> rows.

    Examples
    --------
    >>> import pyarrow as pa
    >>> with session({"t": pa.table({"a": [1, 2, 3]})}) as duck:
    ...     one_row(duck, "SELECT sum(a) FROM t")
    (6,)
    """
    import duckdb  # noqa: PLC0415 - 65 MB, wanted only where tables are scanned

    connection = duckdb.connect(":memory:", config=_LOCKED)
    try:
        for name, table in tables.items():
            connection.register(name, table)
        yield connection
    finally:
        connection.close()


def one_row(duck: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
    """Run a query that gives one row, and give that row."""
    # All rows are fetched: after fetchone DuckDB holds the result open and refuses the next query.
    rows: list[tuple[Any, ...]] = duck.execute(query, list(values)).fetchall()
    return rows[0]


def quoted(name: str) -> str:
    """Write a name so that SQL takes it as one, whatever it holds.

    Examples
    --------
    >>> print(quoted('the "odd" one'))
    "the ""odd"" one"
    """
    return '"' + name.replace('"', '""') + '"'
