"""Promotions that wait for approval, and what happened in the registry for those who want to hear of it."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0003"
down_revision = "registry_0002"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")
WAITING = sa.text("handed IS NULL")


def upgrade() -> None:
    op.create_table(
        "promotion_requests",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("alias", sa.Text, nullable=False),
        sa.Column("model_digest", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("override", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_promotion_requests"),
    )
    op.create_index(
        "uq_promotion_requests_open",
        "promotion_requests",
        ["model", "alias", "number"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "promotion_votes",
        sa.Column("request_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("approves", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "person", name="pk_promotion_votes"),
    )
    op.create_table(
        "registry_events",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("handed", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_registry_events"),
    )
    op.create_index(
        "ix_registry_events_waiting", "registry_events", ["id"], sqlite_where=WAITING, postgresql_where=WAITING
    )


def downgrade() -> None:
    raise NotImplementedError("what waits for approval would be lost; restore a backup")
