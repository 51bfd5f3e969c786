"""Versions of folders of files, and tags for versions of either kind."""

import sqlalchemy as sa
from alembic import op

from noria.store.columns import LETTERS

revision = "datasets_0002"
down_revision = "datasets_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "folder_versions",
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("parent", sa.Integer),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("removed", sa.BigInteger),
        sa.PrimaryKeyConstraint("name", "number", name="pk_folder_versions"),
    )
    op.create_table(
        "dataset_tags",
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("tag", LETTERS, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("moved", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "tag", name="pk_dataset_tags"),
    )


def downgrade() -> None:
    op.drop_table("dataset_tags")
    op.drop_table("folder_versions")
