"""A small world of experiments as plain values, and writers that put it down in MLflow's own forms.

Written by hand from the formats, independently of the readers under test.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

INF, NAN = math.inf, math.nan
TOP = 1.7976931348623157e308  # what MLflow's database makes of an infinity


@dataclass
class ARun:
    id: str
    name: str
    status: str = "FINISHED"
    started: int = 1_700_000_000_000
    ended: int | None = 1_700_000_005_000
    deleted: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[tuple[str, float, int, int]] = field(default_factory=list)  # name, value, time, step
    files: dict[str, bytes] = field(default_factory=dict)
    datasets: list[tuple[str, str, str]] = field(default_factory=list)  # name, digest, context
    outputs: list[tuple[str, int]] = field(default_factory=list)  # logged model, step


@dataclass
class AnExperiment:
    key: str
    name: str
    runs: list[ARun] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    deleted: bool = False
    created: int = 1_699_000_000_000
    updated: int = 1_699_000_001_000


def run_id(number: int) -> str:
    return f"{number:032x}"


def world(*, infinities: bool) -> list[AnExperiment]:
    """Give the world; a database of MLflow holds no infinities."""
    up, down = (INF, -INF) if infinities else (TOP, -TOP)
    curve = [("loss", 1 / (step + 1), 1_700_000_000_000 + step, step) for step in range(40)]
    odd = [
        ("nan", NAN, 1_700_000_000_001, 3),
        ("up", up, 1, 1),
        ("up", down, 1, 1),
        ("tiny/5e-324", 5e-324, -5, -(2**63)),
        ("late", 0.25, 9, 7),
        ("late", 0.75, 99, 5),  # later in time, earlier in step: not the latest
        ("zero", -0.0, 1, 0),
    ]
    first = ARun(
        run_id(1),
        "first: é # 'x'",
        params={"depth": "3", "nested/path name": "a: b # c\nnext", "empty": "", "number": "1.0"},
        tags={"mlflow.runName": "first: é # 'x'", "mlflow.user": "ada", "note": "line\n\nline", "empty": "",
              "mlflow.source.git.commit": "c" * 40},
        points=[*curve, *odd],
        files={"plots/a b.txt": b"hello", "top.bin": bytes(range(256)), "deep/er/é.json": b"{}"},
        datasets=[("loans", "abc", "training"), ("loans", "def", "eval")],
        outputs=[],
    )  # fmt: skip
    runs = [
        first,
        ARun(run_id(2), "failed", "FAILED", params={"depth": "4"}, points=curve[:3]),
        ARun(run_id(3), "going on", "RUNNING", ended=None, points=curve[:5]),
        ARun(run_id(4), "in the bin", "KILLED", deleted=1_700_000_009_000, points=curve[:1]),
    ]
    gone = ARun(run_id(5), "gone with it", deleted=1_699_000_001_000, tags={"t": "1"})
    long_gone = ARun(run_id(6), "gone before", deleted=1_690_000_000_000)
    return [
        AnExperiment("0", "Default", []),
        AnExperiment("1", "credit scoring: é # x", runs, {"team": "risk", "mlflow.note.content": "two\nlines: x"}),
        AnExperiment("2", "gone", [gone, long_gone], deleted=True),
    ]


STATUS = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}


def quoted(text: str) -> str:
    # What YAML and JSON have in common: escapes of the basic plane.
    return json.dumps(text)


def write_folder(root: Path, experiments: list[AnExperiment]) -> Path:
    """Write an ``mlruns`` folder."""
    for experiment in experiments:
        place = root / (".trash" if experiment.deleted else "") / experiment.key
        stage = "deleted" if experiment.deleted else "active"
        put(
            place / "meta.yaml",
            f"artifact_location: file:///elsewhere/{experiment.key}\ncreation_time: {experiment.created}\n"
            f"experiment_id: '{experiment.key}'\nlast_update_time: {experiment.updated}\nlifecycle_stage: {stage}\n"
            f"name: {quoted(experiment.name)}\n",
        )
        for name, value in experiment.tags.items():
            put(place / "tags" / name, value)
        for run in experiment.runs:
            write_run(place, experiment.key, run)
    return root


def write_run(place: Path, key: str, run: ARun) -> None:
    """Write one run of an ``mlruns`` folder."""
    here = place / run.id
    gone = f"deleted_time: {run.deleted}\n" if run.deleted else ""
    put(
        here / "meta.yaml",
        f"artifact_uri: file:///elsewhere/{key}/{run.id}/artifacts\n{gone}"
        f"end_time: {'null' if run.ended is None else run.ended}\nentry_point_name: ''\nexperiment_id: '{key}'\n"
        f"lifecycle_stage: {'deleted' if run.deleted else 'active'}\nrun_id: '{run.id}'\nrun_name: {quoted(run.name)}\n"
        f"source_name: ''\nstart_time: {run.started}\nstatus: {STATUS[run.status]}\ntags: []\nuser_id: ada\n",
    )
    for folder, values in (("params", run.params), ("tags", run.tags)):
        for name, value in values.items():
            put(here / folder / name, value)
    for name, value, at, step in run.points:
        put(here / "metrics" / name, f"{at} {value} {step}\n", add=True)
    for name, data in run.files.items():
        put(here / "artifacts" / name, data)
    for number, (name, digest, context) in enumerate(run.datasets):
        known = f"{number}{'d' * 31}"
        put(
            place / "datasets" / known / "meta.yaml",
            f"digest: {digest}\nname: {name}\nprofile: '{{\"n\": 2}}'\nschema: null\nsource: '{{}}'\n"
            "source_type: local\n",
        )
        put(
            here / "inputs" / f"{number}{'e' * 31}" / "meta.yaml",
            f"destination_id: {known}\ndestination_type: RUN\nsource_id: {known}\nsource_type: DATASET\n"
            f"tags:\n  mlflow.data.context: {context}\n",
        )
    for model, step in run.outputs:
        put(here / "outputs" / model / "meta.yaml", f"destination_id: {model}\nsource_id: {model}\nstep: {step}\n")


def put(path: Path, content: str | bytes, *, add: bool = False) -> None:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(path.read_bytes() + data if add and path.exists() else data)


TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256), artifact_location VARCHAR(256),
  lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT);
CREATE TABLE experiment_tags (key VARCHAR(250), value VARCHAR(5000), experiment_id INTEGER);
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), user_id VARCHAR(256), status VARCHAR(20),
  start_time BIGINT, end_time BIGINT, deleted_time BIGINT, lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200),
  experiment_id INTEGER);
CREATE TABLE tags (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
CREATE TABLE metrics (key VARCHAR(250), value DOUBLE PRECISION NOT NULL, timestamp BIGINT, run_uuid VARCHAR(32),
  step BIGINT, is_nan BOOLEAN);
CREATE TABLE datasets (dataset_uuid VARCHAR(36), experiment_id INTEGER, name VARCHAR(500), digest VARCHAR(36),
  dataset_source_type VARCHAR(36), dataset_source TEXT, dataset_schema TEXT, dataset_profile TEXT);
CREATE TABLE inputs (input_uuid VARCHAR(36), source_type VARCHAR(36), source_id VARCHAR(36),
  destination_type VARCHAR(36), destination_id VARCHAR(36));
CREATE TABLE input_tags (input_uuid VARCHAR(36), name VARCHAR(255), value VARCHAR(500));
"""


