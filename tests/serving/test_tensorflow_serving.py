"""The protocol of TensorFlow Serving, which KServe calls version 1, in the shapes its clients send."""

from __future__ import annotations

import math

import httpx
import pytest

RECORD = {"age": 30, "grade": "A"}
OTHER = {"age": 60, "grade": "B"}
V1 = "/v1/models/credit"


@pytest.mark.parametrize("place", [V1, f"{V1}-risk", f"{V1}/versions/1", f"{V1}/labels/champion"])
def test_rows_are_answered_row_by_row(shared: httpx.Client, place: str) -> None:
    answer = shared.post(f"{place}:predict", json={"signature_name": "serving_default", "instances": [RECORD, OTHER]})
    assert answer.status_code == 200, answer.text
    native = shared.post("/predict/credit-risk", json=[RECORD, OTHER]).json()["predictions"]
    assert answer.json() == {
        "predictions": [
            {
                "prediction": row["prediction"],
                "probabilities": list(row["probabilities"].values()),
                "score": row["score"],
            }
            for row in native
        ]
    }


def test_columns_are_answered_column_by_column(shared: httpx.Client) -> None:
    for columns in (
        {"age": [30, 60], "grade": ["A", "B"]},
        {"age": [[30], [60]], "grade": [["A"], ["B"]]},
        {"age": [30, 60], "grade": [{"b64": "QQ=="}, {"b64": "Qg=="}]},
    ):
        outputs = shared.post(f"{V1}:predict", json={"inputs": columns}).json()["outputs"]
        assert outputs["prediction"] == ["bad", "good"]
        assert [len(row) for row in outputs["probabilities"]] == [2, 2]
        assert [max(row) for row in outputs["probabilities"]] == [
            row[0] if label == "bad" else row[1]
            for row, label in zip(outputs["probabilities"], outputs["prediction"], strict=True)
        ]


def test_the_model_tells_of_itself(shared: httpx.Client) -> None:
    assert shared.get("/v1/models").json() == {"models": ["credit-risk", "credit"]}
    status = shared.get(V1).json()
    assert (status["name"], status["ready"]) == ("credit", True)
    assert status["model_version_status"] == [
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
    about = shared.get(f"{V1}/versions/1/metadata").json()
    assert about["model_spec"] == {"name": "credit", "signature_name": "", "version": "1"}
    signature = about["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["age"] == {
        "dtype": "DT_INT64",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
        "name": "age",
    }
    assert [size["size"] for size in signature["outputs"]["probabilities"]["tensor_shape"]["dim"]] == ["-1", "2"]


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, {"instances": []}, {"instances": RECORD}, {"instances": [[30, "A"]]}, {"instances": [3]},
        {"instances": [RECORD], "inputs": {"age": [30], "grade": ["A"]}}, {"inputs": {}}, {"inputs": [RECORD]},
        {"inputs": {"age": [1, 2], "grade": ["A"]}}, {"inputs": {"age": 30, "grade": "A"}},
        {"inputs": {"age": [], "grade": []}}, {"instances": [RECORD], "signature_name": "other"},
        {"instances": [RECORD], "extra": 1}, {"instances": [RECORD], "parameters": {"deep": True}},
        {"instances": [RECORD], "parameters": {"explain": "yes"}}, {"instances": [{**RECORD, "grade": {"b64": "?"}}]},
        {"instances": [{**RECORD, "grade": {"b64": "/w=="}}]}, {"instances": [{**RECORD, "age": [30, 31]}]},
        {"instances": [{"age": 30}]}, {"instances": [{**RECORD, "oops": 1}]},
    ],
)  # fmt: skip
def test_other_shapes_are_refused(shared: httpx.Client, body: object) -> None:
    answer = shared.post(f"{V1}:predict", json=body)
    assert answer.status_code == 400, answer.text
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/models/other:predict", 404), ("POST", f"{V1}/versions/9:predict", 404),
        ("POST", f"{V1}/labels/challenger:predict", 404), ("POST", f"{V1}:classify", 404), ("POST", f"{V1}:", 404),
        ("GET", f"{V1}:predict", 405), ("POST", V1, 405), ("GET", f"{V1}/versions/9", 404),
        ("GET", f"{V1}/versions/1", 200), ("GET", f"{V1}/labels/champion", 200), ("GET", f"{V1}/nothing", 404),
        ("GET", f"{V1}/metadata", 200), ("HEAD", V1, 200), ("POST", f"{V1}/metadata:predict", 404),
    ],
)  # fmt: skip
def test_routes(shared: httpx.Client, method: str, path: str, status: int) -> None:
    body = {"instances": [RECORD]} if method == "POST" else None
    answer = shared.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.json()["error"]


def test_numbers_are_finite_shares(shared: httpx.Client) -> None:
    rows = shared.post(f"{V1}:predict", json={"instances": [RECORD] * 50}).json()["predictions"]
    assert all(math.isclose(sum(row["probabilities"]), 1.0) for row in rows)
    assert len({str(row) for row in rows}) == 1
