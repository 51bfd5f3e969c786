"""Experiments, exact metrics with history, inputs, logged models, artifacts by owner; old runs are taken along."""

import sqlalchemy as sa
from alembic import op

revision = "runs_0002"
down_revision = "runs_0001"
branch_labels = None
depends_on = None

LETTERS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
HEAD = sa.text("substr(value, 1, 100)")
OLD = ("runs", "run_params", "run_metrics", "run_tags", "run_artifacts")
OLD_INDEXES = (
    ("ix_runs_started_id", "runs"),
    ("ix_runs_status", "runs"),
    ("ix_run_params_name", "run_params"),
    ("ix_run_metrics_name_value", "run_metrics"),
    ("ix_run_tags_name_value", "run_tags"),
)


def upgrade() -> None:
    _set_aside()
    _create()
    _take_along()
    for table in OLD:
        op.drop_table(f"old_{table}")


def downgrade() -> None:
    raise NotImplementedError("the former tables had no place for what is recorded now; restore a backup")


def _set_aside() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for index, table in OLD_INDEXES:
        op.drop_index(index, table_name=table)
    for table in OLD:
        op.rename_table(table, f"old_{table}")
        if postgresql:  # its constraints are named in the schema, not in the table
            op.execute(sa.text(f"ALTER TABLE old_{table} RENAME CONSTRAINT pk_{table} TO pk_old_{table}"))


