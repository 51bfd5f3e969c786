"""Run by a stock environment: print all that the stock client reads from a place, as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

from mlflow.entities import ViewType

import mlflow
from mlflow import MlflowClient

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient(sys.argv[1])
newest = mlflow.__version__.startswith("3")


def files(run: str, folder: str | None = None) -> Iterator[list[object]]:
    """Walk the files of a run."""
    for one in client.list_artifacts(run, folder):
        if one.is_dir:
            yield from files(run, one.path)
        else:
            yield [one.path, one.file_size]


def history(run: str, metric: str) -> list[list[object]]:
    """Give the points of a metric: a set, though files may hold an exact repeat twice."""
    found = {(one.timestamp, one.step, repr(one.value)) for one in client.get_metric_history(run, metric)}
    return sorted(list(one) for one in found)


def told(run: object) -> dict[str, object]:
    """Tell a run."""
    key = run.info.run_id
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "stage": run.info.lifecycle_stage,
        "params": run.data.params,
        "tags": {name: value for name, value in run.data.tags.items() if not name.startswith("noria.")},
        "latest": {name: repr(value) for name, value in sorted(run.data.metrics.items())},
        "history": {name: history(key, name) for name in sorted(run.data.metrics)},
        "inputs": sorted(
            [one.dataset.name, one.dataset.digest, one.dataset.source, one.dataset.schema, one.dataset.profile]
            + [[tag.key, tag.value] for tag in one.tags]
            for one in run.inputs.dataset_inputs
        ),
        "files": sorted(files(key)),
    }


found = {}
for experiment in client.search_experiments(view_type=ViewType.ALL):
    runs = client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL, max_results=1000)
    models = []
    if newest and experiment.lifecycle_stage == "active":
        models = [
            {
                "name": model.name,
                "status": str(model.status),
                "params": model.params,
                "tags": {
                    name: value for name, value in model.tags.items() if not name.startswith(("noria.", "mlflow."))
                },
                "metrics": sorted([one.key, one.value, one.step, one.timestamp] for one in model.metrics or []),
            }
            for model in client.search_logged_models(experiment_ids=[experiment.experiment_id])
        ]
    found[experiment.name] = {
        "stage": experiment.lifecycle_stage,
        "tags": experiment.tags,
        "runs": {run.data.tags.get("noria.run_id", run.info.run_id): told(run) for run in runs},
        "models": models,
    }
json.dump(found, sys.stdout)
