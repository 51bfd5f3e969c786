"""Clients that others wrote, unmodified: Triton's, KServe's and MLflow's ask noria's server and get its answers.

They run in environments of their own: ``make .venv-clients/.ready .venv-mlflow/.ready``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import House

pytest.importorskip("grpc")
pytest.importorskip("google.protobuf")

HERE = Path(__file__).parent / "foreign"
ROOT = HERE.parents[2]
RECORDS = [{"age": 30, "grade": "A"}, {"age": 60, "grade": "B"}]
SIGNS_OF_NORIA = ("row 0, column 'grade'", "the endpoint here is 'credit-risk'", "row 0, column 'grade'")


@dataclass(frozen=True)
class Place:
    """Where a server listens, and what it says to its own protocol."""

    http: str
    grpc: str
    labels: list[str]
    probabilities: list[float]

    def asked_by(self, script: str, environment: str) -> Any:
        """Let a client ask, in its own environment; give what it printed."""
        python = ROOT / environment / "bin" / "python"
        if not python.exists():
            make = f"make {environment}/.ready"
            if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
                pytest.fail(f"the client is not here ({make})")
            pytest.skip(f"the client is not here ({make})")
        done = subprocess.run(
            [python, HERE / script, self.http, self.grpc], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def place(promoted: House) -> Iterator[Place]:
    with promoted.serving(grpc_port=0) as (server, client):
        assert server.grpc is not None
        said = client.post("/predict/credit-risk", json=RECORDS).json()["predictions"]
        yield Place(
            server.url.removeprefix("http://"),
            f"127.0.0.1:{server.grpc.port}",
            [row["prediction"] for row in said],
            [share for row in said for share in row["probabilities"].values()],
        )


def test_triton(place: Place) -> None:
    found = place.asked_by("triton.py", ".venv-clients")
    assert found["ready"] == [True, True]
    assert found["inputs"] == [["age", "grade"]] * 2
    assert found["answers"] == [[place.labels, place.probabilities]] * 4
    assert all(sign in said for sign, said in zip(SIGNS_OF_NORIA, found["refused"], strict=True)), found["refused"]


def test_kserve(place: Place) -> None:
    found = place.asked_by("kserve_inference.py", ".venv-clients")
    assert found["ready"] == [True] * 7
    assert found["answers"] == [[place.labels, place.probabilities]] * 4
    assert [row["prediction"] for row in found["v1"]] == place.labels


def test_mlflow(place: Place) -> None:
    found = place.asked_by("mlflow_scoring.py", ".venv-mlflow")
    assert found["answers"] == place.labels
    assert "row 0, column 'grade'" in found["refused"]
