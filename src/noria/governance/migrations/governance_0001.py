"""People who were erased."""

import sqlalchemy as sa
from alembic import op

revision = "governance_0001"
down_revision = None
branch_labels = ("governance",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("column", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("done", sa.BigInteger),
        sa.Column("certificate", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_index("uq_erasures_subject", "erasures", ["project", "column", "subject"], unique=True)
