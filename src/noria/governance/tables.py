"""The table this room owns."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["erasures"]

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    # In which column a person is named, and the person's pseudonym: not who it was.
    sa.Column("column", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("begun", UtcTime, nullable=False),
    sa.Column("done", UtcTime),
    sa.Column("certificate", Json),
    sa.Index("uq_erasures_subject", "project", "column", "subject", unique=True),
)
"""People whose rows were taken out everywhere and are not let in again."""
