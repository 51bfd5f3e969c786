"""Versions of a single file."""

import sqlalchemy as sa
from alembic import op

revision = "datasets_0005"
down_revision = "datasets_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("folder_versions", sa.Column("single", sa.Boolean, nullable=False, server_default=sa.false()))
