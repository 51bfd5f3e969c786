"""Inserting a row that another process may have inserted already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

__all__ = ["insert_first"]


def insert_first(connection: sa.Connection, table: sa.Table, values: Mapping[str, object]) -> sa.RowMapping | None:
    """Insert a row and give it, or give None where a unique index says that it is there.

    Waits for the other one's transaction, so that None means: it is committed.
    """
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - the dialect in use only
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment] # noqa: PLC0415 - as above
    statement = insert(table).values(dict(values)).on_conflict_do_nothing().returning(table)
    return connection.execute(statement).mappings().first()
