"""The document of a scoring server: true of its routes, and of what its model takes and answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

EXAMPLES = int(os.environ.get("NORIA_FUZZ", "10"))
"""Inputs for each operation."""

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
KNOWN = """
[[operations]]
include-path-regex = ".*versions.*"
parameters = { "path.version" = "1" }
[[operations]]
include-path-regex = ".*labels/{label}.*"
parameters = { "path.label" = "champion" }
"""
RECORD = {"age": 30, "grade": "A"}


def validator(document: dict[str, object], name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def test_every_route_is_there_and_none_else(shared: httpx.Client) -> None:
    document = shared.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        asked = path.replace("{version}", "1").replace("{label}", "champion")
        for method in operations:
            answer = shared.request(method, asked, content=b"" if method == "post" else None)
            assert answer.status_code not in (404, 405), (method, path)
        other = "get" if "post" in operations else "post"
        assert shared.request(other, asked).status_code == 405, path
    for route in shared.get("/").json()["routes"]:
        if route not in ("/v2/",):  # the other spelling of /v2
            assert route in document["paths"]


def test_rows_are_as_the_signature_says(shared: httpx.Client) -> None:
    row = validator(shared.get("/openapi.json").json(), "Record")
    for record in (RECORD, {"age": 30.0, "grade": None}, {**RECORD, "id": 7}, {"age": 99, "grade": "B"}):
        assert row.is_valid(record)
        assert shared.post("/predict/credit-risk", json=record).status_code == 200
    for record in ({"age": 30}, {"age": "30", "grade": "A"}, {"age": 30.5, "grade": "A"}, {**RECORD, "oops": 1},
                   {"age": 30, "grade": "Z"}, {"age": None, "grade": "A"}, {"age": True, "grade": "A"}):  # fmt: skip
        assert not row.is_valid(record)
        assert shared.post("/predict/credit-risk", json=record).status_code == 400


def test_answers_are_as_it_says(shared: httpx.Client) -> None:
    document = shared.get("/openapi.json").json()
    answered = shared.post("/predict/credit-risk?explain=true", json=[RECORD, {"age": 99, "grade": None}]).json()
    for prediction in answered["predictions"]:
        validator(document, "Prediction").validate(prediction)
    tensors = {"inputs": [{"name": n, "shape": [1], "datatype": d, "data": [v]} for n, d, v in
                          (("age", "INT64", 30), ("grade", "BYTES", "A"))]}  # fmt: skip
    for tensor in (*tensors["inputs"], *shared.post("/v2/models/credit/infer", json=tensors).json()["outputs"]):
        validator(document, "Tensor").validate(tensor)
    refused = shared.post("/predict/credit-risk", json={"age": 30}).json()
    validator(document, "Error").validate(refused)


@pytest.mark.parametrize(
    ("config", "checks", "only"),
    [
        ("", CHECKS, "."),
        (KNOWN, CHECKS, "."),
        ("", "positive_data_acceptance", "/predict/"),
    ],
    ids=["whatever is asked for", "what is there is asked for", "what the signature allows is answered"],
)
def test_the_document_is_kept_to(shared: httpx.Client, tmp_path: Path, config: str, checks: str, only: str) -> None:
    (tmp_path / "schemathesis.toml").write_text(config)
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        *("--config-file", "schemathesis.toml", "run", f"{shared.base_url}/openapi.json", "--no-color"),
        *("--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--checks", checks),
        *("--continue-on-failure", "--generation-deterministic", "--include-path-regex", only),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"([\d,]+) generated, ([\d,]+) passed", done.stdout)
    assert counted, done.stdout
    assert counted[1] == counted[2]
    assert int(counted[1].replace(",", "")) > EXAMPLES * (10 if only == "." else 1)
