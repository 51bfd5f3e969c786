"""The first tables of the server."""

import sqlalchemy as sa
from alembic import op

revision = "serving_0001"
down_revision = None
branch_labels = ("serving",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "serving_processes",
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("alias", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("heartbeat", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("next_version", sa.Integer),
        sa.Column("next_share", sa.Integer),
        sa.Column("logged", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("process", name="pk_serving_processes"),
    )
    op.create_index("ix_serving_processes_model", "serving_processes", ["model", "heartbeat"])
    op.create_table(
        "serving_minutes",
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("minute", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("histogram", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("process", "model", "version", "arm", "minute", name="pk_serving_minutes"),
    )
    op.create_index("ix_serving_minutes_model", "serving_minutes", ["model", "minute"])
    op.create_table(
        "serving_loads",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_serving_loads"),
    )
    op.create_index("ix_serving_loads_model", "serving_loads", ["model", "id"])


def downgrade() -> None:
    for table in ("serving_loads", "serving_minutes", "serving_processes"):
        op.drop_table(table)
