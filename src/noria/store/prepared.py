"""Statements composed once: for the paths where composing one costs more than running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.dialects.sqlite import Insert
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["Prepared", "inserting"]

Parameters = Mapping[str, object]


class Prepared:
    """A statement in each database's own words, run past SQLAlchemy's composer.

    Values reach the driver as they are: a column type that converts (`UtcTime`, `Json`) does not take part, so give
    microseconds and canonical text.

    Parameters
    ----------
    build : callable
        Gives the statement for a dialect, its values as named ``bindparam``.
    names : sequence of str, optional
        Columns of an INSERT; other statements name their own.
    """

    def __init__(self, build: Callable[[str], sa.Executable], names: Sequence[str] | None = None) -> None:
        self._build = build
        self._names = None if names is None else list(names)
        self._composed: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def run(
        self, connection: sa.Connection, values: Parameters | Sequence[Parameters]
    ) -> sa.CursorResult[tuple[object, ...]]:
        """Run it once, or once for each of several sets of values."""
        text, order = self._composed.get(connection.dialect.name) or self._compose(connection)
        if isinstance(values, Mapping):
            return connection.exec_driver_sql(
                text, dict(values) if order is None else tuple([values[name] for name in order])
            )
        if order is None:
            return connection.exec_driver_sql(text, [dict(row) for row in values])
        return connection.exec_driver_sql(text, [tuple([row[name] for name in order]) for row in values])

    def _compose(self, connection: sa.Connection) -> tuple[str, tuple[str, ...] | None]:
        statement = self._build(connection.dialect.name)
        compiled: SQLCompiler = statement.compile(  # type: ignore[attr-defined] # every statement of ours compiles
            dialect=connection.dialect, column_keys=self._names
        )
        order = tuple(compiled.positiontup) if compiled.positional and compiled.positiontup is not None else None
        composed = str(compiled), order
        self._composed[connection.dialect.name] = composed
        return composed


def inserting(dialect: str, table: sa.Table) -> Insert:
    """Give an INSERT that knows ON CONFLICT, in a dialect's own form."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - the dialect in use only
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment] # noqa: PLC0415 - as above
    return insert(table)
