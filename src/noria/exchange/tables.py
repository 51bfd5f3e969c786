"""The table this room owns."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import UtcTime
from noria.store.database import metadata

__all__ = ["import_ledger"]

import_ledger = sa.Table(
    "import_ledger",
    metadata,
    # What each run and logged model held when it was taken over whole: an import that was cut off goes on from here.
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("mark", sa.Text, nullable=False),
    sa.Column("params", sa.BigInteger, nullable=False),
    sa.Column("tags", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("files", sa.BigInteger),
    sa.Column("at", UtcTime, nullable=False),
)
