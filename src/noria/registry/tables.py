"""The tables this room owns."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import LETTERS, Json, UtcTime
from noria.store.database import metadata

__all__ = [
    "alias_moves",
    "gate_verdicts",
    "model_aliases",
    "model_tags",
    "model_versions",
    "promotion_requests",
    "promotion_votes",
    "registered_models",
    "registry_events",
]

registered_models = sa.Table(
    "registered_models",
    metadata,
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("updated", UtcTime, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    # The highest number ever given: a number whose version was deleted is not given again.
    sa.Column("last_number", sa.Integer, nullable=False),
)

model_tags = sa.Table(
    "model_tags",
    metadata,
    sa.Column("model", LETTERS, primary_key=True),
    # 0: of the model itself.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("value", LETTERS, nullable=False),
    sa.Index("ix_model_tags_value", "name", sa.text("substr(value, 1, 100)")),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("data_digest", sa.Text, nullable=False),
    sa.Column("model_digest", sa.Text, nullable=False),
    sa.Column("evaluation_digest", sa.Text, nullable=False),
    sa.Column("code_commit", sa.Text),
    sa.Column("code_clean", sa.Boolean),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("environment", Json, nullable=False),
    sa.Column("params", Json, nullable=False),
    sa.Column("metrics", Json, nullable=False),
    sa.Column("signature", Json, nullable=False),
    sa.Column("files", Json, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("source", sa.Text, nullable=False, server_default=""),
    sa.Column("run_link", sa.Text, nullable=False, server_default=""),
    sa.Column("logged_model_id", sa.Text, nullable=False, server_default=""),
    sa.Column("status", sa.Text, nullable=False, server_default="ready"),
    sa.Column("stage", sa.Text, nullable=False, server_default="None"),
    sa.Column("origin", sa.Text, nullable=False, server_default="noria"),
    sa.Column("unsafe", sa.Text, nullable=False, server_default=""),
    sa.Column("user_id", sa.Text, nullable=False, server_default=""),
    sa.Column("updated", UtcTime),
    sa.Column("deleted", UtcTime),
    sa.Index("ix_model_versions_updated", "updated"),
    sa.Index("uq_model_versions_identity", "model", "identity", unique=True),
    sa.Index("ix_model_versions_model_digest", "model_digest"),
    sa.Index("ix_model_versions_run_id", "run_id"),
)

model_aliases = sa.Table(
    "model_aliases",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("alias", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("moved", UtcTime, nullable=False),
)

alias_moves = sa.Table(
    "alias_moves",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("alias", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("old", sa.Integer),
    sa.Column("new", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("override", sa.Text),
    sa.Index("ix_alias_moves_model", "model", "alias", "id"),
)

gate_verdicts = sa.Table(
    "gate_verdicts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("model_digest", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("verdicts", Json, nullable=False),
    sa.Index("ix_gate_verdicts_model", "model", "model_digest", "id"),
)

promotion_requests = sa.Table(
    "promotion_requests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("alias", sa.Text, nullable=False),
    # What was asked for is the content: a version of the same number under a model made anew is another one.
    sa.Column("model_digest", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("override", sa.Text),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("decided", UtcTime),
    sa.Index(
        "uq_promotion_requests_open",
        "model",
        "alias",
        "number",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
)

promotion_votes = sa.Table(
    "promotion_votes",
    metadata,
    sa.Column("request_id", sa.Integer, primary_key=True, autoincrement=False),
    # The person, however the name was written: nobody approves twice.
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("approves", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)

registry_events = sa.Table(
    "registry_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("number", sa.Integer),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("detail", Json, nullable=False),
    # When it was handed to those who want to hear of it. Not a highest id: ids commit in another order than they come.
    sa.Column("handed", UtcTime),
    sa.Index(
        "ix_registry_events_waiting",
        "id",
        sqlite_where=sa.text("handed IS NULL"),
        postgresql_where=sa.text("handed IS NULL"),
    ),
)
