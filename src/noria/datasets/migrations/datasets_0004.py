"""What tags were when they were last shared."""

import sqlalchemy as sa
from alembic import op

from noria.store.columns import LETTERS

revision = "datasets_0004"
down_revision = "datasets_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dataset_tags_shared",
        sa.Column("remote", sa.Text, nullable=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("tag", LETTERS, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer),
        sa.PrimaryKeyConstraint("remote", "name", "tag", name="pk_dataset_tags_shared"),
    )
