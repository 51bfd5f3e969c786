"""Experiments, data sets and logged models over the protocol; searching is held against a model in tests/runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from protocol_client import Client


def experiment(client: Client, name: str = "credit", **fields: Any) -> str:
    return client.done("experiments/create", name=name, **fields)["experiment_id"]


def test_the_default_experiment_is_there(client: Client) -> None:
    found = client.read("experiments/get", experiment_id="0")["experiment"]
    assert (found["name"], found["lifecycle_stage"]) == ("Default", "active")
    assert found["artifact_location"] == "mlflow-artifacts:/0"
    assert client.read("experiments/get-by-name", experiment_name="Default")["experiment"] == found


def test_an_experiment_from_start_to_end(client: Client) -> None:
    number = experiment(client, tags=[{"key": "team", "value": "risk"}])
    assert isinstance(number, str)
    client.done("experiments/set-experiment-tag", experiment_id=number, key="note", value="é" * 20_000)
    client.refused(
        "experiments/set-experiment-tag",
        400,
        "INVALID_PARAMETER_VALUE",
        experiment_id=number,
        key="n",
        value="x" * 20_001,
    )
    found = client.read("experiments/get", experiment_id=number)["experiment"]
    assert found["tags"] == [{"key": "note", "value": "é" * 20_000}, {"key": "team", "value": "risk"}]
    client.done("experiments/delete-experiment-tag", experiment_id=number, key="note")
    client.refused(
        "experiments/delete-experiment-tag", 404, "RESOURCE_DOES_NOT_EXIST", experiment_id=number, key="note"
    )
    client.done("experiments/update", experiment_id=number, new_name="renamed")
    assert client.read("experiments/get-by-name", experiment_name="renamed")["experiment"]["experiment_id"] == number
    told = client.refused("experiments/create", 400, "RESOURCE_ALREADY_EXISTS", name="renamed")
    assert "exists already" in told
    client.refused("experiments/create", 400, "INVALID_PARAMETER_VALUE", name="x" * 501)
    client.refused("experiments/create", 400, "INVALID_PARAMETER_VALUE", name="")


def test_a_deleted_experiment_keeps_its_name_and_its_runs(client: Client) -> None:
    number = experiment(client)
    before, together = client.run(number), client.run(number)
    client.done("runs/delete", run_id=before)
    client.done("experiments/delete", experiment_id=number)
    client.refused("experiments/delete", 404, "RESOURCE_DOES_NOT_EXIST", experiment_id=number)
    told = client.refused("experiments/create", 400, "RESOURCE_ALREADY_EXISTS", name="credit")
    assert "mend: restore it" in told
    assert (
        client.read("experiments/get-by-name", experiment_name="credit")["experiment"]["lifecycle_stage"] == "deleted"
    )
    client.refused("runs/create", 400, "INVALID_PARAMETER_VALUE", experiment_id=number)
    client.refused("experiments/update", 400, "INVALID_PARAMETER_VALUE", experiment_id=number, new_name="other")
    client.refused("runs/restore", 400, "INVALID_PARAMETER_VALUE", run_id=together)

    def stages() -> list[str]:
        return [client.read("runs/get", run_id=run)["run"]["info"]["lifecycle_stage"] for run in (before, together)]

    assert stages() == ["deleted", "deleted"]
    client.done("experiments/restore", experiment_id=number)
    assert stages() == ["deleted", "active"], "only what went with it comes back with it"


@pytest.mark.parametrize("number", ["7", "abc", "-1", "9" * 30, "١"])
def test_an_experiment_that_is_not_there(client: Client, number: str) -> None:
    assert client.get("experiments/get", experiment_id=number).json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    for name in ("delete", "restore"):
        client.refused(f"experiments/{name}", 404, "RESOURCE_DOES_NOT_EXIST", experiment_id=number)
    client.refused("runs/create", 404, "RESOURCE_DOES_NOT_EXIST", experiment_id=number)
    assert client.done("runs/search", experiment_ids=[number]) == {}
    client.refused("experiments/delete", 400, "INVALID_PARAMETER_VALUE", experiment_id=3)


@pytest.mark.parametrize(
    "location",
    ["file:///tmp/x", "/tmp/x", "tmp", "C:\\x", "s3://b/../x", "s3://b/%2e%2e/x", "s3://b/x?y", "s3:///x", "ftp://h/x",
     "s3://b/x#y", "s3://b/a\\b", "mlflow-artifacts:/../x", "mlflow-artifacts:/x", "file:x", "s3://b/%252e%252e/x", "http://h/x"],
)  # fmt: skip
def test_where_files_lie_is_not_for_clients_to_say(client: Client, location: str) -> None:
    if "postgresql" in client.site.workspace.database_url:
        pytest.skip("refused before the database is asked")
    client.refused("experiments/create", 400, "INVALID_PARAMETER_VALUE", name="x", artifact_location=location)


def test_files_may_be_in_a_store_of_the_clients_own(client: Client) -> None:
    number = experiment(client, artifact_location="s3://bucket/folder")
    run = client.run(number)
    found = client.read("runs/get", run_id=run)["run"]["info"]
    assert found["artifact_uri"] == f"s3://bucket/folder/{run}/artifacts"
    assert client.get("artifacts/list", run_id=run).status_code == 400
    for ours in ("mlflow-artifacts:/", "mlflow-artifacts:", ""):
        number = experiment(client, f"ours{ours}", artifact_location=ours)
        assert client.read("experiments/get", experiment_id=number)["experiment"]["artifact_location"] == (
            f"mlflow-artifacts:/{number}"
        )


def test_searching_experiments(client: Client) -> None:
    numbers = [experiment(client, f"e{n}", tags=[{"key": "n", "value": str(n)}]) for n in range(5)]
    client.done("experiments/delete", experiment_id=numbers[0])

    def found(**fields: Any) -> list[str]:
        return [one["name"] for one in client.done("experiments/search", **fields).get("experiments", [])]

    assert found(max_results=10, order_by=["name"]) == ["Default", "e1", "e2", "e3", "e4"]
    assert found(max_results=10, view_type="DELETED_ONLY") == ["e0"]
    assert len(found(max_results=10, view_type=3)) == 6
    assert found(max_results=10, filter="tags.n = '3'") == ["e3"]
    asked = client.ask("GET", "/api/2.0/mlflow/experiments/search?max_results=2&order_by=name+DESC").json()
    assert [one["name"] for one in asked["experiments"]] == ["e4", "e3"]
    page = client.done("experiments/search", max_results=3, order_by=["name"])
    rest = client.done("experiments/search", max_results=3, order_by=["name"], page_token=page["next_page_token"])
    assert [one["name"] for one in page["experiments"] + rest["experiments"]] == ["Default", "e1", "e2", "e3", "e4"]
    for fields in (
        {},
        {"max_results": 0},
        {"max_results": 5, "page_token": "x"},
        {"max_results": 5, "filter": "name ="},
    ):
        client.refused("experiments/search", 400, "INVALID_PARAMETER_VALUE", **fields)


def test_searching_runs(client: Client) -> None:
    number = experiment(client)
    runs = []
    for n in range(6):
        run = client.run(number)
        metrics = [{"key": "auc", "value": "NaN" if n == 5 else n / 10, "timestamp": 1, "step": 0}]
        client.done("runs/log-batch", run_id=run, metrics=metrics, params=[{"key": "p", "value": str(n % 2)}])
        runs.append(run)
    client.done("runs/delete", run_id=runs[0])

    def found(**fields: Any) -> list[int]:
        answer = client.done("runs/search", experiment_ids=[number], **fields)
        return [runs.index(one["info"]["run_id"]) for one in answer.get("runs", [])]

    assert found(filter="metrics.auc > 0.1 and params.p = '1'") == [3]
    assert found(order_by=["metrics.auc DESC"]) == [4, 3, 2, 1, 5]
    assert found(order_by=["metrics.auc"]) == [1, 2, 3, 4, 5]
    assert found(run_view_type="DELETED_ONLY") == [0]
    assert found(filter=f"attributes.artifact_uri LIKE '%{runs[3]}%'") == [3]
    page = client.done("runs/search", experiment_ids=[number], order_by=["metrics.auc"], max_results=2)
    assert len(page["runs"]) == 2
    assert found(order_by=["metrics.auc"], max_results=2, page_token=page["next_page_token"]) == [3, 4]
    whole = client.done("runs/search", experiment_ids=[number], max_results=1, order_by=["metrics.auc"])["runs"][0]
    assert whole == client.read("runs/get", run_id=runs[1])["run"]
    assert client.done("runs/search") == {}
    for fields in (
        {"max_results": 0},
        {"max_results": 50_001},
        {"filter": "metrics.auc > 'x'"},
        {"page_token": "?"},
        {"order_by": ["metrics.auc", "metrics.auc"]},
        {"order_by": "x"},
        {"run_view_type": "NONE"},
    ):
        client.refused("runs/search", 400, "INVALID_PARAMETER_VALUE", experiment_ids=[number], **fields)


def dataset(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "digest": "d1", "source_type": "local", "source": "{}", **fields}


def test_data_sets_that_went_in(client: Client) -> None:
    run = client.run()
    role = {"key": "mlflow.data.context", "value": "training"}
    client.done(
        "runs/log-inputs",
        run_id=run,
        datasets=[{"dataset": dataset("rows", schema="s", profile="p"), "tags": [role]}, {"dataset": dataset("plain")}],
        models=[{"model_id": "m-1"}],
    )
    # Named again without its role, as a metric of it does, it keeps the role.
    client.done("runs/log-inputs", run_id=run, datasets=[{"dataset": dataset("rows", schema="s", profile="p")}])
    client.done("runs/outputs", run_id=run, models=[{"model_id": "m-2", "step": 4}])
    found = client.read("runs/get", run_id=run)["run"]
    assert found["inputs"] == {
        "dataset_inputs": [
            {"dataset": dataset("rows", schema="s", profile="p"), "tags": [role]},
            {"dataset": dataset("plain")},
        ],
        "model_inputs": [{"model_id": "m-1"}],
    }
    assert found["outputs"] == {"model_outputs": [{"model_id": "m-2", "step": 4}]}
    assert client.done("experiments/search-datasets", experiment_ids=["0"])["dataset_summaries"] == [
        {"experiment_id": "0", "name": "plain", "digest": "d1"},
        {"experiment_id": "0", "name": "rows", "digest": "d1", "context": "training"},
    ]
    searched = client.done("runs/search", experiment_ids=["0"], filter="datasets.context = 'training'")
    assert [one["info"]["run_id"] for one in searched["runs"]] == [run]
    client.done("runs/log-inputs", run_id=run, datasets=[{"dataset": dataset("big", profile="p" * 16_777_215)}])
    for wrong in (
        {"name": "n" * 501},
        {"digest": "d" * 37},
        {"source": "s" * 65_536},
        {"schema": "s" * 1_048_576},
        {"profile": "p" * 16_777_216},
        {"name": ""},
        {"source_type": ""},
    ):
        datasets = [{"dataset": {**dataset("x"), **wrong}}]
        told = client.refused("runs/log-inputs", 400, "INVALID_PARAMETER_VALUE", run_id=run, datasets=datasets)
        assert f"datasets[0].dataset.{next(iter(wrong))}" in told


def test_models_of_clients_before_logged_models(client: Client) -> None:
    run = client.run()
    model = {"artifact_path": "model", "flavors": {"sklearn": {}}, "utc_time_created": "2026-01-01", "run_id": run}
    for _ in range(2):
        client.done("runs/log-model", run_id=run, model_json=json.dumps(model))
    tags = {one["key"]: one["value"] for one in client.data(run)["tags"]}
    assert json.loads(tags["mlflow.log-model.history"]) == [model, model]
    for wrong in ("", "[]", "{", json.dumps({**model, "run_id": "x"}), json.dumps({"run_id": run})):
        client.refused("runs/log-model", 400, "INVALID_PARAMETER_VALUE", run_id=run, model_json=wrong)


def test_a_logged_model_from_start_to_end(client: Client) -> None:
    run = client.run()
    made = client.done(
        "logged-models",
        experiment_id="0",
        name="svm",
        model_type="agent",
        source_run_id=run,
        params=[{"key": "c", "value": "1"}],
        tags=[{"key": "t", "value": "x"}],
    )["model"]
    model = made["info"]["model_id"]
    assert model.startswith("m-")
    assert made["info"]["status"] == "LOGGED_MODEL_PENDING"
    assert made["info"]["artifact_uri"] == f"mlflow-artifacts:/0/models/{model}/artifacts"
    path = f"/api/2.0/mlflow/logged-models/{model}"
    ready = client.ask("PATCH", path, json={"model_id": model, "status": "LOGGED_MODEL_READY"}).json()["model"]
    assert ready["info"]["status"] == "LOGGED_MODEL_READY"
    assert client.ask("PATCH", path, json={"status": "READY"}).status_code == 400
    client.ask("PATCH", f"{path}/tags", json={"model_id": model, "tags": [{"key": "a/b", "value": "y"}]})
    assert client.ask("DELETE", f"{path}/tags/a%2Fb").json() == {}
    assert client.ask("DELETE", f"{path}/tags/a%2Fb").status_code == 404
    client.ask("POST", f"{path}/params", json={"model_id": model, "params": [{"key": "d", "value": "2"}]})
    again = client.ask("POST", f"{path}/params", json={"params": [{"key": "d", "value": "3"}]})
    assert (again.status_code, again.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    on = {"model_id": model, "dataset_name": "rows", "dataset_digest": "d1"}
    client.done("runs/log-metric", run_id=run, key="auc", value=0.7, timestamp=5, step=1, **on)
    client.done(
        "runs/log-batch", run_id=run, metrics=[{"key": "f1", "value": "NaN", "timestamp": 5, "model_id": model}]
    )
    client.refused(
        "runs/log-metric", 404, "RESOURCE_DOES_NOT_EXIST", run_id=run, key="x", value=1, timestamp=1, model_id="m-0"
    )
    assert [one["key"] for one in client.data(run)["metrics"]] == ["auc", "f1"]
    found = client.ask("GET", path).json()["model"]
    assert found["data"] == {
        "params": [{"key": "c", "value": "1"}, {"key": "d", "value": "2"}],
        "metrics": [
            {"key": "auc", "value": 0.7, "timestamp": 5, "step": 1, "run_id": run, **on},
            {"key": "f1", "value": "NaN", "timestamp": 5, "step": 0, "run_id": run, "model_id": model},
        ],
    }
    proxy = f"/api/2.0/mlflow-artifacts/artifacts/0/models/{model}/artifacts"
    assert client.ask("PUT", f"{proxy}/data/MLmodel", content=b"flavors: {}").json() == {}
    assert client.ask("GET", f"{proxy}/data/MLmodel").content == b"flavors: {}"
    listed = client.ask("GET", f"{path}/artifacts/directories", params={"artifact_directory_path": "data"}).json()
    assert listed["files"] == [{"path": "data/MLmodel", "is_dir": False, "file_size": 11}]
    assert client.ask("DELETE", path).json() == {}
    assert client.ask("GET", path).status_code == 404
    assert client.ask("GET", f"{path}?allow_deleted=true").json()["model"]["info"]["model_id"] == model
    assert client.ask("PUT", f"{proxy}/late", content=b"x").status_code == 404
    client.refused("logged-models", 400, "INVALID_PARAMETER_VALUE", experiment_id="0", name="a/b")
    client.refused("logged-models", 404, "RESOURCE_DOES_NOT_EXIST", experiment_id="77")


def test_searching_logged_models(client: Client) -> None:
    run = client.run()
    models = []
    for n in range(4):
        model = client.done("logged-models", experiment_id="0", name=f"m{n}")["model"]["info"]["model_id"]
        for digest, value in (("d1", n / 10), ("d2", -n / 10)):
            on = {"model_id": model, "dataset_name": "rows", "dataset_digest": digest}
            client.done("runs/log-metric", run_id=run, key="auc", value=value, timestamp=1, **on)
        models.append(model)

    def found(**fields: Any) -> list[int]:
        answer = client.done("logged-models/search", experiment_ids=["0"], **fields)
        return [models.index(one["info"]["model_id"]) for one in answer.get("models", [])]

    def by(digest: str) -> list[dict[str, Any]]:
        return [{"field_name": "metrics.auc", "ascending": False, "dataset_name": "rows", "dataset_digest": digest}]

    assert found(order_by=by("d1")) == [3, 2, 1, 0]
    assert found(order_by=by("d2")) == [0, 1, 2, 3]
    on = [{"dataset_name": "rows", "dataset_digest": "d1"}]
    assert found(filter="metrics.auc > 0.15", datasets=on, order_by=by("d1")) == [3, 2]
    assert found(filter="name = 'm2'") == [2]
    assert client.done("logged-models/search", experiment_ids=[]) == {}
    page = client.done("logged-models/search", experiment_ids=["0"], order_by=by("d1"), max_results=3)
    assert found(order_by=by("d1"), max_results=3, page_token=page["next_page_token"]) == [0]
