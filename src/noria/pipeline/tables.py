"""The engine's tables: results by key, who works on what, and how each run's steps ended."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["actions", "leases", "step_states"]

actions = sa.Table(
    "actions",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("output", Json, nullable=False),
    sa.Column("parts", Json, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Index("ix_actions_step_created", "step", "created"),
)
"""Finished work: cache key -> where the output is, and what the key was made of."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("taken", UtcTime, nullable=False),
    sa.Column("beat", UtcTime, nullable=False),
)
"""Work going on: one owner a key, alive as long as its heart beats."""

step_states = sa.Table(
    "step_states",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("key", sa.String(64)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("output", Json),
    sa.Column("seconds", sa.Float),
    sa.Column("started", UtcTime),
    sa.Column("ended", UtcTime),
    sa.Column("error", Json),
    sa.Index("ix_step_states_step_ended", "scope", "step", "ended"),
)
"""How each step of each run went; ``scope`` is whose: projects that share a database have steps of the same names."""
