"""The three protocols, over real HTTP."""

from __future__ import annotations

import http.client
import json

import httpx
import pytest

RECORD = {"age": 30, "grade": "A"}
POSTED = ("/predict/credit-risk", "/invocations", "/v2/models/credit/infer", "/labels/credit-risk")
JSON = {"content-type": "application/json"}


def test_native(shared: httpx.Client) -> None:
    answer = shared.post("/predict/credit-risk", json=RECORD)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["model"], body["version"], body["arm"]) == ("credit", 1, "live")
    (prediction,) = body["predictions"]
    assert set(prediction) == {"id", "prediction", "probabilities", "score", "flags"}
    assert prediction["score"] == prediction["probabilities"]["bad"]
    assert sum(prediction["probabilities"].values()) == pytest.approx(1)
    several = shared.post("/predict/credit-risk", json=[RECORD, {"age": 90, "grade": None, "id": 4}]).json()
    assert several["predictions"][0]["prediction"] == prediction["prediction"]
    assert several["predictions"][1]["flags"] == ["range:age"]
    assert len({each["id"] for each in several["predictions"]}) == 2
    named = shared.post("/predict/credit-risk", json={"records": [RECORD], "request_id": "mine"}).json()
    assert named["predictions"][0]["id"] == "mine"


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["grade", "age"], "data": [["A", 30], ["B", 60]]}},
        {"dataframe_split": {"index": [0, 1], "columns": ["grade", "age"], "data": [["A", 30], ["B", 60]]}},
        {"dataframe_records": [RECORD, {"age": 60, "grade": "B"}]},
        {"instances": [RECORD, {"age": 60, "grade": "B"}]},
        {"inputs": {"age": [30, 60], "grade": ["A", "B"]}},
        {"inputs": [RECORD, {"age": 60, "grade": "B"}], "params": {}},
    ],
)
def test_mlflow_json(shared: httpx.Client, body: object) -> None:
    answer = shared.post("/invocations", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": ["bad", "good"]}


def test_mlflow_csv(shared: httpx.Client) -> None:
    csv = {"content-type": "text/csv; charset=utf-8"}
    assert shared.post("/invocations", content='age,grade\n30,"A"\n60,\n', headers=csv).json() == {
        "predictions": ["bad", "good"]
    }
    for wrong in ("age,grade\n", "age,grade\n30\n", "age,age\n1,2\n", "", 'age,grade\n"30,A', "age,grade\n30,\x00\n"):
        assert shared.post("/invocations", content=wrong, headers=csv).status_code == 400
    typed = shared.post("/invocations", content="age,grade\nold,A\n", headers=csv)
    assert typed.json()["rows"] == [
        {"row": 0, "column": "age", "code": "wrong_type", "message": "expected an integer, got 'old'"}
    ]


def test_a_byte_order_mark_is_no_part_of_a_name(shared: httpx.Client) -> None:
    csv = {"content-type": "text/csv"}
    for body in ("\ufeffage,grade\n30,A\n", '\ufeff"age",grade\n30,A\n'):
        assert shared.post("/invocations", content=body.encode(), headers=csv).json() == {"predictions": ["bad"]}
    assert shared.post("/invocations", content="\ufeff\ufeffage,grade\n30,A\n".encode(), headers=csv).status_code == 400


@pytest.mark.parametrize("cell", ["30", "30.0", "3e1", "3.0E+1", "-0"])
def test_numbers_of_csv_are_those_of_json(shared: httpx.Client, cell: str) -> None:
    csv = {"content-type": "text/csv"}
    assert shared.post("/invocations", content=f"age,grade\n{cell},A\n", headers=csv).status_code == 200


@pytest.mark.parametrize(
    "cell",
    [
        "1_000",
        "\u0663\u0660",
        "\uff13\uff10",
        "+30",
        "030",
        " 30",
        ".5",
        "5.",
        "1e",
        "nan",
        "inf",
        "0x1E",
        "9" * 19,
        "9" * 5000,
    ],
)
def test_what_json_calls_no_number_is_none_in_csv(shared: httpx.Client, cell: str) -> None:
    csv = {"content-type": "text/csv"}
    refused = shared.post("/invocations", content=f"age,grade\n{cell},A\n".encode(), headers=csv)
    assert refused.status_code == 400
    assert refused.json()["rows"][0]["code"] == "wrong_type"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"rows": []}, {"instances": []}, {"instances": [[30, "A"]]}, {"inputs": {"age": [1], "grade": []}},
        {"inputs": 3}, {"instances": [RECORD], "inputs": [RECORD]}, {"dataframe_split": {"columns": ["age"]}},
        {"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["age"], "data": [[1, 2]]}}, {"dataframe_records": RECORD},
        {"instances": [RECORD], "params": {"a": 1}}, {"instances": [RECORD], "extra": 1}, [RECORD], None, "x", 1,
    ],
)  # fmt: skip
def test_mlflow_refuses_other_shapes(shared: httpx.Client, body: object) -> None:
    answer = shared.post("/invocations", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


def test_mlflow_probes(shared: httpx.Client) -> None:
    assert shared.get("/ping").status_code == 200
    assert shared.get("/health").status_code == 200
    assert shared.get("/version").text == "0.1.0"


INFER = {
    "id": "42",
    "inputs": [
        {"name": "age", "shape": [2], "datatype": "INT64", "data": [30, 60]},
        {"name": "grade", "shape": [2, 1], "datatype": "BYTES", "data": [["A"], ["B"]]},
    ],
}


def test_inference_protocol(shared: httpx.Client) -> None:
    assert shared.get("/v2").json() == {"name": "noria", "version": "0.1.0", "extensions": ["model_repository"]}
    assert shared.get("/v2/").status_code == 200
    assert shared.get("/v2/health/live").json() == {"live": True}
    assert shared.get("/v2/health/ready").json()["ready"] is True
    for name in ("credit", "credit-risk"):
        for path in (f"/v2/models/{name}", f"/v2/models/{name}/versions/1"):
            about = shared.get(path).json()
            assert (about["name"], about["versions"]) == (name, ["1"])
            assert about["inputs"][0] == {"name": "age", "datatype": "INT64", "shape": [-1, 1]}
            assert {output["name"] for output in about["outputs"]} == {"prediction", "probabilities", "score"}
            assert shared.get(path + "/ready").json() == {"name": name, "ready": True}
            answer = shared.post(path + "/infer", json=INFER).json()
            assert (answer["model_name"], answer["model_version"], answer["id"]) == (name, "1", "42")
            outputs = {output["name"]: output for output in answer["outputs"]}
            assert outputs["prediction"]["data"] == ["bad", "good"]
            assert outputs["prediction"]["datatype"] == "BYTES"
            assert outputs["probabilities"]["shape"] == [2, 2]
            assert len(outputs["probabilities"]["data"]) == 4
    wanted = shared.post("/v2/models/credit/infer", json={**INFER, "outputs": [{"name": "score"}]}).json()
    assert [output["name"] for output in wanted["outputs"]] == ["score"]
    made_up = shared.post("/v2/models/credit/infer", json={"inputs": INFER["inputs"]}).json()
    assert made_up["id"]


AGE = {"name": "age", "shape": [1], "datatype": "INT64", "data": [30]}


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"inputs": []}, {"inputs": [AGE, AGE]}, {"inputs": [{**AGE, "shape": [2]}]},
        {"inputs": [{**AGE, "shape": [1, 2]}]}, {"inputs": [{**AGE, "shape": [-1]}]},
        {"inputs": [{**AGE, "shape": []}]},
        {"inputs": [{**AGE, "shape": [0], "data": []}]}, {"inputs": [{**AGE, "datatype": "INT7"}]},
        {"inputs": [{**AGE, "data": [30.5]}]}, {"inputs": [{**AGE, "data": [True]}]},
        {"inputs": [{**AGE, "data": ["30"]}]},
        {"inputs": [{**AGE, "data": 30}]}, {"inputs": [{**AGE, "oops": 1}]}, {"inputs": [AGE], "oops": 1},
        {"inputs": [{"name": "age"}]}, {"inputs": [{**AGE, "name": 3}]}, {"inputs": [AGE], "id": 7}, {"inputs": [3]},
        {"inputs": INFER["inputs"], "outputs": [{"name": "nothing"}]}, {"inputs": INFER["inputs"], "outputs": "score"},
        {"inputs": [AGE]}, {"inputs": [{**AGE, "datatype": ["INT64"]}]}, {"inputs": [{**AGE, "datatype": {}}]},
        {"inputs": INFER["inputs"], "outputs": [{"name": ["score"]}]},
    ],
)  # fmt: skip
def test_inference_protocol_refuses_other_shapes(shared: httpx.Client, body: object) -> None:
    answer = shared.post("/v2/models/credit/infer", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404), ("GET", "/v2/models/other", 404), ("GET", "/v2/models/credit/versions/9", 404),
        ("POST", "/v2/models/credit/versions/9/infer", 404), ("GET", "/v2/models/credit/nothing", 404),
        ("POST", "/predict/other", 404), ("GET", "/predict/credit-risk", 405), ("DELETE", "/predict/credit-risk", 405),
        ("POST", "/ping", 405), ("GET", "/v2/models/credit/infer", 405), ("PUT", "/", 405),
        ("POST", "/v2/models/credit", 405),
        ("GET", "/predict/../ping", 404), ("GET", "/%2e%2e/ping", 404), ("HEAD", "/ping", 200), ("GET", "/", 200),
    ],
)  # fmt: skip
def test_routes(shared: httpx.Client, method: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection(shared.base_url.host, shared.base_url.port)  # sends the path as it is
    connection.request(method, path)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize(
    "path", ["/predict/credit-risk", "/invocations", "/v2/models/credit/infer", "/labels/credit-risk"]
)
@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/json; charset=utf-7"}, 415),
        (b"{}", {"content-type": "multipart/form-data; boundary=" + "x" * 1000}, 415),
        (b'{"a": NaN}', JSON, 400), (b'{"a":1,"a":2}', JSON, 400), (b"", JSON, 400), (b"[" * 5000, JSON, 400),
        (b"null", JSON, 400), (b'"x"', JSON, 400), (b"[]", JSON, 400), (b"\xff", JSON, 400),
        (b" " * 100_001, JSON, 413),
    ],
)  # fmt: skip
def test_every_route_refuses_bad_bodies(
    shared: httpx.Client, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = shared.post(path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


def test_every_route_refuses_other_origins_and_hosts(shared: httpx.Client) -> None:
    for path in POSTED:
        assert shared.post(path, json=RECORD, headers={"origin": "http://evil.example"}).status_code == 403
        assert shared.post(path, json=RECORD, headers={"host": "evil.example"}).status_code == 421


def test_foreign_clients_may_leave_out_the_media_type(shared: httpx.Client) -> None:
    for path in POSTED:
        foreign = path.startswith("/v2/")
        assert shared.post(path, content=json.dumps(INFER).encode()).status_code == (200 if foreign else 415)


def test_bad_rows_are_named(shared: httpx.Client) -> None:
    answer = shared.post("/predict/credit-risk", json=[RECORD, {"age": True, "grade": "Z"}, {"age": 1, "grad": "A"}])
    assert answer.status_code == 400
    assert [(row["row"], row["column"], row["code"]) for row in answer.json()["rows"]] == [
        (1, "age", "wrong_type"),
        (1, "grade", "unseen"),
        (2, "grad", "extra_column"),
        (2, "grade", "missing_column"),
    ]


def test_too_many_rows(shared: httpx.Client) -> None:
    assert shared.post("/predict/credit-risk", content=b"[" + b"0," * 10_000 + b"0]", headers=JSON).status_code == 413


def test_the_front_page_tells_how_to_ask(shared: httpx.Client) -> None:
    about = shared.get("/").json()
    assert about["version"] == 1
    assert (about["engine"], about["engine_reason"]) == ("plan", "")
    told = shared.get("/v2/models/credit").json()
    assert told["parameters"] == {"engine": "plan", "reason": ""}
    assert shared.post("/predict/credit-risk", json=about["example"]).status_code == 200
    assert about["log"]["dropped"] == 0