def write_database(url: str, experiments: list[AnExperiment], artifacts: Path) -> str:
    """Write a database with the tables that MLflow 2.9 has, and the files beside it."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in TABLES.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        for experiment in experiments:
            _add(connection, "experiments", experiment_id=int(experiment.key), name=experiment.name,
                 lifecycle_stage="deleted" if experiment.deleted else "active", creation_time=experiment.created,
                 last_update_time=experiment.updated, artifact_location=f"{artifacts}/{experiment.key}")  # fmt: skip
            for name, value in experiment.tags.items():
                _add(connection, "experiment_tags", key=name, value=value, experiment_id=int(experiment.key))
            for run in experiment.runs:
                _add_run(connection, experiment, run, artifacts)
    engine.dispose()
    return url


def _add_run(connection: sa.Connection, experiment: AnExperiment, run: ARun, artifacts: Path) -> None:
    place = artifacts / experiment.key / run.id / "artifacts"
    _add(connection, "runs", run_uuid=run.id, name=run.name, user_id="ada", status=run.status, start_time=run.started,
         end_time=run.ended, deleted_time=run.deleted, lifecycle_stage="deleted" if run.deleted else "active",
         artifact_uri=str(place), experiment_id=int(experiment.key))  # fmt: skip
    for table, values in (("params", run.params), ("tags", run.tags)):
        for name, value in values.items():
            _add(connection, table, key=name, value=value, run_uuid=run.id)
    for name, value, at, step in run.points:
        nan = value != value
        _add(connection, "metrics", key=name, value=0.0 if nan else value, timestamp=at, run_uuid=run.id, step=step,
             is_nan=nan)  # fmt: skip
    for number, (name, digest, context) in enumerate(run.datasets):
        key = f"{experiment.key}-{number}"
        _add(connection, "datasets", dataset_uuid=key, experiment_id=int(experiment.key), name=name, digest=digest,
             dataset_source_type="local", dataset_source="{}", dataset_schema=None,
             dataset_profile='{"n": 2}')  # fmt: skip
        _add(connection, "inputs", input_uuid=f"i{key}", source_type="DATASET", source_id=key, destination_type="RUN",
             destination_id=run.id)  # fmt: skip
        _add(connection, "input_tags", input_uuid=f"i{key}", name="mlflow.data.context", value=context)
    for name, data in run.files.items():
        put(place / name, data)


def _add(connection: sa.Connection, table: str, **values: object) -> None:
    columns = [sa.column(name) for name in values]
    connection.execute(sa.insert(sa.table(table, *columns)), values)


def plain(value: float) -> str:
    """Write a value so that NaN equals NaN and -0.0 is not 0.0, unless a database cannot tell."""
    return repr(value + 0.0) if value == 0 else repr(value)
