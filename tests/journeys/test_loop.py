"""The loop by hand on a table of one's own: begin, check, run, change, ask why, promote, score, label, watch."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import sqlalchemy as sa

from noria.monitoring.watch import SETTLING

STANDARD = ["ingest", "check", "clean", "split", "train", "evaluate", "gate", "register"]


class Told(Protocol):
    """What a command left behind; see the fixture ``command``."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> object: ...


Noria = Callable[..., Told]


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "noria.toml").read_text()
    assert old in text, text
    (folder / "noria.toml").write_text(text.replace(old, new))


def ran(noria: Noria) -> tuple[list[str], dict[str, object]]:
    """Run; give the steps that ran and everything said."""
    told = noria("run", "--json")
    assert told.status == 0, told.err
    result = told.json
    assert isinstance(result, dict)
    return result["ran"], result


@pytest.fixture
def mine(tmp_path: Path, command: Noria, table: Callable[..., str]) -> Path:
    """What ``noria init`` makes of a table, made quick."""
    (tmp_path / "applications.csv").write_text(table(240))
    told = command(tmp_path, "init", "loans", "--data", "applications.csv", "--target", "status")
    assert told.status == 0, told.err
    folder = tmp_path / "loans"
    text = (folder / "noria.toml").read_text()
    text = re.sub(r"candidates = \[.*", 'candidates = ["logistic"]', text)
    text = re.sub(r"budget = .*", "trials = 1", text)
    text = re.sub(r"window = .*", 'window = "50 rows"', text)
    (folder / "noria.toml").write_text(text)
    return folder


def test_from_a_table_to_a_watched_model(mine: Path, command: Noria, table: Callable[..., str]) -> None:
    def noria(*arguments: str) -> Told:
        return command(mine, *arguments)

    told = noria("check")
    assert told.status == 0, told.err
    assert 'target = "status"' in told.out
    assert "noria.toml is sound, and the data keep to it" in told.err
    planned = noria("plan", "--json").json
    assert next((step["step"], step["state"]) for step in planned) == ("ingest", "run")  # type: ignore[attr-defined]

    # The first run: everything, once.
    steps, result = ran(noria)
    assert steps == STANDARD
    assert (result["model"], result["version"], result["gates_passed"]) == ("loans", 1, True)
    low, value, high = (result["metrics"]["roc_auc"][part] for part in ("low", "value", "high"))  # type: ignore[index]
    assert low <= value <= high
    lock = tomllib.loads((mine / "noria.lock").read_text())
    assert lock["model"]["version"] == 1
    assert lock["metrics"]["roc_auc"]["value"] == value
    assert set(lock["steps"]) == set(STANDARD)

    # Nothing changed, then a gate did.
    told = noria("run")
    assert told.status == 0
    assert told.out.startswith("nothing changed: loans@1 is up to date")
    assert "up to date" in noria("why", "gate").out
    edit(mine, "min = 0.6", "min = 0.55")
    told = noria("plan")
    states = {line.split()[0]: line for line in told.out.splitlines()[1:]}
    assert "runs" in states["gate"]
    assert "gates" in states["gate"]
    assert all("up to date" in states[step] for step in STANDARD[:6])
    told = noria("why", "gate")
    assert told.status == 0
    assert "gates" in told.out
    steps, result = ran(noria)
    assert steps == ["gate"]
    assert result["version"] == 1
    assert ran(noria)[0] == []

    # A second version: promoted, compared, rolled back.
    assert noria("models", "promote", "loans@1", "--reason", "first").status == 0
    edit(mine, '["logistic"]', '["svm"]')
    edit(mine, "margin = 0.01", "margin = 0.5")
    steps, result = ran(noria)
    assert steps == STANDARD[4:]
    assert result["version"] == 2
    assert [verdict["passed"] for verdict in result["verdicts"]] == [True, True]  # type: ignore[attr-defined]
    compared = noria("models", "compare", "1", "2", "--json").json
    assert {"family", "roc_auc"} & {one["name"] for one in compared["differences"]}  # type: ignore[index]
    told = noria("models", "promote", "2", "--reason", "another family")
    assert told.out == "loans@champion is version 2, before version 1\n"
    moved = noria("models", "rollback", "--reason", "the old one was simpler", "--json").json
    assert (moved["kind"], moved["new"]) == ("rollback", 1)  # type: ignore[index]
    listed = noria("models", "list", "--json").json
    assert [(one["version"], one["aliases"]) for one in listed][1] == (1, ["champion"])  # type: ignore[attr-defined]

    # Score in bulk, answer over HTTP, learn the truth, look.
    (mine / "new.csv").write_text(table(60, seed=2))
    told = noria("predict", "new.csv", "--out", "scores.csv")
    assert told.status == 0, told.err
    scores = list(csv.DictReader((mine / "scores.csv").read_text().splitlines()))
    assert [row["id"] for row in scores] == [str(number) for number in range(60)]
    assert all(0 <= float(row["p.bad"]) <= 1 for row in scores)
    answers = served(mine)
    assert [answer["prediction"] for answer in answers] == [row["prediction"] for row in scores]
    told = noria("labels", "add", "new.csv", "--json")
    assert told.json == {"labels": 60, "predictions": 60, "unmatched": 0, "unknown": 0, "empty": 0}
    time.sleep(SETTLING.total_seconds())  # what was answered just now is not judged yet
    watched = noria("monitor", "--json").json
    assert isinstance(watched, dict)
    assert (watched["model"], watched["champion"]) == ("loans", 1)
    assert len(watched["windows"]) == 1
    window = watched["windows"][0]
    assert (window["rows"], window["version"]) == (50, 1)
    assert noria("fsck").status == 0
    assert [run["status"] for run in noria("runs", "list", "--json").json] == ["finished"] * 3  # type: ignore[attr-defined]


