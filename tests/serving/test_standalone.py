"""The server of a bundle as a process, asked as each platform asks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from noria.errors import WrongArgument
from noria.predictions.log import PredictionLog
from noria.serving.bundle import Bundle
from noria.serving.platform import Platform

if TYPE_CHECKING:
    from tests.serving.conftest import House

ROOT = Path(__file__).parents[2]
RECORD = {"age": 30, "grade": "A"}
SETTINGS = ("PORT", "AIP_HTTP_PORT", "AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE")


@pytest.fixture
def folder(house: House) -> Path:
    Bundle.of(house.registry, house.versions[0], endpoint="risk", policies=None).write(house.root / "bundle")
    return house.root / "bundle"


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS and "NORIA" not in name}
    child = subprocess.Popen(
        [sys.executable, "-m", "noria.serving", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean | {"PYTHONPATH": str(ROOT / "src")} | environment,
    )
    assert child.stderr is not None
    try:
        said = child.stderr.readline()
        assert said.startswith("serving credit@1 ("), said + child.stderr.read()
        port = said.split(";")[0].rpartition(":")[2]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=90) as client:
            yield child, client
    finally:
        child.kill()
        child.communicate()


def stop(child: subprocess.Popen[str], seconds: float = 10) -> str:
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=seconds)
    assert child.returncode == 0, err
    assert "Traceback" not in err
    return out


def expected(folder: Path) -> object:
    return Bundle.read(folder).scorer().score([RECORD])[0].prediction


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def test_as_sagemaker_asks(folder: Path) -> None:
    with process("serve", "--host", "0.0.0.0", "--port", "0", NORIA_BUNDLE=str(folder)) as (child, client):
        # The platform's Host is a name that nobody told the container.
        head = {"Host": "algo-1:8080", "X-Amzn-SageMaker-Custom-Attributes": "trace=7"}
        assert client.get("/ping", headers=head).status_code == 200
        answer = client.post("/invocations", json={"dataframe_records": [RECORD]}, headers=head)
        assert (answer.status_code, answer.json()) == (200, {"predictions": [expected(folder)]})
        csv = client.post("/invocations", content="age,grade\n30,A\n", headers={**head, "Content-Type": "text/csv"})
        assert csv.json() == answer.json()
        stop(child)


def test_the_port_of_sagemaker_is_the_default() -> None:
    assert Platform.told({"NORIA_BUNDLE": "/opt/ml/model"}).port == 8080


def test_as_vertex_asks(folder: Path) -> None:
    predict = "/v1/endpoints/7/deployedModels/9:predict"
    routes = {"AIP_HEALTH_ROUTE": "/alive", "AIP_PREDICT_ROUTE": predict, "AIP_HTTP_PORT": str(free_port())}
    with process("--host", "0.0.0.0", NORIA_BUNDLE=str(folder), PORT="1", **routes) as (child, client):
        assert str(client.base_url.port) == routes["AIP_HTTP_PORT"]
        assert client.get("/alive").status_code == 200
        for body in ({"instances": [RECORD]}, {"instances": [RECORD], "parameters": {}}):
            answer = client.post(predict, json=body)
            assert (answer.status_code, answer.json()) == (200, {"predictions": [expected(folder)]})
        assert client.post(predict, json={"instances": [RECORD], "parameters": {"k": 1}}).status_code == 400
        stop(child)


def test_as_cloud_run_asks(folder: Path) -> None:
    port = free_port()
    with process("--bundle", str(folder), "--host", "0.0.0.0", PORT=str(port)) as (child, client):
        assert client.base_url.port == port
        assert client.get("/v2/health/ready", headers={"Host": "credit-xyz.a.run.app"}).json()["ready"] is True
        answer = client.post("/predict/risk", json=RECORD, headers={"Host": "credit-xyz.a.run.app"})
        assert answer.json()["predictions"][0]["prediction"] == expected(folder)
        stop(child, 10)


def test_every_protocol_answers_out_of_a_bundle(folder: Path) -> None:
    with process("--bundle", str(folder), "--host", "0.0.0.0", "--port", "0") as (child, client):
        v1 = client.post("/v1/models/credit/versions/1:explain", json={"instances": [RECORD]}).json()
        native = client.post("/predict/risk?explain=true", json=RECORD).json()
        assert v1["explanations"] == [native["predictions"][0]["explanation"]]
        assert v1["predictions"][0]["prediction"] == expected(folder)
        document = client.get("/openapi.json").json()
        assert "/predict/risk" in document["paths"]
        assert "/labels/risk" not in document["paths"]  # there is no store for late labels
        assert client.post("/v2/repository/index").json()[0]["state"] == "READY"
        refused = client.post("/v2/repository/models/credit/load")
        assert refused.status_code == 400
        assert "bundle" in refused.json()["error"]
        stop(child)


def test_as_kserve_asks(folder: Path) -> None:
    inputs = [
        {"name": "age", "shape": [1, 1], "datatype": "INT64", "data": [30]},
        {"name": "grade", "shape": [1, 1], "datatype": "BYTES", "data": ["A"]},
    ]
    with process("--bundle", str(folder), "--port", "0") as (child, client):
        answer = client.post("/v2/models/risk/infer", json={"inputs": inputs}).json()
        (prediction,) = (output["data"] for output in answer["outputs"] if output["name"] == "prediction")
        assert (prediction, answer["model_version"]) == ([expected(folder)], "1")
        stop(child)


def test_a_request_that_runs_is_answered_before_the_end(folder: Path) -> None:
    records = [RECORD] * 10_000
    with process("--bundle", str(folder), "--port", "0") as (child, client):
        request = client.build_request("POST", "/predict/risk", json=records)
        head = client.send(request, stream=True)
        child.send_signal(signal.SIGTERM)
        assert len(json.loads(head.read())["predictions"]) == len(records)
        child.communicate(timeout=90)
        assert child.returncode == 0


def test_the_log_as_lines(folder: Path) -> None:
    with process("--bundle", str(folder), "--port", "0", NORIA_PREDICTION_LOG="stdout") as (child, client):
        ids = [client.post("/predict/risk", json=RECORD).json()["predictions"][0]["id"] for _ in range(5)]
        lines = [json.loads(line) for line in stop(child).splitlines()]
    assert [line["prediction_id"] for line in lines] == ids
    assert {(line["x.age"], line["x.grade"], line["version"]) for line in lines} == {(30, "A", 1)}


def test_the_log_in_a_folder(folder: Path, tmp_path: Path) -> None:
    with process("--bundle", str(folder), "--port", "0", "--log", str(tmp_path / "log")) as (child, client):
        identity = client.post("/predict/risk", json=RECORD).json()["predictions"][0]["id"]
        stop(child)
    assert PredictionLog(tmp_path / "log").read("credit")["prediction_id"].to_pylist() == [identity]


def test_nothing_is_logged_unless_it_is_asked_for(folder: Path) -> None:
    with process("--bundle", str(folder), "--port", "0") as (child, client):
        assert client.post("/predict/risk", json=RECORD).status_code == 200
        assert client.post("/labels/risk", json=[{"prediction_id": "a", "value": "bad"}]).status_code == 404
        assert "noria_" in client.get("/metrics").text
        assert stop(child) == ""


def test_on_loopback_another_host_is_refused(folder: Path) -> None:
    with process("--bundle", str(folder), "--port", "0") as (_, client):
        assert client.get("/ping", headers={"Host": "evil.example"}).status_code == 421


def test_behind_a_platform_other_origins_are_refused(folder: Path) -> None:
    with process("--bundle", str(folder), "--port", "0", "--host", "0.0.0.0") as (_, client):
        head = {"Host": "model.example", "Origin": "https://evil.example"}
        assert client.post("/predict/risk", json=RECORD, headers=head).status_code == 403
        assert client.post("/predict/risk", json=RECORD, headers=head | {"Origin": "https://model.example"}).is_success


@pytest.mark.parametrize(
    ("environment", "status", "code"),
    [
        ({}, 2, "N-SERVING-076"),
        ({"NORIA_BUNDLE": "/nowhere"}, 2, "N-SERVING-070"),
        ({"NORIA_BUNDLE": "{folder}", "NORIA_BUNDLE_DIGEST": "0" * 64}, 1, "N-SERVING-073"),
        ({"NORIA_BUNDLE": "{folder}", "PORT": "http"}, 2, "N-SERVING-077"),
        ({"NORIA_BUNDLE": "{folder}", "AIP_HEALTH_ROUTE": "alive"}, 2, "N-SERVING-078"),
    ],
)
def test_it_refuses_to_start(folder: Path, environment: dict[str, str], status: int, code: str) -> None:
    told = {name: value.format(folder=folder) for name, value in environment.items()}
    done = subprocess.run(
        [sys.executable, "-m", "noria.serving", "serve"],
        capture_output=True,
        text=True,
        env={name: os.environ[name] for name in ("PATH",)} | {"PYTHONPATH": str(ROOT / "src")} | told,
    )
    assert done.returncode == status, done.stderr
    assert code in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_changed_stops_the_start(folder: Path) -> None:
    (folder / "model" / "head.skops").write_bytes(b"PK")
    done = subprocess.run(
        [sys.executable, "-m", "noria.serving", "--bundle", str(folder), "--port", "0"],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 1
    assert "N-SERVING-072" in done.stderr


@pytest.mark.parametrize("text", ["65536", "-1", "1e3", "٣"])
def test_no_port(text: str) -> None:
    with pytest.raises(WrongArgument):
        Platform.told({"NORIA_BUNDLE": "b", "PORT": text})
