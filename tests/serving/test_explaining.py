"""Explanations asked for in each protocol are the same, and sum to what was answered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    pass

RECORD = {"age": 30, "grade": "A"}
OTHER = {"age": 60, "grade": None}


def log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def asked_natively(client: httpx.Client) -> list[dict[str, object]]:
    body = {"records": [RECORD, OTHER], "explain": True}
    rows = client.post("/predict/credit-risk", json=body).json()["predictions"]
    return [row["explanation"] for row in rows]


def test_they_sum_to_the_log_odds_of_the_score(shared: httpx.Client) -> None:
    answer = shared.post("/predict/credit-risk?explain=true", json=[RECORD, OTHER])
    for row in answer.json()["predictions"]:
        explanation = row["explanation"]
        assert set(explanation) == {"base", "contributions", "of", "class"}
        assert (explanation["of"], explanation["class"]) == ("log-odds", "bad")
        assert set(explanation["contributions"]) == {"age", "grade"}
        margin = math.fsum([explanation["base"], *explanation["contributions"].values()])
        assert margin == pytest.approx(log_odds(row["score"]), rel=1e-9)
    assert "explanation" not in shared.post("/predict/credit-risk?explain=false", json=RECORD).json()["predictions"][0]


def test_every_protocol_says_the_same(shared: httpx.Client) -> None:
    native = asked_natively(shared)
    v1 = shared.post("/v1/models/credit:explain", json={"instances": [RECORD, OTHER]}).json()
    assert v1["explanations"] == native
    assert [row["prediction"] for row in v1["predictions"]] == ["bad", "good"]
    vertex = {"instances": [RECORD, OTHER], "parameters": {"explain": True}}
    assert shared.post("/v1/models/credit:predict", json=vertex).json()["explanations"] == native
    v2 = {
        "parameters": {"explain": True},
        "inputs": [
            {"name": "grade", "shape": [2], "datatype": "BYTES", "data": ["A", None]},
            {"name": "age", "shape": [2], "datatype": "INT64", "data": [30, 60]},
        ],
        "outputs": [{"name": "score"}],
    }
    outputs = {one["name"]: one for one in shared.post("/v2/models/credit/infer", json=v2).json()["outputs"]}
    assert set(outputs) == {"score", "contributions", "base", "explained"}
    assert outputs["contributions"]["shape"] == [2, 2]
    assert outputs["contributions"]["parameters"] == {"of": "log-odds"}
    names = [one["name"] for one in shared.get("/v2/models/credit").json()["inputs"]]
    parts = [one["contributions"][name] for one in native for name in names]  # type: ignore[index]
    assert outputs["contributions"]["data"] == parts
    assert outputs["base"]["data"] == [one["base"] for one in native]
    assert outputs["explained"]["data"] == ["bad", "bad"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/predict/credit-risk?explain=maybe", [RECORD], 400),
        ("/predict/credit-risk?explain=true&explain=false", [RECORD], 400),
        ("/predict/credit-risk", {"records": [RECORD], "explain": 1}, 400),
        ("/predict/credit-risk?explain=true", [RECORD] * 101, 413),
        ("/v1/models/credit:explain", {"instances": [RECORD] * 101}, 413),
        ("/predict/credit-risk?explain=true", [{"age": 30}], 400),
        ("/predict/credit-risk?other=1", [RECORD], 200),
        ("/predict/credit-risk?explain=true", [RECORD] * 100, 200),
    ],
)
def test_what_may_be_asked(shared: httpx.Client, path: str, body: object, status: int) -> None:
    answer = shared.post(path, json=body)
    assert answer.status_code == status, answer.text
