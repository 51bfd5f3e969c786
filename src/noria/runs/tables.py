"""The tables of runs and what is recorded about them.

The shape follows the questions. The latest value of a metric stands beside its history, so that a page of runs never
reads a history; it carries the experiment, so that "the hundred best of this experiment" walks one index and stops.
A NaN is a flag beside a zero: SQLite would turn it into NULL and PostgreSQL sorts it above infinity, and the ordering
of runs must not depend on either.
"""

from __future__ import annotations

import sqlalchemy as sa

from noria.store.columns import LETTERS, Json, UtcTime
from noria.store.database import metadata

__all__ = [
    "artifacts",
    "experiment_tags",
    "experiments",
    "input_datasets",
    "logged_model_metrics",
    "logged_model_params",
    "logged_model_tags",
    "logged_models",
    "metric_latest",
    "metric_points",
    "run_inputs",
    "run_journals",
    "run_log",
    "run_models",
    "run_params",
    "run_tags",
    "runs",
]

HEAD = sa.text("substr(value, 1, 100)")
"""What an index keeps of a text: PostgreSQL takes no index entry of more than 2,700 bytes."""

experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", LETTERS, nullable=False),
    sa.Column("artifact_location", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("updated", UtcTime, nullable=False),
    sa.Column("deleted", UtcTime),
    sa.Index("uq_experiments_name", "name", unique=True),
    sqlite_autoincrement=True,
)

experiment_tags = sa.Table(
    "experiment_tags",
    metadata,
    sa.Column("experiment_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("value", LETTERS, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", LETTERS, nullable=False),
    sa.Column("experiment_id", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", LETTERS, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started", UtcTime, nullable=False),
    sa.Column("ended", UtcTime),
    sa.Column("deleted", UtcTime),
    sa.Column("beat", UtcTime),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("user_id", LETTERS, nullable=False),
    sa.Column("git_commit", sa.Text),
    sa.Column("git_clean", sa.Boolean),
    sa.Column("error", Json),
    sa.Index("uq_runs_id", "id", unique=True),
    sa.Index("ix_runs_experiment", "experiment_id", "deleted", "started"),
    sa.Index("ix_runs_started", "deleted", "started"),
    sa.Index("ix_runs_status", "status"),
    sqlite_autoincrement=True,
)

metric_points = sa.Table(
    "metric_points",
    metadata,
    # Clustered by the very set that a history is: an exact repeat has nowhere to go.
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Double, primary_key=True, autoincrement=False),
    sa.Column("nan", sa.SmallInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

metric_latest = sa.Table(
    "metric_latest",
    metadata,
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("experiment_id", sa.Integer, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("nan", sa.SmallInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_metric_latest_value", "experiment_id", "name", "nan", "value", "rid"),
    sqlite_with_rowid=False,
)

run_params = sa.Table(
    "run_params",
    metadata,
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", LETTERS, primary_key=True),
    # The value as people see and search it; `json` says whether it is to be read as JSON to get it back exactly.
    sa.Column("value", LETTERS, nullable=False),
    sa.Column("json", sa.SmallInteger, nullable=False),
    sa.Index("ix_run_params_value", "name", HEAD, "rid"),
    sqlite_with_rowid=False,
)

run_tags = sa.Table(
    "run_tags",
    metadata,
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("value", LETTERS, nullable=False),
    sa.Index("ix_run_tags_value", "name", HEAD, "rid"),
    sqlite_with_rowid=False,
)

input_datasets = sa.Table(
    "input_datasets",
    metadata,
    sa.Column("did", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("experiment_id", sa.Integer, nullable=False),
    sa.Column("name", LETTERS, nullable=False),
    sa.Column("digest", LETTERS, nullable=False),
    sa.Column("source_type", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("schema", sa.Text),
    sa.Column("profile", sa.Text),
    sa.Index("uq_input_datasets", "experiment_id", "name", "digest", unique=True),
)

run_inputs = sa.Table(
    "run_inputs",
    metadata,
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("did", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("context", LETTERS),
    sa.Column("tags", Json, nullable=False),
    sa.Index("ix_run_inputs_did", "did"),
)

run_models = sa.Table(
    "run_models",
    metadata,
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model_id", LETTERS, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Index("ix_run_models_model", "model_id"),
)

run_log = sa.Table(
    "run_log",
    metadata,
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

run_journals = sa.Table(
    "run_journals",
    metadata,
    # How far the journal of each client has been taken in: written with what was taken, so that nothing is twice.
    sa.Column("rid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("journal", sa.String(32), primary_key=True),
    sa.Column("acknowledged", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

logged_models = sa.Table(
    "logged_models",
    metadata,
    sa.Column("id", LETTERS, primary_key=True),
    sa.Column("experiment_id", sa.Integer, nullable=False),
    sa.Column("name", LETTERS, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("source_run_id", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("updated", UtcTime, nullable=False),
    sa.Column("deleted", UtcTime),
    sa.Index("ix_logged_models_experiment", "experiment_id", "created"),
    sa.Index("ix_logged_models_run", "source_run_id"),
)

logged_model_params = sa.Table(
    "logged_model_params",
    metadata,
    sa.Column("model_id", LETTERS, primary_key=True),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("value", LETTERS, nullable=False),
)

logged_model_tags = sa.Table(
    "logged_model_tags",
    metadata,
    sa.Column("model_id", LETTERS, primary_key=True),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("value", LETTERS, nullable=False),
)

logged_model_metrics = sa.Table(
    "logged_model_metrics",
    metadata,
    # The latest value for each run and dataset it was measured on.
    sa.Column("model_id", LETTERS, primary_key=True),
    sa.Column("name", LETTERS, primary_key=True),
    sa.Column("run_id", LETTERS, primary_key=True),
    sa.Column("dataset_name", LETTERS, primary_key=True),
    sa.Column("dataset_digest", LETTERS, primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("nan", sa.SmallInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_logged_model_metrics_value", "name", "nan", "value"),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    # A path is a name in this table and the bytes are a blob: no path that a client sends ever reaches the disk.
    sa.Column("owner", LETTERS, primary_key=True),
    sa.Column("path", LETTERS, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("added", UtcTime, nullable=False),
    sa.Index("ix_artifacts_digest", "digest"),
)
