"""A database of the first shape is taken along with everything in it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from noria.runs.artifacts import Artifacts
from noria.runs.experiments import Experiments
from noria.runs.run import MetricPoint
from noria.runs.runs import Runs
from noria.store.database import Database
from noria.store.migrations import upgrade

ROOM = Path(__file__).parents[2] / "src" / "noria" / "runs" / "migrations"
SECOND = 1_000_000


def test_old_runs_are_taken_along(store_url: str, tmp_path: Path) -> None:
    first = tmp_path / "runs" / "migrations"
    first.mkdir(parents=True)
    (first / "runs_0001.py").write_text((ROOM / "runs_0001.py").read_text())
    database = Database(store_url)
    upgrade(database, [first])
    with database.transaction() as connection:
        for number, name in enumerate(("credit", "credit", "Default", "sensors")):
            connection.execute(
                sa.text(
                    "INSERT INTO runs (id, kind, name, status, started, ended, beat, process, trigger, error)"
                    " VALUES (:id, 'pipeline', :name, 'finished', :at, :at, :at, '', 'cron', NULL)"
                ),
                {"id": f"{number}" * 32, "name": name, "at": (1000 + number) * SECOND},
            )
        own = {"run": "0" * 32}
        for name, value in (("text", '"svm"'), ("number", "3"), ("list", '[1,"a"]'), ("none", None)):
            connection.execute(
                sa.text("INSERT INTO run_params (run_id, name, value) VALUES (:run, :name, :value)"),
                {**own, "name": name, "value": value},
            )
        for step, value in ((0, 0.5), (2, 0.75), (1, 0.25)):
            connection.execute(
                sa.text("INSERT INTO run_metrics (run_id, name, step, value, at) VALUES (:run, 'auc', :s, :v, :a)"),
                {**own, "s": step, "v": value, "a": (5 + step) * SECOND},
            )
        connection.execute(sa.text("INSERT INTO run_metrics VALUES (:run, 'gone', 0, NULL, 7000)"), own)
        connection.execute(sa.text("INSERT INTO run_tags VALUES (:run, 'branch', 'main')"), own)
        connection.execute(
            sa.text("INSERT INTO run_artifacts VALUES (:run, 'a/b.json', 'd', 4, 'application/json')"), own
        )
    upgrade(database, [ROOM])
    book = Runs(database)
    run = book.get("0" * 32)
    assert run.params == {"text": "svm", "number": 3, "list": [1, "a"], "none": None}
    assert run.latest["auc"] == MetricPoint(2, 0.75, 7000)
    assert math.isnan(run.metrics["gone"])
    assert len(book.history(run.id, "auc")) == 3
    assert run.tags == {"branch": "main"}
    assert run.started == datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)
    assert [file.path for file in Artifacts(database).all(run.id)] == ["a/b.json"]
    experiments = Experiments(database)
    assert experiments.get(run.experiment_id).name == "credit"
    assert book.get("2" * 32).experiment_id == 0
    assert [one.id[0] for one in book.list()] == ["3", "2", "1", "0"]
    assert [one.id[0] for one in book.list(experiment=run.experiment_id)] == ["1", "0"]
    assert experiments.create("new").id > experiments.ensure("sensors")
    database.close()
