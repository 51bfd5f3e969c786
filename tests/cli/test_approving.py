"""Promotions with four eyes and conversions, on the command line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from noria.cli.main import main
from noria.registry.adoption import Whence, adopt
from noria.registry.models import Models
from noria.runs.artifacts import Artifacts
from noria.runs.runs import Runs
from noria.scoring.scorer import Scorer
from noria.workspace import Workspace

Run = Callable[..., tuple[int, str, str]]
PROJECT = """
[project]
name = "credit"
[data]
source = "data.csv"
target = "status"
[deploy]
approvals = 1
"""
MODEL = "churn model"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project in which somebody else must agree, with a pickle that an MLflow client logged."""
    (tmp_path / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path)
    run = Runs(workspace.database).start("logged", "x", user_id="tom")
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(80, 2)), columns=["a", "b"])
    model = LogisticRegression().fit(rows, np.where(rows["a"] > 0, "yes", "no"))
    files = {
        "MLmodel": b"flavors:\n  sklearn:\n    pickled_model: model.pkl\n",
        "model.pkl": pickle.dumps(model),
        "input_example.json": json.dumps(rows.head(7).to_dict(orient="split", index=False)).encode(),
    }
    for path, content in files.items():
        Artifacts(workspace.database).add(run, f"model/{path}", workspace.blobs.put(content), len(content))
    Models(workspace.database).create(MODEL)
    adopt(workspace.registry, MODEL, Whence(f"runs:/{run}/model", run, "model", Runs(workspace.database).get(run)))
    return workspace


@pytest.fixture
def run(opened: Workspace, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return command


def test_somebody_asks_and_another_agrees(run: Run, opened: Workspace) -> None:
    ref = f"{MODEL}@1"
    asked = ("models", "promote", ref, "--actor", "ann", "--reason", "new", "--override", "no gates here", "--json")
    status, out, _ = run(*asked)
    assert (status, json.loads(out)["state"]) == (0, "open")
    assert opened.aliases.current(MODEL) is None
    (listed,) = json.loads(run("models", "requests", "--json")[1])
    assert (listed["model"], listed["version"], listed["needed"], listed["votes"]) == (MODEL, 1, 1, [])
    assert "0 of 1" in run("models", "requests")[1]
    for actor in ("ann", "tom"):
        status, _, err = run("models", "approve", ref, "--actor", actor, "--reason", "fine")
        assert (status, "N-REGISTRY-044" in err) == (5, True)
    status, out, _ = run("models", "approve", ref, "--actor", "bob", "--reason", "fine")
    assert (status, out) == (0, f"{MODEL}@champion is version 1\n")
    assert json.loads(run("models", "requests", "--json")[1]) == []
    (done,) = json.loads(run("models", "requests", "--all", "--json")[1])
    assert (done["state"], done["votes"][0]["who"]) == ("promoted", "bob")
    assert run("models", "approve", ref, "--actor", "bob", "--reason", "again")[0] == 3


def test_somebody_refuses(run: Run, opened: Workspace) -> None:
    ref = f"{MODEL}@1"
    run("models", "promote", ref, "--actor", "ann", "--reason", "new", "--override", "no gates")
    assert run("models", "reject", ref, "--actor", "bob")[0] == 2
    status, out, _ = run("models", "reject", ref, "--actor", "bob", "--reason", "too old", "--json")
    assert (status, json.loads(out)["state"]) == (0, "rejected")
    assert opened.aliases.current(MODEL) is None
    assert "nothing waits" in run("models", "requests")[2]


def test_a_pickle_is_converted_by_who_agrees_that_it_runs(run: Run, opened: Workspace) -> None:
    ref = f"{MODEL}@1"
    status, _, err = run("models", "convert", ref)
    assert status == 5
    assert "model.pkl: a Python pickle" in err
    assert [version.number for version in opened.registry.versions(MODEL)] == [1]
    status, out, err = run("models", "convert", ref, "--yes", "--json", "--actor", "ann")
    assert status == 0, err
    told = json.loads(out)
    assert (told["version"], told["from"], told["checked"]) == (2, ref, "7 rows of the input example")
    made = opened.registry.get(MODEL, 2)
    assert (made.origin, made.unsafe, made.user_id, made.tags["converted.from"]) == ("noria", "", "ann", ref)
    answers = Scorer.load(opened.registry, made).score([{"a": 2.0, "b": 0.0}, {"a": -2.0, "b": 0.0}])
    assert [answer.prediction for answer in answers] == ["yes", "no"]
    again = json.loads(run("models", "convert", ref, "--yes", "--json")[1])
    assert again["version"] == 2, "the same model is registered once"
    assert run("models", "convert", f"{MODEL}@2", "--yes")[0] == 2
    assert "unsafe" in run("models", "show", ref)[1]
