"""What the client's Python calls seldom ask, though its store knows the messages: other clients and its pages do."""

from mlflow.protos import service_pb2
from mlflow.utils.proto_json_utils import message_to_json

import mlflow
from mlflow import MlflowClient

CLIENT = MlflowClient()
STORE = CLIENT._tracking_client.store


def _ask(message, endpoint=None):
    return STORE._call_endpoint(type(message), message_to_json(message), endpoint)


def listings():
    mlflow.set_experiment("rarely")
    with mlflow.start_run() as run:
        mlflow.log_text("x", "a b/ü.txt")
        mlflow.log_text("xyz", "top.txt")
        model = mlflow.initialize_logged_model(name="m")
        CLIENT.log_model_artifact(model.model_id, __file__)
    told = _ask(service_pb2.ListArtifacts(run_id=run.info.run_id))
    assert told.root_uri == run.info.artifact_uri
    assert [(one.path, one.is_dir, one.file_size) for one in told.files] == [("a b", True, 0), ("top.txt", False, 3)]
    told = _ask(service_pb2.ListArtifacts(run_id=run.info.run_id, path="a b"))
    assert [one.path for one in told.files] == ["a b/ü.txt"]
    told = _ask(
        service_pb2.ListLoggedModelArtifacts(model_id=model.model_id),
        f"/api/2.0/mlflow/logged-models/{model.model_id}/artifacts/directories",
    )
    assert told.root_uri == model.artifact_location
    assert [one.path for one in told.files] == ["rarely.py"]


def histories_of_many_runs():
    mlflow.set_experiment("rarely")
    runs = []
    for number in range(2):
        with mlflow.start_run() as run:
            for step in range(10):
                mlflow.log_metric("m", number * 100 + step, step=step)
        runs.append(run.info.run_id)
    told = _ask(
        service_pb2.GetMetricHistoryBulkInterval(
            run_ids=runs, metric_key="m", max_results=100, start_step=2, end_step=4
        )
    )
    assert sorted((one.run_id, one.value) for one in told.metrics) == sorted(
        (run, number * 100.0 + step) for number, run in enumerate(runs) for step in (2, 3, 4)
    )
