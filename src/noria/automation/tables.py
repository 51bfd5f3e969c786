"""The tables this room owns."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["decisions", "firings", "outbox", "webhook_deliveries", "webhooks"]

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("alert_id", sa.Integer),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Index("ix_decisions_model_at", "model", "at"),
    sa.Index("ix_decisions_alert_id", "alert_id"),
)

firings = sa.Table(
    "firings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    # The firing before it: two loops that see the same cause both name the same one, and only one row fits.
    sa.Column("after", sa.Integer, nullable=False),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("started", UtcTime, nullable=False),
    sa.Column("ended", UtcTime),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Index("uq_firings_model_key_after", "model", "key", "after", unique=True),
    # One automatic run of a model at a time.
    sa.Index(
        "uq_firings_running",
        "model",
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    ),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcTime, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Index("uq_outbox_key_channel", "key", "channel", unique=True),
    sa.Index("ix_outbox_state_next_at", "state", "next_at"),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    # Where the address and the key are, never the key itself.
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("events", Json, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("allow_private", sa.Boolean, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Index("uq_webhooks_name", "name", unique=True),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("webhook_id", sa.Integer, nullable=False),
    # The same at every attempt, so that the other side can tell a repetition.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcTime, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Index("ix_webhook_deliveries_state", "state", "next_at"),
    sa.Index("ix_webhook_deliveries_webhook", "webhook_id", "id"),
)
