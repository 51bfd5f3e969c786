"""Runs over the protocol: the rules clients depend on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from protocol_client import Client


def test_a_run_from_start_to_end(client: Client) -> None:
    made = client.done(
        "runs/create", experiment_id="0", user_id="ann", run_name="first", start_time=1_700_000_000_123, tags=[]
    )["run"]
    run = made["info"]["run_id"]
    assert len(run) == 32
    assert made["info"] == {
        "run_id": run,
        "run_uuid": run,
        "run_name": "first",
        "experiment_id": "0",
        "user_id": "ann",
        "status": "RUNNING",
        "start_time": 1_700_000_000_123,
        "artifact_uri": f"mlflow-artifacts:/0/{run}/artifacts",
        "lifecycle_stage": "active",
    }
    assert client.done("runs/log-metric", run_id=run, key="auc", value=0.5, timestamp=7, step=2) == {}
    assert client.done("runs/log-parameter", run_id=run, key="depth", value="3") == {}
    assert client.done("runs/set-tag", run_id=run, key="note", value="é") == {}
    ended = client.done("runs/update", run_id=run, status="FINISHED", end_time=1_700_000_009_000)["run_info"]
    assert (ended["status"], ended["end_time"]) == ("FINISHED", 1_700_000_009_000)
    assert client.data(run) == {
        "metrics": [{"key": "auc", "value": 0.5, "timestamp": 7, "step": 2}],
        "params": [{"key": "depth", "value": "3"}],
        "tags": [{"key": "mlflow.runName", "value": "first"}, {"key": "note", "value": "é"}],
    }


def test_a_nameless_run_gets_a_readable_name(client: Client) -> None:
    first, second = (client.read("runs/get", run_id=client.run())["run"]["info"]["run_name"] for _ in range(2))
    assert first != second
    assert first.count("-") == 2


def test_the_name_and_its_tag_stay_equal(client: Client) -> None:
    def name(run: str) -> tuple[str, str]:
        found = client.read("runs/get", run_id=run)["run"]
        return found["info"]["run_name"], {one["key"]: one["value"] for one in found["data"]["tags"]}["mlflow.runName"]

    run = client.run(tags=[{"key": "mlflow.runName", "value": "by tag"}])
    assert name(run) == ("by tag", "by tag")
    client.done("runs/set-tag", run_id=run, key="mlflow.runName", value="tagged")
    assert name(run) == ("tagged", "tagged")
    client.done("runs/update", run_id=run, run_name="updated")
    assert name(run) == ("updated", "updated")
    client.done("runs/log-batch", run_id=run, tags=[{"key": "mlflow.runName", "value": "in a batch"}])
    assert name(run) == ("in a batch", "in a batch")
    tags = [{"key": "mlflow.runName", "value": "one"}]
    client.refused("runs/create", 400, "INVALID_PARAMETER_VALUE", experiment_id="0", run_name="two", tags=tags)


def test_params_are_written_once(client: Client) -> None:
    run = client.run()
    for _ in range(2):
        client.done("runs/log-parameter", run_id=run, key="depth", value="3")
    told = client.refused("runs/log-parameter", 400, "INVALID_PARAMETER_VALUE", run_id=run, key="depth", value="4")
    assert "'3'" in told
    assert "'4'" in told
    client.done("runs/log-parameter", run_id=run, key="empty")
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]
    client.refused("runs/log-batch", 400, "INVALID_PARAMETER_VALUE", run_id=run, params=twice)
    assert client.data(run)["params"] == [{"key": "depth", "value": "3"}, {"key": "empty", "value": ""}]


def test_a_batch_is_all_or_nothing(client: Client) -> None:
    run = client.run()
    client.done("runs/log-parameter", run_id=run, key="depth", value="3")
    client.refused(
        "runs/log-batch",
        400,
        "INVALID_PARAMETER_VALUE",
        run_id=run,
        metrics=[{"key": "m", "value": 1, "timestamp": 1, "step": 0}],
        params=[{"key": "depth", "value": "4"}],
        tags=[{"key": "t", "value": "x"}],
    )
    assert "metrics" not in client.data(run)
    assert [tag["key"] for tag in client.data(run)["tags"]] == ["mlflow.runName"]


def test_metrics_are_a_set_and_the_last_is_by_step(client: Client) -> None:
    run = client.run()
    for step, timestamp, value in ((2, 5, 0.2), (1, 9, 0.9), (2, 5, 0.2), (2, 5, 0.1), (2, 4, 7.0)):
        client.done("runs/log-metric", run_id=run, key="m", value=value, timestamp=timestamp, step=step)
    assert client.data(run)["metrics"] == [{"key": "m", "value": 0.2, "timestamp": 5, "step": 2}]
    found = client.read("metrics/get-history", run_id=run, metric_key="m")["metrics"]
    assert [(one["timestamp"], one["step"], one["value"]) for one in found] == [
        (4, 2, 7.0),
        (5, 2, 0.1),
        (5, 2, 0.2),
        (9, 1, 0.9),
    ]
    assert client.read("metrics/get-history", run_id=run, metric_key="other") == {}


def test_numbers_that_are_none(client: Client) -> None:
    run = client.run()
    for step, value in enumerate(("NaN", "Infinity", "-Infinity")):
        client.done("runs/log-metric", run_id=run, key="m", value=value, timestamp=step, step=step)
    bare = f'{{"run_id": "{run}", "key": "m", "value": NaN, "timestamp": 3, "step": 3}}'
    path, kind = "/api/2.0/mlflow/runs/log-metric", {"content-type": "application/json"}
    assert client.ask("POST", path, content=bare, headers=kind).status_code == 200
    batch = f'{{"run_id": "{run}", "metrics": [{{"key": "m", "value": -Infinity, "timestamp": 4, "step": 4}}]}}'
    assert client.ask("POST", path.replace("metric", "batch"), content=batch, headers=kind).status_code == 200
    found = client.read("metrics/get-history", run_id=run, metric_key="m")["metrics"]
    largest = 1.7976931348623157e308
    assert [one["value"] for one in found] == ["NaN", largest, -largest, "NaN", -largest]
    kept = client.site.workspace.runs.history(run, "m")
    assert math.isnan(kept[0].value)
    assert [point.value for point in kept[1:3]] == [math.inf, -math.inf]
    # Where a time belongs, a bare NaN is a mistake and not a 0.
    wrong = bare.replace('"timestamp": 3', '"timestamp": NaN')
    assert client.ask("POST", path, content=wrong, headers=kind).status_code == 400


def test_deleting_and_restoring(client: Client) -> None:
    run = client.run()
    for _ in range(2):
        client.done("runs/delete", run_id=run)
    assert client.read("runs/get", run_id=run)["run"]["info"]["lifecycle_stage"] == "deleted"
    for name, fields in (
        ("log-metric", {"key": "m", "value": 1, "timestamp": 1}),
        ("log-parameter", {"key": "p", "value": "1"}),
        ("set-tag", {"key": "t", "value": "1"}),
        ("update", {"status": "FINISHED"}),
        ("log-batch", {"metrics": []}),
    ):
        client.refused(f"runs/{name}", 400, "INVALID_PARAMETER_VALUE", run_id=run, **fields)
    client.done("runs/restore", run_id=run)
    client.done("runs/update", run_id=run, status=3)
    client.done("runs/log-metric", run_id=run, key="m", value=1, timestamp=1)


def test_a_run_that_went_silent_shows_as_killed_and_speaks_again(client: Client) -> None:
    run = client.run()
    client.site.workspace.runs.give_up([run])
    assert client.read("runs/get", run_id=run)["run"]["info"]["status"] == "KILLED"
    client.done("runs/log-metric", run_id=run, key="m", value=1, timestamp=1)
    assert client.read("runs/get", run_id=run)["run"]["info"]["status"] == "RUNNING"


def test_tags(client: Client) -> None:
    run = client.run()
    client.done("runs/set-tag", run_id=run, key="t", value="1")
    client.done("runs/set-tag", run_id=run, key="t", value="2")
    assert {"key": "t", "value": "2"} in client.data(run)["tags"]
    client.done("runs/delete-tag", run_id=run, key="t")
    client.refused("runs/delete-tag", 404, "RESOURCE_DOES_NOT_EXIST", run_id=run, key="t")


@pytest.mark.parametrize("name", ["get", "delete", "restore", "update", "log-metric", "log-batch", "set-tag"])
def test_a_run_that_is_not_there(client: Client, name: str) -> None:
    run = client.run()
    for missing in ("0" * 32, run[:8], run.upper() + "x", "é"):
        fields: dict[str, Any] = {"run_id": missing, "key": "k", "value": 1 if name == "log-metric" else "v"}
        fields |= {"timestamp": 1} if name == "log-metric" else {}
        response = client.get("runs/get", run_id=missing) if name == "get" else client.post(f"runs/{name}", **fields)
        assert response.status_code == 404, response.text
        assert response.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_older_names_and_other_spellings(client: Client) -> None:
    run = client.run()
    client.done("runs/log-metric", run_uuid=run, key="m", value="1.5", timestamp="12", step="3")
    client.done("runs/log-parameter", runId=run, key="p", value="1", anything={"else": [1]})
    client.refused("runs/log-parameter", 400, "INVALID_PARAMETER_VALUE", run_id=run, runId=run, key="p", value="1")
    assert client.ask("GET", f"/ajax-api/2.0/mlflow/runs/get?runId={run}").json()["run"]["data"] == {
        "metrics": [{"key": "m", "value": 1.5, "timestamp": 12, "step": 3}],
        "params": [{"key": "p", "value": "1"}],
        "tags": client.data(run)["tags"],
    }


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"timestamp": 7.5}, "timestamp"),
        ({"timestamp": "7.0"}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": 2**63}, "64 bits"),
        ({"timestamp": str(2**63)}, "timestamp"),
        ({"timestamp": 2.0**60}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"step": "x"}, "step"),
        ({"step": [1]}, "step"),
        ({"value": "abc"}, "value"),
        ({"value": True}, "value"),
        ({"value": None}, "value"),
        ({"value": "1e999"}, "value"),
        ({"key": ""}, "key"),
        ({"key": 3}, "key"),
        ({"key": "../up"}, "key"),
        ({"key": "/top"}, "key"),
        ({"key": "a//b"}, "key"),
        ({"key": "a\nb"}, "key"),
        ({"key": "k" * 251}, "key"),
        ({"run_id": ""}, "run_id"),
        ({"run_id": 5}, "run_id"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(client: Client, fields: dict[str, Any], named: str) -> None:
    run = client.run()
    whole = {"run_id": run, "key": "m", "value": 1.0, "timestamp": 7, "step": 0} | fields
    code = "BAD_REQUEST" if named == "64 bits" else "INVALID_PARAMETER_VALUE"
    assert named in client.refused("runs/log-metric", 400, code, **whole)
    assert "metrics" not in client.data(run)


def test_whole_numbers_may_be_floats(client: Client) -> None:
    run = client.run()
    client.done("runs/log-metric", run_id=run, key="m", value=1, timestamp=7.0, step=-2.0)
    assert client.data(run)["metrics"] == [{"key": "m", "value": 1.0, "timestamp": 7, "step": -2}]


def test_a_status_that_is_none(client: Client) -> None:
    run = client.run()
    told = client.refused("runs/update", 400, "INVALID_PARAMETER_VALUE", run_id=run, status="BOGUS")
    assert "FINISHED" in told
    client.refused("runs/update", 400, "INVALID_PARAMETER_VALUE", run_id=run, status=9)
    client.refused("runs/update", 400, "INVALID_PARAMETER_VALUE", run_id=run, end_time=2**62)
    assert client.read("runs/get", run_id=run)["run"]["info"]["status"] == "RUNNING"


def test_limits_of_a_batch(client: Client) -> None:
    run = client.run()

    def metrics(count: int) -> list[dict[str, Any]]:
        return [{"key": f"m{n}", "value": n, "timestamp": 1, "step": 0} for n in range(count)]

    def pairs(count: int) -> list[dict[str, str]]:
        return [{"key": f"k{n}", "value": "v"} for n in range(count)]

    client.done("runs/log-batch", run_id=run, metrics=metrics(800), params=pairs(100), tags=pairs(100))
    for fields in ({"metrics": metrics(1001)}, {"params": pairs(101)}, {"tags": pairs(101)}):
        client.refused("runs/log-batch", 400, "INVALID_PARAMETER_VALUE", run_id=run, **fields)
    client.refused("runs/log-batch", 400, "INVALID_PARAMETER_VALUE", run_id=run, metrics=metrics(901), tags=pairs(100))
    large = [{"key": f"k{n}", "value": "v" * 12_000} for n in range(100)]
    client.refused("runs/log-batch", 400, "INVALID_PARAMETER_VALUE", run_id=run, tags=large)
    client.done("runs/log-parameter", run_id=run, key="long", value="x" * 7000)
    client.done("runs/set-tag", run_id=run, key="long", value="x" * 9000)
    data = client.data(run)
    assert len(next(one["value"] for one in data["params"] if one["key"] == "long")) == 6000
    assert len(next(one["value"] for one in data["tags"] if one["key"] == "long")) == 8000


def test_pages_of_a_history(client: Client) -> None:
    run = client.run()
    metrics = [{"key": "m", "value": n if n % 7 else "NaN", "timestamp": n // 3, "step": n % 3} for n in range(25)]
    client.done("runs/log-batch", run_id=run, metrics=metrics)
    whole = client.read("metrics/get-history", run_id=run, metric_key="m")["metrics"]
    found: list[dict[str, Any]] = []
    token = ""
    for _ in range(4):
        page = client.read("metrics/get-history", run_id=run, metric_key="m", max_results=8, page_token=token)
        found += page["metrics"]
        token = page.get("next_page_token", "")
    assert token == ""
    assert found == whole
    assert len(whole) == 25
    first = client.read("metrics/get-history", run_id=run, metric_key="m", max_results=8)["next_page_token"]
    for key, token in (("other", first), ("m", "x"), ("m", first[:-4]), ("m", "é")):
        response = client.get("metrics/get-history", run_id=run, metric_key=key, max_results=8, page_token=token)
        assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert client.get("metrics/get-history", run_id=run, metric_key="m", max_results=0).status_code == 400


def test_histories_of_several_runs(client: Client) -> None:
    runs = sorted(client.run() for _ in range(2))
    for place, run in enumerate(runs):
        metrics = [{"key": "m", "value": n, "timestamp": n, "step": n * 10} for n in range(50 + 50 * place)]
        client.done("runs/log-batch", run_id=run, metrics=metrics)
    found = client.read("metrics/get-history-bulk", run_id=[*runs, "0" * 32], metric_key="m", max_results=120)
    assert [one["run_id"] for one in found["metrics"]] == [runs[0]] * 50 + [runs[1]] * 70
    spread = client.read("metrics/get-history-bulk-interval", run_ids=runs, metric_key="m", max_results=10)["metrics"]
    steps = {run: [one["step"] for one in spread if one["run_id"] == run] for run in runs}
    assert (steps[runs[0]][0], steps[runs[0]][-1]) == (0, 490)
    assert (steps[runs[1]][0], steps[runs[1]][-1]) == (0, 990)
    assert 10 <= len(steps[runs[1]]) <= 12
    some = client.read("metrics/get-history-bulk-interval", run_ids=runs, metric_key="m", start_step=100, end_step=120)[
        "metrics"
    ]
    assert [one["step"] for one in some] == [100, 110, 120] * 2
    assert client.get("metrics/get-history-bulk-interval", metric_key="m").status_code == 400


def test_what_is_not_offered(client: Client) -> None:
    for method, path in (
        ("POST", "/api/2.0/mlflow/traces"),
        ("GET", "/api/3.0/mlflow/traces/x"),
        ("POST", "/v1/traces"),
        ("POST", "/graphql"),
        ("GET", "/api/2.0/mlflow/runs/nothing"),
        ("GET", "/ajax-api/3.0/mlflow/assessments"),
        ("GET", "/api/2.0/"),
    ):
        response = client.ask(method, path)
        assert (response.status_code, response.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND"), path
    response = client.ask("DELETE", "/api/2.0/mlflow/runs/get")
    assert (response.status_code, response.json()["error_code"]) == (405, "BAD_REQUEST")
    assert client.ask("GET", "/health").text == "OK"
    assert client.ask("GET", "/version").headers["content-type"].startswith("text/plain")
    info = client.ask("GET", "/api/3.0/mlflow/server-info").json()
    assert info["multipart_uploads_enabled"] is False
    told = client.ask("POST", "/api/2.0/mlflow-artifacts/mpu/create/0/x/artifacts/y", json={})
    assert (told.status_code, told.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_the_door_speaks_the_protocol_too(client: Client) -> None:
    path = "/api/2.0/mlflow/runs/create"
    for headers, status in (({"origin": "http://evil.example"}, 403), ({"host": "evil.example"}, 421)):
        response = client.ask("POST", path, json={}, headers=headers)
        assert response.status_code == status
        assert set(response.json()) == {"error_code", "message"}
    response = client.ask("POST", path, content=b"{}", headers={"content-type": "text/plain"})
    assert (response.status_code, response.json()["error_code"]) == (400, "BAD_REQUEST")
    for body in (b"[]", b"{", b'{"a":1,"a":2}', b'{"run_name":"\\u0000"}', b"\xff", b"[" * 5000, b'"x"'):
        response = client.ask("POST", path, content=body, headers={"content-type": "application/json"})
        assert response.status_code == 400, body
    response = client.ask("POST", path, content=b" " * (33 << 20), headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["error_code"]) == (413, "INVALID_PARAMETER_VALUE")


def test_presence_hears_of_runs(port: int, client: Client) -> None:
    presence = client.site.presence
    base = f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/"
    with httpx.Client(base_url=base, headers={"user-agent": "a script"}) as caller:
        caller.post("create", json={"start_time": 1})
        assert presence._holders == {}  # it may go at any time without having died
    with httpx.Client(base_url=base, headers={"user-agent": "mlflow-python-client/3.17.2"}) as caller:
        run = caller.post("create", json={"start_time": 1}).json()["run"]["info"]["run_id"]
        assert set(presence._holders) == {run}
        caller.post("log-metric", json={"run_id": run, "key": "m", "value": 1, "timestamp": 1})
        caller.post("update", json={"run_id": run, "status": "FINISHED"})
        assert presence._holders == {}
