"""The tables of this room."""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import LETTERS, Json, UtcTime
from noria.store.database import metadata

__all__ = ["dataset_rewrites", "dataset_tags", "dataset_tags_shared", "dataset_versions", "folder_versions"]

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

dataset_rewrites = sa.Table(
    "dataset_rewrites",
    metadata,
    # What versions are named by; their rows are now the other's.
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("replacement", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""Tables of which rows had to be taken out for good: what a version is named by stays, what it holds is less."""

folder_versions = sa.Table(
    "folder_versions",
    metadata,
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("parent", sa.Integer),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("removed", UtcTime),
    # Made of one file that was added by itself, not of a folder.
    sa.Column("single", sa.Boolean, nullable=False, server_default=sa.false()),
)
"""Versions of folders of files. A removed one keeps its row, so that its number is not given again."""

dataset_tags = sa.Table(
    "dataset_tags",
    metadata,
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("tag", LETTERS, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("moved", UtcTime, nullable=False),
)
"""Names for versions of either kind, which may be moved."""

dataset_tags_shared = sa.Table(
    "dataset_tags_shared",
    metadata,
    sa.Column("remote", sa.Text, primary_key=True),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("tag", LETTERS, primary_key=True),
    # Each move of a tag on a remote has the next number.
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer),
)
"""What tags were, here and on a remote, when they were last of one mind: what has moved since is told from this."""
