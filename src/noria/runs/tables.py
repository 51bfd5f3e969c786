"""The tables of runs and what is recorded about them."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["run_artifacts", "run_metrics", "run_params", "run_tags", "runs"]

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started", UtcTime, nullable=False),
    sa.Column("ended", UtcTime),
    sa.Column("beat", UtcTime, nullable=False),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("git_commit", sa.Text),
    sa.Column("git_clean", sa.Boolean),
    sa.Column("error", Json),
    sa.Index("ix_runs_started_id", "started", "id"),
    sa.Index("ix_runs_status", "status"),
)

run_params = sa.Table(
    "run_params",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", Json),
    sa.Index("ix_run_params_name", "name"),
)

run_metrics = sa.Table(
    "run_metrics",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("step", sa.BigInteger, primary_key=True),
    sa.Column("value", sa.Float),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("ix_run_metrics_name_value", "name", "value"),
)

run_tags = sa.Table(
    "run_tags",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Index("ix_run_tags_name_value", "name", "value"),
)

run_artifacts = sa.Table(
    "run_artifacts",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
)
