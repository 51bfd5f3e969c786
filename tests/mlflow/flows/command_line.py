"""The client's own command line, called as its entry point calls it."""

import contextlib
import io
import json
import tempfile
from pathlib import Path

import pandas as pd
from mlflow.cli import cli
from sklearn.linear_model import LinearRegression

import mlflow
from mlflow import MlflowClient

CLIENT = MlflowClient()


def _told(*arguments):
    """Run a command; give what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli.main(list(arguments), standalone_mode=False)
    return out.getvalue()


def experiments():
    assert "cli made" not in _told("experiments", "search")
    _told("experiments", "create", "-n", "cli made")
    made = mlflow.get_experiment_by_name("cli made").experiment_id
    assert "cli made" in _told("experiments", "search")
    _told("experiments", "rename", "-x", made, "--new-name", "cli renamed")
    assert mlflow.get_experiment(made).name == "cli renamed"
    CLIENT.log_metric(CLIENT.create_run(made).info.run_id, "m", 0.5)
    assert "0.5" in _told("experiments", "csv", "-x", made)
    _told("experiments", "delete", "-x", made)
    assert mlflow.get_experiment(made).lifecycle_stage == "deleted"
    assert "cli renamed" in _told("experiments", "search", "--view", "deleted_only")
    _told("experiments", "restore", "-x", made)
    assert mlflow.get_experiment(made).lifecycle_stage == "active"


def runs():
    experiment = CLIENT.create_experiment("cli runs")
    run = CLIENT.create_run(experiment, run_name="by hand").info.run_id
    CLIENT.log_param(run, "p", "ü")
    CLIENT.set_terminated(run)
    assert "by hand" in _told("runs", "list", "--experiment-id", experiment)
    told = json.loads(_told("runs", "describe", "--run-id", run))
    assert told["info"]["run_id"] == run and told["data"]["params"] == {"p": "ü"}
    _told("runs", "delete", "--run-id", run)
    assert "by hand" not in _told("runs", "list", "--experiment-id", experiment)
    assert "by hand" in _told("runs", "list", "--experiment-id", experiment, "--view", "deleted_only")
    _told("runs", "restore", "--run-id", run)
    assert "by hand" in _told("runs", "list", "--experiment-id", experiment)


def artifacts():
    run = CLIENT.create_run(CLIENT.create_experiment("cli files")).info.run_id
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "up/deep").mkdir(parents=True)
        Path(folder, "up/deep/ü x.txt").write_text("x")
        Path(folder, "one.txt").write_text("one")
        _told("artifacts", "log-artifacts", "--local-dir", f"{folder}/up", "--run-id", run, "--artifact-path", "a")
        _told("artifacts", "log-artifact", "--local-file", f"{folder}/one.txt", "--run-id", run)
        listed = json.loads(_told("artifacts", "list", "--run-id", run))
        assert {one["path"] for one in listed} == {"a", "one.txt"}
        down = Path(folder, "down")
        down.mkdir()
        _told("artifacts", "download", "--run-id", run, "--artifact-path", "a", "--dst-path", str(down))
        assert (down / "a/deep/ü x.txt").read_text() == "x"


def models():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    mlflow.set_experiment("cli models")
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            LinearRegression().fit(frame, [2.0, 4.0, 6.0]), name="model", registered_model_name="line",
            input_example=frame,
        )  # fmt: skip
    CLIENT.set_registered_model_alias("line", "champion", "1")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in.json").write_text(json.dumps({"dataframe_split": frame.to_dict(orient="split")}))
        _told(
            "models", "predict", "-m", "models:/line@champion", "-i", f"{folder}/in.json", "-o", f"{folder}/out.json",
            "--env-manager", "local",
        )  # fmt: skip
        told = json.loads(Path(folder, "out.json").read_text())["predictions"]
    assert [round(value) for value in told] == [2, 4, 6], told
