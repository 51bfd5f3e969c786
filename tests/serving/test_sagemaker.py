"""What SageMaker sends and reads, beside what MLflow does."""

from __future__ import annotations

import httpx
import pytest

ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
RECORD = {"age": 30, "grade": "A"}
BODY = {"instances": [RECORD, {"age": 60, "grade": "B"}]}


def test_custom_attributes_come_back(shared: httpx.Client) -> None:
    for trace in ("trace=7", "c000b4f9-df62-4c85-a0bf-7c525f9104a4", "x" * 1024):
        answer = shared.post("/invocations", json=BODY, headers={ATTRIBUTES: trace})
        assert (answer.status_code, answer.headers[ATTRIBUTES]) == (200, trace)
    assert ATTRIBUTES not in shared.post("/invocations", json=BODY).headers


@pytest.mark.parametrize("value", [b"x" * 1025, b"\xc3\xa9", b"a\tb"])
def test_custom_attributes_are_visible_ascii(shared: httpx.Client, value: bytes) -> None:
    answer = shared.post("/invocations", json=BODY, headers=[(ATTRIBUTES.encode(), value)])
    assert answer.status_code == 400
    assert ATTRIBUTES not in answer.headers


def test_a_transform_job_gets_a_line_for_each_line(shared: httpx.Client) -> None:
    head = {"content-type": "text/csv", "accept": "text/csv", ATTRIBUTES: "job=3"}
    answer = shared.post("/invocations", content="age,grade\n30,A\n60,B\n", headers=head)
    assert answer.text == "bad\ngood\n"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers[ATTRIBUTES] == "job=3"
    assert shared.post("/invocations", json=BODY, headers={"accept": "text/csv"}).text == "bad\ngood\n"
    for accept in ("*/*", "application/json", "text/html,text/csv"):
        assert shared.post("/invocations", json=BODY, headers={"accept": accept}).json() == {
            "predictions": ["bad", "good"]
        }


def test_ping_says_nothing_more(shared: httpx.Client) -> None:
    assert (shared.get("/ping").status_code, shared.get("/ping").content) == (200, b"")
