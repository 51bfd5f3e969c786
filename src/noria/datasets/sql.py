"""A DuckDB session that sees the tables it is given and nothing else."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from noria.store.memory import available_bytes, folder_aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

__all__ = ["one_row", "quoted", "rows_of", "session", "text"]

_BLOCK = 122_880
_LEAST_MEMORY = 256_000_000

# Expressions come from project files: they may not open files, load extensions or reach the network, and may not
# set that aside again. A closed network has no extensions anyway.
_LOCKED: dict[str, str] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


@contextmanager
def session(tables: Mapping[str, pa.Table | Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a session in memory over Arrow tables, read in place, and Parquet files, read as they are scanned.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table or Path
        Name in SQL -> rows, or the Parquet file that holds them: the session may open these files and no other.

    Examples
    --------
    >>> import pyarrow as pa
    >>> with session({"t": pa.table({"a": [1, 2, 3]})}) as duck:
    ...     one_row(duck, "SELECT sum(a) FROM t")
    (6,)
    """
    import duckdb  # noqa: PLC0415 - 65 MB, wanted only where tables are scanned

    files = {name: str(table.resolve()) for name, table in tables.items() if hasattr(table, "resolve")}
    # Which files may be opened, and where a query goes on when memory is short, can be said only before the door is
    # shut, and not when connecting.
    connection = duckdb.connect(":memory:")
    try:
        for name, value in _room().items():
            connection.execute(f"SET {name} = {text(value)}")
        if files:
            connection.execute(f"SET allowed_paths = [{', '.join(map(text, files.values()))}]")
        for name, value in _LOCKED.items():
            connection.execute(f"SET {name} = {value}")
        for name, table in tables.items():
            if name in files:
                made = f"CREATE VIEW {quoted(name)} AS SELECT * FROM read_parquet({text(files[name])})"  # noqa: S608 - quoted
                connection.execute(made)
            else:
                connection.register(name, table)
        yield connection
    finally:
        connection.close()


def _room() -> dict[str, str]:
    """Say how much memory a query may take, and where it goes on when that is not enough."""
    free = available_bytes()
    if free is None:
        return {}
    most = max(_LEAST_MEMORY, free // 2)
    return {"memory_limit": f"{most // 1_000_000}MB", "temp_directory": str(folder_aside() / "duckdb")}


def rows_of(found: duckdb.DuckDBPyRelation, *, large: bool) -> pa.Table:
    """Give what a query found as a table; one that is large goes to disk as it comes.

    Examples
    --------
    >>> with session({}) as duck:
    ...     rows_of(duck.sql("SELECT 1 AS a"), large=True).to_pydict()
    {'a': [1]}
    """
    from noria.store.aside import spooled  # noqa: PLC0415 - pyarrow only where tables are made

    if not large:
        table: pa.Table = found.to_arrow_table()
        return table
    reader = found.to_arrow_reader(_BLOCK)
    return spooled(reader.schema, (batch.columns for batch in reader))


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


def text(value: str) -> str:
    """Write a text so that SQL takes it as one.

    Examples
    --------
    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("'", "''") + "'"
