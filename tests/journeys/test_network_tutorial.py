"""The tutorial on networks, command by command: what it shows is what it does."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from typed import Shell

from noria.runs.curves import read_curve
from noria.server.pages.series import of_one_run
from noria.workspace import Workspace

pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("keras") is None or find_spec("tensorflow") is None, reason="the keras extra"),
]

ONNX = find_spec("onnx") is not None and find_spec("onnxruntime") is not None
EXPORT = "noria models export"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Type the page, the server of the container included."""
    with Shell(tmp_path_factory.mktemp("network")) as shell:
        shell.walk("network.md", leave=lambda line: line.startswith(EXPORT) and not ONNX)
        yield shell


@pytest.fixture(scope="module")
def walked(walk: Shell) -> Path:
    return walk.here


def test_the_run_ends_as_shown(walk: Shell) -> None:
    told = walk.last("noria run").out
    assert re.search(r"two_layers\S* wins of 3 candidates, 3 of them judged on every fold \(2 trials\)", told)
    assert re.search(r"compiled: equal to its library within \S+ on 102 held-out rows", told)


def test_the_curves_are_in_the_run_and_on_its_page_and_stay_with_the_version(walked: Path) -> None:
    workspace = Workspace(walked)
    version = workspace.registry.resolve("champion", model="diagnosis")
    selection = json.loads(workspace.registry.file(version, "selection.json"))
    first = next(row for row in selection["table"] if row["name"] == "two_layers")
    assert version.run_id is not None
    curve = read_curve(workspace.database, version.run_id, "two_layers/val_loss")
    assert curve.step == list(range(len(first["curve"]["val_loss"])))
    assert [float(f"{value:.6g}") for value in curve.value] == first["curve"]["val_loss"]
    winner = selection["winner"]
    last = read_curve(workspace.database, version.run_id, f"{winner['name']}/final_loss")
    assert last.step == list(range(len(last.value)))
    assert len(last.value) >= winner["rounds"]
    drawn, _ = of_one_run(workspace, workspace.runs.get(version.run_id))
    assert {"two_layers/loss", "two_layers/val_loss", f"{winner['name']}/final_loss"} <= {name for name, _ in drawn}
    workspace.close()


def answers(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "answers.csv").read_text().splitlines()))


def test_the_container_holds_no_keras(walked: Path) -> None:
    lines = (walked / "build" / "requirements.txt").read_text()
    assert "numpy==" in lines
    assert not re.search("keras|tensorflow|scikit-learn|pandas", lines)
    rows = answers(walked)
    assert len(rows) == 228
    assert {row["prediction"] for row in rows} == {"benign", "malignant"}


def test_the_bundle_answers_as_the_project_does(walk: Shell, walked: Path) -> None:
    with gzip.open(walked / "data" / "stream.csv.gz", "rt") as file:
        row = next(csv.DictReader(file))
    expected = answers(walked)[0]["prediction"]
    names = [column["name"] for column in json.loads((walked / "build/bundle/signature.json").read_text())["columns"]]
    said = walk.ask(
        "http://127.0.0.1:8080/invocations", {"dataframe_records": [{name: float(row[name]) for name in names}]}
    )
    assert json.loads(said) == {"predictions": [expected]}
    assert walk.servers[-1].stop() == 0


@pytest.mark.skipif(not ONNX, reason="the onnx extra")
def test_the_network_is_exported(walk: Shell, walked: Path) -> None:
    (walked / "network.onnx").rename(walked / "first.onnx")
    told = json.loads(walk.type(walk.last(EXPORT).line + " --json").out)
    assert told["largest"] < 1e-5
    assert len(told["features"]) == 30
    assert (walked / told["file"]).stat().st_size > 1000
    again = walk.type(walk.last(EXPORT).line, status=2)
    assert "is there already" in again.out