def served(folder: Path) -> list[dict[str, object]]:
    """Let ``noria serve`` answer for the rows of new.csv, in one request, and stop it."""
    with subprocess.Popen(
        [sys.executable, "-m", "noria", "serve", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[1].split()[0]
        rows = list(csv.DictReader((folder / "new.csv").read_text().splitlines()))
        records = [
            {
                "id": int(row["id"]),
                "age": int(row["age"]),
                "income": float(row["income"]) if row["income"] else None,
                "grade": row["grade"],
            }
            for row in rows
        ]
        request = urllib.request.Request(url, json.dumps(records).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            found: list[dict[str, object]] = json.loads(answer.read())["predictions"]
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
    return found


def test_steps_of_ones_own_take_part(project: Path, noria: Noria) -> None:
    assert ran(noria)[0] == STANDARD
    (project / "pipeline.py").write_text(
        """
import noria

@noria.step(replaces="clean")
def older(clean, years=1):
    column = clean.column_names.index("age")
    import pyarrow.compute as pc
    return clean.set_column(column, "age", pc.add(clean["age"], years))

@noria.step
def headline(evaluate, context):
    context.log_metric("seen", evaluate["n"])
    return {"rows": evaluate["n"]}
"""
    )
    steps, result = ran(noria)
    assert steps == ["older", "split", "train", "evaluate", "gate", "register", "headline"] or set(steps) == {
        "older", "split", "train", "evaluate", "gate", "register", "headline",
    }  # fmt: skip
    assert result["version"] == 2
    shown = noria("runs", "show", str(result["run_id"]), "--json").json
    assert shown["metrics"]["seen"] == 60  # type: ignore[index]
    assert ran(noria)[0] == []
    # A parameter of theirs is a setting, and is in their key alone.
    with (project / "noria.toml").open("a") as file:
        file.write("\n[steps.older.params]\nyears = 2\n")
    told = noria("why", "older")
    assert "years" in told.out
    assert "older" in ran(noria)[0]
    edit(project, "\n[steps.older.params]\nyears = 2\n", "")
    # One that fails is told with the line of the user's own file, and no traceback of noria.
    (project / "pipeline.py").write_text("import noria\n\n@noria.step\ndef headline(evaluate):\n    return 1 / 0\n")
    told = noria("run")
    assert told.status == 1
    assert "error[N-PIPELINE-" in told.err
    assert "headline" in told.err
    assert "division by zero" in told.err
    (project / "pipeline.py").write_text("import noria\n\n@noria.step\ndef headline(evalute):\n    return 1\n")
    told = noria("plan")
    assert told.status in (2, 3)
    assert "did you mean 'evaluate'?" in told.err
    (project / "pipeline.py").write_text("import noria\n\n@noria.step\ndef headline(evaluate:\n")
    told = noria("run")
    assert told.status == 2
    assert "pipeline.py" in told.err
    assert "Traceback" not in told.err


POSTGRES = os.environ.get("NORIA_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


@pytest.fixture
def address() -> Iterator[str]:
    """Address of a PostgreSQL schema of its own."""
    schema = f"noria_journey_{os.getpid()}"
    try:
        engine = sa.create_engine(POSTGRES)
        with engine.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    except (sa.exc.OperationalError, ModuleNotFoundError):
        if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
            pytest.fail("PostgreSQL is not here, and NORIA_REQUIRE_SERVICES=1 demands it")
        pytest.skip("PostgreSQL is not here")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


def test_records_in_postgresql(project: Path, command: Noria, address: str) -> None:
    with (project / "noria.toml").open("a") as file:
        file.write('\n[store]\ndatabase = "env:NORIA_DATABASE"\n')

    def noria(*arguments: str) -> Told:
        return command(project, *arguments, environ={"NORIA_DATABASE": address})

    told = command(project, "run", environ={"NORIA_DATABASE": ""})
    assert told.status == 2
    assert "export NORIA_DATABASE=" in told.err
    told = command(project, "run", environ={"NORIA_DATABASE": "postgresql+psycopg://postgres@127.0.0.1:1/test"})
    assert told.status == 1
    assert "error[N-STORE-" in told.err
    assert "Traceback" not in told.err

    assert ran(noria)[0] == STANDARD
    assert ran(noria)[0] == []
    edit(project, "min = 0.6", "min = 0.55")
    assert ran(noria)[0] == ["gate"]
    assert noria("models", "promote", "1", "--reason", "first").status == 0
    told = noria("predict", "loans.csv")
    assert told.status == 0
    assert "scored by loans@1" in told.err
    assert noria("monitor", "--json").json["champion"] == 1  # type: ignore[index]
    assert noria("fsck").status == 0
    assert not (project / ".noria" / "noria.db").exists()
