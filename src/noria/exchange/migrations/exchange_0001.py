"""The ledger of imports."""

import sqlalchemy as sa
from alembic import op

revision = "exchange_0001"
down_revision = None
branch_labels = ("exchange",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_ledger",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("params", sa.BigInteger, nullable=False),
        sa.Column("tags", sa.BigInteger, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("files", sa.BigInteger),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("source", "owner", name="pk_import_ledger"),
    )


def downgrade() -> None:
    op.drop_table("import_ledger")
