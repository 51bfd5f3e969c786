"""The first table of the labels."""

import sqlalchemy as sa
from alembic import op

revision = "predictions_0001"
down_revision = None
branch_labels = ("predictions",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prediction_labels",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False, autoincrement=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prediction_id", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prediction_labels"),
    )
    op.create_index("ix_prediction_labels_model", "prediction_labels", ["model", "prediction_id", "id"])


def downgrade() -> None:
    op.drop_table("prediction_labels")
