"""The stock MLflow client loads an exported folder, without noria, and answers the same."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from noria.deployment.exporting import export, wishes
from noria.deployment.targets import named
from noria.serving.bundle import Bundle

ROOT = Path(__file__).parents[2]
RECORDS = [
    {"age": age, "income": income, "grade": grade, "member": member}
    for age in (18, 44, 75)
    for income in (1200.5, None)
    for grade in ("A", "B", None)
    for member in (0, 1)
]
CLIENT = """
import json, sys
import pandas as pd
try:
    import noria
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("noria is installed here, which proves nothing")
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pd.DataFrame(json.loads(sys.argv[2]), index=range(100, 100 + len(json.loads(sys.argv[2]))))
answer = model.predict(frame)
assert list(answer.index) == list(frame.index)
try:
    model.predict(frame.assign(grade="Z"))
    refused = ""
except Exception as error:
    refused = type(error).__name__
print(json.dumps({"answer": answer.to_dict("list"), "noria": model.metadata.flavors["noria"], "refused": refused}))
"""


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    return exported(bundle, tmp_path / "out")


def exported(bundle: Bundle, out: Path) -> Path:
    target = named("mlflow")
    export(target, bundle, out, wishes(target, bundle))
    return out


def client() -> Path:
    python = Path(os.environ.get("NORIA_TEST_MLFLOW") or ROOT / ".venv-mlflow" / "bin" / "python")
    if not python.exists():
        if os.environ.get("NORIA_REQUIRE_SERVICES") == "1":
            pytest.fail("the MLflow client is not here (make .venv-mlflow/.ready)")
        pytest.skip("the MLflow client is not here (make .venv-mlflow/.ready)")
    return python


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bundle", "uncompiled"])
def test_the_client_answers_the_same(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    bundle: Bundle = request.getfixturevalue(name)
    folder = exported(bundle, tmp_path / "out")
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [client(), "-W", "ignore", "-c", CLIENT, str(folder), json.dumps(RECORDS)],
        capture_output=True, text=True, cwd=tmp_path, env=clean,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    expected = bundle.scorer().score_table(pa.Table.from_pylist(RECORDS)).to_pydict()
    assert told["answer"] == expected, "the same bits"
    assert told["noria"]["bundle"] == bundle.digest
    assert told["refused"] == "InputRefused", "an unseen category is refused there too"


def test_the_description(folder: Path, bundle: Bundle) -> None:
    described = yaml.safe_load((folder / "MLmodel").read_text())
    inputs = {each["name"]: each["type"] for each in json.loads(described["signature"]["inputs"])}
    assert inputs == {"age": "long", "income": "double", "grade": "string", "member": "long"}
    outputs = [each["name"] for each in json.loads(described["signature"]["outputs"])]
    assert outputs == ["prediction", "score", "p.bad", "p.good", "flags"]
    function = described["flavors"]["python_function"]
    assert (folder / function["code"] / f"{function['loader_module']}.py").is_file()
    assert Bundle.read(folder / function["data"]).digest == bundle.digest


def test_it_brings_what_answers_and_no_more(folder: Path) -> None:
    brought = {path.relative_to(folder / "code").parts[1] for path in (folder / "code" / "noria").rglob("*.py")}
    assert not brought & {"cli", "server", "tracking", "automation", "workspace.py", "deployment"}
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= {
        ".py", ".json", ".skops", ".npz", ".txt", ".yaml", "",
    }, "no pickle"  # fmt: skip
