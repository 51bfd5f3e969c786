"""``noria runs`` over runs of every sort: found, shown, compared, exported, tidied up."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from noria.cli.runs import runs
from noria.errors import ExperimentNotFound, RunNotFound, WrongArgument
from noria.runs.inputs import DatasetInput, Inputs
from noria.runs.log import RunLog
from noria.runs.logged_models import LoggedModels
from noria.runs.recording import Point
from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = '[project]\nname = "loans"\n[data]\nsource = "a.csv"\ntarget = "bad"\nkey = ["id"]\n'
NOW = datetime.now(UTC)
FIRST, SECOND, THIRD = (letter * 32 for letter in "abc")

Call = Callable[..., Result]


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A project with three runs, the second the best, the third with odd numbers."""
    (tmp_path / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    opened = Workspace(tmp_path)
    tries = opened.experiments.ensure("tries")
    for number, run in enumerate((FIRST, SECOND, THIRD)):
        at = NOW - timedelta(minutes=10 - number)
        opened.runs.start("logged", f"run {number}", run=run, experiment=tries if number else 0, at=at, beats=False)
        opened.runs.log_params(run, {"lr": 0.1 * (number + 1), "same": "x", "formula": "=1+1"})
        opened.runs.finish(run, "finished", at=at + timedelta(seconds=90))
    opened.runs.log_batch(FIRST, points=[Point("auc", 0.7, 1, 0), Point("auc", 0.75, 2, 1)])
    opened.runs.log_metrics(SECOND, {"auc": 0.9, "only": 1.0})
    opened.runs.log_metrics(THIRD, {"auc": float("nan"), "only": float("-inf")})
    yield opened
    opened.close()


@pytest.fixture
def call(ws: Workspace) -> Call:
    return lambda *args: CliRunner().invoke(runs, args, catch_exceptions=False)


def ids(result: Result) -> list[str]:
    return [run["id"] for run in json.loads(result.stdout)]


def test_list_filters_sorts_and_shows_columns(call: Call) -> None:
    assert ids(call("list", "--json")) == [THIRD, SECOND, FIRST]
    assert ids(call("list", "--json", "--sort", "metrics.auc DESC")) == [SECOND, FIRST, THIRD]
    assert ids(call("list", "--json", "-w", "metrics.auc > 0.7 and params.same = 'x'", "-n", "1")) == [SECOND]
    assert ids(call("list", "--json", "--experiment", "tries")) == [THIRD, SECOND]
    assert ids(call("list", "--json", "--deleted")) == []
    lines = call("list", "--columns", "params.lr,metrics.auc,status,seconds").stdout.splitlines()
    assert lines[0].split() == ["run", "name", "params.lr", "metrics.auc", "status", "seconds"]
    assert lines[2].split() == ["bbbbbbbb", "run", "1", "0.2", "0.9", "finished", "90"]
    assert call("list", "-w", "metrics.auc > 5").stderr == "no such runs\n"
    with pytest.raises(ExperimentNotFound):
        call("list", "--experiment", "none")
    with pytest.raises(WrongArgument):
        call("list", "--where", "metrics.auc >")


def test_numbers_that_are_not_finite_are_kept_in_json(call: Call) -> None:
    (run,) = (run for run in json.loads(call("list", "--json").stdout) if run["id"] == THIRD)
    assert run["metrics"] == {"auc": "NaN", "only": "-Infinity"}
    assert json.loads(call("show", "cccc", "--json").stdout)["metrics"] == run["metrics"]
    assert "-Infinity" in call("show", "cccc").stdout


def test_show_has_inputs_files_and_tags(call: Call, ws: Workspace) -> None:
    Inputs(ws.database).log_datasets(FIRST, [DatasetInput("train", "d" * 36, context="training")])
    ws.artifacts.add(FIRST, "plots/roc.png", ws.blobs.put(b"png"), 3)
    call("tag", "aaaa", "team=red", "gone=1")
    call("tag", "aaaa", "gone=")
    shown = call("show", "aaaa").stdout
    for text in ("train", "plots/roc.png", "team", "0.75"):
        assert text in shown
    known = json.loads(call("show", "aaaa", "--json").stdout)
    assert known["inputs"] == [{"name": "train", "digest": "d" * 36, "context": "training"}]
    assert [file["path"] for file in known["artifacts"]] == ["plots/roc.png"]
    assert known["tags"] == {"team": "red"}
    with pytest.raises(RunNotFound):
        call("tag", "aaaa", "gone=")
    with pytest.raises(WrongArgument):
        call("tag", "aaaa", "no")


def test_compare_puts_what_differs_first(call: Call) -> None:
    known = json.loads(call("compare", "aaaa", "bbbb", "cccc", "--json").stdout)
    assert known["runs"] == [FIRST, SECOND, THIRD]
    assert [(row["name"], row["differs"]) for row in known["params"]] == [
        ("lr", True),
        ("formula", False),
        ("same", False),
    ]
    assert known["metrics"][0] == {"name": "auc", "values": [0.75, 0.9, "NaN"], "differs": True}
    shown = call("compare", "aaaa", "bbbb").stdout
    assert "same" not in shown.splitlines()[1]
    assert "2 parameters are the same" in shown


def test_export_as_csv_jsonl_and_parquet(call: Call, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(call("export").stdout)))
    assert [row["metrics.auc"] for row in rows] == ["NaN", "0.9", "0.75"]
    assert rows[0]["params.formula"] == "'=1+1"
    assert rows[0]["metrics.only"] == "-Infinity"
    lines = [json.loads(line) for line in call("export", "--format", "jsonl").stdout.splitlines()]
    assert lines[0]["metrics.auc"] == "NaN"
    assert lines[2]["params.formula"] == "=1+1"
    call("export", "--format", "parquet", "-o", "runs.parquet")
    table = pq.read_table(tmp_path / "runs.parquet").to_pydict()
    assert table["metrics.only"] == [float("-inf"), 1.0, None]
    history = list(
        csv.DictReader(io.StringIO(call("export", "--history", "auc", "-w", "run_id = '" + FIRST + "'").stdout))
    )
    assert [(row["step"], row["value"], row["at_ms"]) for row in history] == [("0", "0.7", "1"), ("1", "0.75", "2")]
    with pytest.raises(WrongArgument):
        call("export", "--format", "parquet")


