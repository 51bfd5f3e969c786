"""How far the journals of clients have been taken in."""

import sqlalchemy as sa
from alembic import op

revision = "runs_0003"
down_revision = "runs_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_journals",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("journal", sa.String(32), nullable=False),
        sa.Column("acknowledged", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("rid", "journal", name="pk_run_journals"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("run_journals")