def _create() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("artifact_location", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_experiments_name", "experiments", ["name"], unique=True)
    op.create_table(
        "experiment_tags",
        sa.Column("experiment_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("value", LETTERS, nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "name", name="pk_experiment_tags"),
    )
    op.create_table(
        "runs",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("id", LETTERS, nullable=False),
        sa.Column("experiment_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("deleted", sa.BigInteger),
        sa.Column("beat", sa.BigInteger),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("user_id", LETTERS, nullable=False),
        sa.Column("git_commit", sa.Text),
        sa.Column("git_clean", sa.Boolean),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("rid", name="pk_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_runs_id", "runs", ["id"], unique=True)
    op.create_index("ix_runs_experiment", "runs", ["experiment_id", "deleted", "started"])
    op.create_index("ix_runs_started", "runs", ["deleted", "started"])
    op.create_index("ix_runs_status", "runs", ["status"])
    op.create_table(
        "metric_points",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("step", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("value", sa.Double, nullable=False, autoincrement=False),
        sa.Column("nan", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("rid", "name", "at_ms", "step", "value", "nan", name="pk_metric_points"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "metric_latest",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("experiment_id", sa.Integer, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("nan", sa.SmallInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("rid", "name", name="pk_metric_latest"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_metric_latest_value", "metric_latest", ["experiment_id", "name", "nan", "value", "rid"])
    op.create_table(
        "run_params",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("value", LETTERS, nullable=False),
        sa.Column("json", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("rid", "name", name="pk_run_params"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_params_value", "run_params", ["name", HEAD, "rid"])
    op.create_table(
        "run_tags",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("value", LETTERS, nullable=False),
        sa.PrimaryKeyConstraint("rid", "name", name="pk_run_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_tags_value", "run_tags", ["name", HEAD, "rid"])
    op.create_table(
        "input_datasets",
        sa.Column("did", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("experiment_id", sa.Integer, nullable=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("digest", LETTERS, nullable=False),
        sa.Column("source_type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("schema", sa.Text),
        sa.Column("profile", sa.Text),
        sa.PrimaryKeyConstraint("did", name="pk_input_datasets"),
    )
    op.create_index("uq_input_datasets", "input_datasets", ["experiment_id", "name", "digest"], unique=True)
    op.create_table(
        "run_inputs",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("did", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("context", LETTERS),
        sa.Column("tags", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rid", "did", name="pk_run_inputs"),
    )
    op.create_index("ix_run_inputs_did", "run_inputs", ["did"])
    op.create_table(
        "run_models",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("model_id", LETTERS, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("rid", "model_id", "role", name="pk_run_models"),
    )
    op.create_index("ix_run_models_model", "run_models", ["model_id"])
    op.create_table(
        "run_log",
        sa.Column("rid", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rid", "number", name="pk_run_log"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "logged_models",
        sa.Column("id", LETTERS, nullable=False),
        sa.Column("experiment_id", sa.Integer, nullable=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("source_run_id", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_logged_models"),
    )
    op.create_index("ix_logged_models_experiment", "logged_models", ["experiment_id", "created"])
    op.create_index("ix_logged_models_run", "logged_models", ["source_run_id"])
    for table in ("logged_model_params", "logged_model_tags"):
        op.create_table(
            table,
            sa.Column("model_id", LETTERS, nullable=False),
            sa.Column("name", LETTERS, nullable=False),
            sa.Column("value", LETTERS, nullable=False),
            sa.PrimaryKeyConstraint("model_id", "name", name=f"pk_{table}"),
        )
    op.create_table(
        "logged_model_metrics",
        sa.Column("model_id", LETTERS, nullable=False),
        sa.Column("name", LETTERS, nullable=False),
        sa.Column("run_id", LETTERS, nullable=False),
        sa.Column("dataset_name", LETTERS, nullable=False),
        sa.Column("dataset_digest", LETTERS, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("nan", sa.SmallInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "model_id", "name", "run_id", "dataset_name", "dataset_digest", name="pk_logged_model_metrics"
        ),
    )
    op.create_index("ix_logged_model_metrics_value", "logged_model_metrics", ["name", "nan", "value"])
    op.create_table(
        "artifacts",
        sa.Column("owner", LETTERS, nullable=False),
        sa.Column("path", LETTERS, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "path", name="pk_artifacts"),
    )
    op.create_index("ix_artifacts_digest", "artifacts", ["digest"])


_TAKE_ALONG = (
    # The first experiment is there before anybody asks for it; its number is 0.
    "INSERT INTO experiments (id, name, artifact_location, created, updated) VALUES (0, 'Default', '', 0, 0)",
    # A run was named after its project, and a project's runs are an experiment.
    "INSERT INTO experiments (name, artifact_location, created, updated)"
    " SELECT name, '', min(started), max(started) FROM old_runs WHERE name <> 'Default' GROUP BY name ORDER BY 3",
    "INSERT INTO runs (id, experiment_id, kind, name, status, started, ended, beat, process, trigger, user_id,"
    " git_commit, git_clean, error)"
    " SELECT o.id, e.id, o.kind, o.name, o.status, o.started, o.ended, o.beat, o.process, o.trigger, '',"
    " o.git_commit, o.git_clean, o.error FROM old_runs o JOIN experiments e ON e.name = o.name ORDER BY o.started",
    # A number that was not finite had been kept as NULL: which one it was is no longer known.
    "INSERT INTO metric_points (rid, name, at_ms, step, value, nan)"
    " SELECT r.rid, o.name, o.at / 1000, o.step, coalesce(o.value, 0), CASE WHEN o.value IS NULL THEN 1 ELSE 0 END"
    " FROM old_run_metrics o JOIN runs r ON r.id = o.run_id",
    "INSERT INTO metric_latest (rid, name, experiment_id, value, nan, step, at_ms)"
    " SELECT p.rid, p.name, r.experiment_id, p.value, p.nan, p.step, p.at_ms"
    " FROM metric_points p JOIN runs r ON r.rid = p.rid"
    " WHERE p.step = (SELECT max(q.step) FROM metric_points q WHERE q.rid = p.rid AND q.name = p.name)",
    "INSERT INTO run_tags (rid, name, value)"
    " SELECT r.rid, o.name, o.value FROM old_run_tags o JOIN runs r ON r.id = o.run_id",
    "INSERT INTO artifacts (owner, path, digest, size, media_type, added)"
    " SELECT o.run_id, o.path, o.digest, o.size, o.media_type, r.started"
    " FROM old_run_artifacts o JOIN runs r ON r.id = o.run_id",
)


def _take_along() -> None:
    import json  # noqa: PLC0415 - a migration is read once in the life of a database

    connection = op.get_bind()
    for statement in _TAKE_ALONG:
        connection.execute(sa.text(statement))
    # A text stood in JSON quotes, and is kept as people read it; everything else stays JSON.
    found = connection.execute(
        sa.text("SELECT r.rid, o.name, o.value FROM old_run_params o JOIN runs r ON r.id = o.run_id")
    ).all()
    rows = []
    for rid, name, value in found:
        read = None if value is None else json.loads(value)
        text = read if isinstance(read, str) else (value or "null")
        rows.append({"rid": rid, "name": name, "value": text, "json": 0 if isinstance(read, str) else 1})
    if rows:
        connection.execute(
            sa.text("INSERT INTO run_params (rid, name, value, json) VALUES (:rid, :name, :value, :json)"), rows
        )
