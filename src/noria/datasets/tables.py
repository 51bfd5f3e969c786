"""The tables of this room."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import Json, UtcTime
from noria.store.database import metadata

__all__ = ["dataset_versions"]

dataset_versions = sa.Table(
    "dataset_versions",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("columns", sa.Integer, nullable=False),
    sa.Column("schema", Json, nullable=False),
    sa.Column("profile", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("parent", sa.Integer),
    sa.Column("note", sa.Text, nullable=False),
    sa.Index("ix_dataset_versions_digest", "digest"),
)
"""Versions of datasets: numbered from 1 for each name, never changed."""
