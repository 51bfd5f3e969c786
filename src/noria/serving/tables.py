"""The tables this room owns."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["serving_documents", "serving_loads", "serving_minutes", "serving_processes", "serving_tallies"]

serving_processes = sa.Table(
    "serving_processes",
    metadata,
    sa.Column("process", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("alias", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", UtcTime, nullable=False),
    sa.Column("heartbeat", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("next_version", sa.Integer),
    sa.Column("next_share", sa.Integer),
    sa.Column("document", sa.Integer),
    sa.Column("logged", sa.BigInteger, nullable=False),
    sa.Column("dropped", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Index("ix_serving_processes_model", "model", "heartbeat"),
)

serving_minutes = sa.Table(
    "serving_minutes",
    metadata,
    sa.Column("process", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("arm", sa.Text, primary_key=True),
    sa.Column("minute", UtcTime, primary_key=True, autoincrement=False),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("refused", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("histogram", Json, nullable=False),
    sa.Index("ix_serving_minutes_model", "model", "minute"),
)

serving_loads = sa.Table(
    "serving_loads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("error", Json),
    sa.Index("ix_serving_loads_model", "model", "id"),
)

serving_documents = sa.Table(
    "serving_documents",
    metadata,
    sa.Column("deployment", sa.Text, primary_key=True),
    # Whoever writes a number first has made that change: a second one of it is refused.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("alias", sa.Text, nullable=False),
    sa.Column("arms", Json, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("gates", Json, nullable=False),
    sa.Column("steps", Json, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("hold_seconds", sa.Float, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("began", UtcTime, nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("first", sa.Integer, nullable=False),
    sa.Column("fallback", sa.Integer, nullable=False),
    sa.Column("move", sa.Integer, nullable=False),
    sa.Column("evidence", Json, nullable=False),
)

serving_tallies = sa.Table(
    "serving_tallies",
    metadata,
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("rollout", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("process", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("histogram", Json, nullable=False),
    sa.Column("scores", Json, nullable=False),
    sa.Column("compared", sa.BigInteger, nullable=False),
    sa.Column("agreed", sa.BigInteger, nullable=False),
    sa.Column("gap", sa.Float, nullable=False),
)
