"""The table this room owns."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["prediction_labels"]

prediction_labels = sa.Table(
    "prediction_labels",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("prediction_id", sa.Text, nullable=False),
    sa.Column("value", Json, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Index("ix_prediction_labels_model", "model", "prediction_id", "id"),
)
