"""Versions of which rows were erased."""

import sqlalchemy as sa
from alembic import op

revision = "datasets_0003"
down_revision = "datasets_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dataset_rewrites",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("replacement", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_dataset_rewrites"),
    )
