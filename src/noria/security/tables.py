"""The tables this room owns. No secret is in them: passwords as argon2id, all other secrets as SHA-256."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["grants", "invites", "pseudonym_keys", "security_events", "sessions", "throttles", "tokens", "users"]

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    # NFKC and casefold of the name: two names that look alike are one user.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Index("uq_users_key", "key", unique=True),
    sqlite_autoincrement=True,
)

grants = sa.Table(
    "user_grants",
    metadata,
    sa.Column("user_id", sa.Integer, primary_key=True, autoincrement=False),
    # "*" is every project.
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Boolean, nullable=False),
)

tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Integer, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("project", sa.Text),
    sa.Column("role", sa.Text),
    sa.Column("actions", Json),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("expires", UtcTime),
    sa.Column("used", UtcTime),
    sa.Column("revoked", UtcTime),
    sa.Index("ix_api_tokens_user_id", "user_id"),
)

sessions = sa.Table(
    "login_sessions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Integer, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("seen", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Index("ix_login_sessions_user_id", "user_id"),
)

invites = sa.Table(
    "user_invites",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Integer, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Index("ix_user_invites_user_id", "user_id"),
)

throttles = sa.Table(
    "login_throttles",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
)

security_events = sa.Table(
    "security_events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("detail", Json, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

pseudonym_keys = sa.Table(
    "pseudonym_keys",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    # Says which key it is, and nothing of what it is.
    sa.Column("mark", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
)