def test_log_note_and_finish(call: Call, ws: Workspace) -> None:
    RunLog(ws.database).append(FIRST, [f"line {number}" for number in range(60)] + ["\x1b[31mred"])
    assert call("log", "aaaa", "-n", "2").stdout == "line 59\n\\x1b[31mred\n"
    assert call("log", "aaaa", "--follow").stdout.count("line") == 49
    (last,) = (json.loads(line) for line in call("log", "aaaa", "-n", "1", "--json").stdout.splitlines())
    assert (last["number"], last["line"]) == (61, "\x1b[31mred")
    call("note", "aaaa", "looks good")
    assert call("note", "aaaa").stdout == "looks good\n"
    ws.runs.update(FIRST, status="running")
    assert json.loads(call("finish", "aaaa", "--status", "killed", "--json").stdout)["status"] == "killed"


def test_experiments(call: Call, ws: Workspace) -> None:
    ws.experiments.delete(ws.experiments.ensure("gone"))
    known = json.loads(call("experiments", "--json").stdout)
    assert [(one["name"], one["runs"]) for one in known] == [("Default", 1), ("tries", 2)]
    assert "gone" in call("experiments", "--deleted").stdout


def test_the_bin_is_emptied_of_what_nothing_needs(call: Call, ws: Workspace) -> None:
    shared, own, kept = (ws.blobs.put(content) for content in (b"shared", b"own", b"kept"))
    ws.artifacts.add(FIRST, "a", shared, 6)
    ws.artifacts.add(SECOND, "a", shared, 6)
    ws.artifacts.add(FIRST, "b", own, 3)
    model = LoggedModels(ws.database).create(0, name="m", source_run_id=FIRST).id
    ws.artifacts.add(model, "model", kept, 4)
    for path in ws.blobs.root.glob("*/*"):
        os.utime(path, (0, 0))
    RunLog(ws.database).append(FIRST, ["x"])
    Inputs(ws.database).log_datasets(FIRST, [DatasetInput("train", "d")])
    assert json.loads(call("delete", "aaaa", "cccc", "--json").stdout)["deleted"] == 2
    assert json.loads(call("restore", "cccc", "--json").stdout)["restored"] == 1
    assert ids(call("list", "--json")) == [THIRD, SECOND]
    assert ids(call("list", "--json", "--deleted")) == [FIRST]

    assert json.loads(call("gc", "--yes", "--json").stdout)["runs"] == []  # not long enough ago
    dry = json.loads(call("gc", "--older-than", "0s", "--json").stdout)
    assert ([run["id"] for run in dry["runs"]], dry["removed"]) == ([FIRST], False)
    assert ws.runs.get(FIRST).id == FIRST
    done = json.loads(call("gc", "--older-than", "0s", "--yes", "--json").stdout)
    assert (done["removed"], done["objects"], done["bytes"]) == (True, 2, 7)
    with pytest.raises(RunNotFound):
        call("show", FIRST)
    assert [ws.blobs.has(digest) for digest in (shared, own, kept)] == [True, False, False]
    assert {digest for _, digest in ((owner, file.digest) for owner, file in ws.artifacts.named())} == {shared}
    with ws.database.reading() as connection:
        for table in ("run_params", "run_log", "metric_points", "metric_latest", "run_inputs", "input_datasets"):
            left = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            assert left == {"run_params": 6, "metric_points": 4, "metric_latest": 4}.get(table, 0), table


def test_what_was_put_a_moment_ago_stays(call: Call, ws: Workspace) -> None:
    fresh = ws.blobs.put(b"fresh")
    ws.artifacts.add(FIRST, "a", fresh, 5)
    call("delete", "aaaa")
    assert json.loads(call("gc", "--older-than", "0s", "--yes", "--json").stdout)["objects"] == 0
    assert ws.blobs.get(fresh) == b"fresh"
