"""Which key each project's pseudonyms are made with."""

import sqlalchemy as sa
from alembic import op

revision = "security_0002"
down_revision = "security_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pseudonym_keys",
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("project", name="pk_pseudonym_keys"),
    )
