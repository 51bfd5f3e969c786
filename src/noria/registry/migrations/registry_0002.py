"""Models as things of their own, versions that other clients register, their tags where they can be searched."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0002"
down_revision = "registry_0001"
branch_labels = None
depends_on = None

LETTERS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
HEAD = sa.text("substr(value, 1, 100)")


def upgrade() -> None:
    op.create_table(
        "registered_models",
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_registered_models"),
    )
    op.create_table(
        "model_tags",
        sa.Column("model", LETTERS, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("value", LETTERS, nullable=False),
        sa.PrimaryKeyConstraint("model", "number", "name", name="pk_model_tags"),
    )
    op.create_index("ix_model_tags_value", "model_tags", ["name", HEAD])
    for name, default in (
        ("description", "''"),
        ("source", "''"),
        ("run_link", "''"),
        ("logged_model_id", "''"),
        ("status", "'ready'"),
        ("stage", "'None'"),
        ("origin", "'noria'"),
        ("unsafe", "''"),
        ("user_id", "''"),
    ):
        op.add_column("model_versions", sa.Column(name, sa.Text, nullable=False, server_default=sa.text(default)))
    op.add_column("model_versions", sa.Column("updated", sa.BigInteger))
    op.add_column("model_versions", sa.Column("deleted", sa.BigInteger))
    op.create_index("ix_model_versions_updated", "model_versions", ["updated"])
    op.execute(sa.text("UPDATE model_versions SET updated = created"))
    op.execute(
        sa.text(
            "INSERT INTO registered_models (name, created, updated, description, last_number)"
            " SELECT model, min(created), max(created), '', max(number) FROM model_versions GROUP BY model"
        )
    )
    _take_tags_along()


def downgrade() -> None:
    raise NotImplementedError("the former tables had no place for what is recorded now; restore a backup")


def _take_tags_along() -> None:
    import json  # noqa: PLC0415 - a migration is read once in the life of a database

    connection = op.get_bind()
    rows = [
        {"model": model, "number": number, "name": name, "value": str(value)}
        for model, number, tags in connection.execute(sa.text("SELECT model, number, tags FROM model_versions")).all()
        for name, value in json.loads(tags).items()
    ]
    if rows:
        connection.execute(
            sa.text("INSERT INTO model_tags (model, number, name, value) VALUES (:model, :number, :name, :value)"),
            rows,
        )
    op.drop_column("model_versions", "tags")
