"""The tables this room owns."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["alerts", "monitor_cursors", "windows"]

windows = sa.Table(
    "windows",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("starts", UtcTime, nullable=False),
    sa.Column("first_id", sa.Text, nullable=False),
    sa.Column("ends", UtcTime, nullable=False),
    sa.Column("first_ts", UtcTime, nullable=False),
    sa.Column("last_ts", UtcTime, nullable=False),
    sa.Column("last_id", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("judged", UtcTime, nullable=False),
    sa.Column("counts", Json),
    sa.Column("drift", Json),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("pooled", sa.Integer, nullable=False),
    sa.Column("performance", Json),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("matured", sa.Float, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False),
    sa.Index("uq_windows_model_version_arm_starts", "model", "version", "arm", "starts", "first_id", unique=True),
    sa.Index("ix_windows_model_ends", "model", "ends"),
    sa.Index("ix_windows_model_settled", "model", "settled"),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("opened", UtcTime, nullable=False),
    sa.Column("updated", UtcTime, nullable=False),
    sa.Column("resolved", UtcTime),
    sa.Column("resolution", sa.Text, nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("windows", sa.Integer, nullable=False),
    sa.Column("clean", sa.Integer, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("muted_until", UtcTime),
    sa.Column("muted_by", sa.Text, nullable=False),
    sa.Column("muted_reason", sa.Text, nullable=False),
    # One open alert per model and kind: a storm is one row that grows.
    sa.Index(
        "uq_alerts_open",
        "model",
        "kind",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index("ix_alerts_model_opened", "model", "opened"),
)

monitor_cursors = sa.Table(
    "monitor_cursors",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("arm", sa.Text, primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
)
