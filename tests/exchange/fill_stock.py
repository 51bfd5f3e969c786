"""Run by a stock environment: fill a store with some of everything that the stock client can log."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
warnings.simplefilter("ignore")

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag  # noqa: E402 - as above

import mlflow  # noqa: E402 - after what it reads when it is loaded
from mlflow import MlflowClient  # noqa: E402 - as above

uri = sys.argv[1]
mlflow.set_tracking_uri(uri)
client = MlflowClient(uri)
newest = mlflow.__version__.startswith("3")
START = 1_700_000_000_000


def add_file(run: str, name: str, data: bytes) -> None:
    """Log a file under a name with folders."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_bytes(data)
        client.log_artifact(run, str(path), str(Path(name).parent) if "/" in name else None)


def add_run(experiment: str, number: int) -> str:
    """Log a run with odd values in it."""
    run = client.create_run(
        experiment, start_time=START + number * 1000, run_name=f"run {number}", tags={"mlflow.user": "ada"}
    ).info.run_id
    metrics = [Metric("loss", 1.0 / (step + 1), START + step, step) for step in range(50)]
    metrics += [
        Metric("acc/val", 0.5, START, 0),
        Metric("nan", float("nan"), START + 1, 3),
        Metric("inf", float("inf"), START + 2, 1),
        Metric("ninf", float("-inf"), START + 2, -1),
        Metric("tiny", 5e-324, 1, 0),
    ]
    if number == 2:
        metrics.append(Metric("loss", 0.1, START, 0))  # another value at the same step and time
    params = [Param("depth", str(number)), Param("nested/path name", "a: b # c\nnext"), Param("uni", "žluť")]
    client.log_batch(run, metrics, params, [RunTag("note", "multi\nline"), RunTag("t/a.b", "x")])
    add_file(run, "plots/a.txt", b"hello %d" % number)
    add_file(run, "top.bin", bytes(range(256)))
    data = Dataset("loans", f"abc{number % 2}", "local", '{"uri": "x.csv"}', '{"cols": 1}', '{"n": 2}')
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    return run


def add_model(run: str) -> str | None:
    """Log a model with a value measured of it; gives its id, where the client is new enough to have one."""
    if not newest:
        return None

    class Echo(mlflow.pyfunc.PythonModel):
        def predict(self, context: object, model_input: object, params: object = None) -> object:
            return model_input

    with mlflow.start_run(run_id=run):
        logged = mlflow.pyfunc.log_model(
            name="model", python_model=Echo(), params={"k": "v"}, tags={"lt": "1"}, pip_requirements=["mlflow"]
        )
        mlflow.log_metric("lm", 0.9, step=1, model_id=logged.model_id)
    return str(logged.model_id)


first = client.create_experiment("credit scoring: é # x", tags={"team": "risk", "mlflow.note.content": "one\ntwo: x"})
second = client.create_experiment("gone")
runs = [add_run(first, number) for number in range(4)]
model = add_model(runs[0])
for run, status in zip(runs, ("FINISHED", "FAILED", "KILLED"), strict=False):
    client.set_terminated(run, status, end_time=START + 5000)
client.delete_run(runs[1])
lost = client.create_run(second, start_time=START + 9000).info.run_id
client.log_metric(lost, "m", 1.0)
client.set_terminated(lost)
client.delete_experiment(second)

client.create_registered_model("credit", tags={"owner": "ada"}, description="a model\nof two lines")
source = f"models:/{model}" if model else f"runs:/{runs[0]}/plots"
more = {"model_id": model} if model else {}
client.create_model_version("credit", source, run_id=runs[0], description="first", tags={"q": "1"}, **more)
for _ in range(2):
    client.create_model_version("credit", f"{client.get_run(runs[2]).info.artifact_uri}/plots", run_id=runs[2])
client.delete_model_version("credit", "2")
client.set_registered_model_alias("credit", "champion", "3")
client.transition_model_version_stage("credit", "1", "Staging")
client.create_registered_model("empty.model")
