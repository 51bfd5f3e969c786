"""``noria deploy`` as people type it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from noria.cli.main import main
from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.scoring.learning import learn
from noria.serving.bundle import Bundle
from noria.training.model import TabularModel
from noria.workspace import Workspace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = [("age", "int")]
PROJECT = '[project]\nname = "wages"\n[data]\nsource = "d.csv"\ntarget = "wage"\n[deploy]\nendpoint = "pay"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with versions 1 (the champion) and 2, and a model `other` that has no champion."""
    (tmp_path / "noria.toml").write_text(PROJECT + '[deploy.input]\nextra = "ignore"\n')
    monkeypatch.chdir(tmp_path)
    opened = Workspace.find()
    for name, seed in (("wages", 1), ("wages", 2), ("other", 3)):
        rng = np.random.default_rng(seed)
        table = pa.table({"age": rng.integers(18, 76, 50)})
        X = frame(table, COLUMNS)
        prepared = preparation(COLUMNS, encoding="linear").fit(X)
        head = LinearRegression().fit(prepared.transform(X), X["age"].to_numpy() * seed)
        model = TabularModel("regression", "linear", (("age", "number"),), prepared, head, None)  # type: ignore[arg-type]
        opened.registry.register(
            name, formats.save(model), run_id="r", dataset="d@1", data_digest="d", task="regression", family="linear",
            created=NOW, signature=learn(table, COLUMNS, task="regression", target="wage").to_json(),
        )  # fmt: skip
    opened.aliases.move("wages", "champion", 1, actor="t", reason="t", at=NOW)
    opened.close()
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["deploy", *arguments])
    return int(left.value.code or 0)


def test_the_champion_goes_where_it_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "local", "wages", "--out", "out") == 0
    told = capsys.readouterr().out
    bundle = Bundle.read(project / "out")
    assert (bundle.version.ref, bundle.endpoint) == ("wages@1", "pay")
    assert bundle.policies is not None
    assert bundle.policies.extra == "ignore"
    assert f"wages@1 for local is in out   bundle {bundle.digest[:12]}" in told
    assert "  cd out\n  python -m noria.serving --bundle .\n" in told


@pytest.mark.parametrize(("ref", "version"), [("wages@2", "wages@2"), ("2", "wages@2"), ("latest", "wages@2"),
    ("champion", "wages@1"), ("wages@latest", "wages@2"), ("other@1", "other@1")])  # fmt: skip
def test_any_version(ref: str, version: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "kubernetes", ref, "--out", "out", "--replicas", "3", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["target"], told["folder"]) == (version, "kubernetes", "out")
    assert told["bundle"] in (project / "out" / "manifests" / "deployment.yaml").read_text()
    assert "minReplicas: 3" in (project / "out" / "manifests" / "autoscaler.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("kubernets", "wages", "--out", "o"), 3, "did you mean 'kubernetes'?"),
        (("local", "wags", "--out", "o"), 3, "did you mean 'wages'?"),
        (("local", "wages@chalenger", "--out", "o"), 3, "has no alias 'chalenger'"),
        (("local", "wages@9", "--out", "o"), 3, "has no version 9"),
        (("local", "other", "--out", "o"), 3, "model other has no alias 'champion'"),
        (("local", "wages", "--out", "."), 4, "not an empty folder"),
        (("local", "wages"), 2, "missing option '--out'"),
        (("kserve", "wages", "--out", "o", "--set", "modus=x"), 2, "did you mean 'mode'?"),
        (("kserve", "wages", "--out", "o", "--set", "mode"), 2, "no KEY=VALUE"),
        (("container", "wages", "--out", "o", "--image", "A B"), 2, "cannot name an image"),
        (("container", "wages", "--out", "o", "--set", "rootfs=/nowhere"), 2, "mmdebstrap"),
    ],
)
def test_what_it_will_not_do(
    arguments: tuple[str, ...], status: int, told: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in project.iterdir())
    assert run("export", *arguments) == status
    assert told in capsys.readouterr().err
    assert sorted(path.name for path in project.iterdir()) == before


def test_the_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("kserve ") and "InferenceService" in line]
    assert [line for line in lines if line.startswith("sagemaker --set role=…")]
    assert run("targets", "--json") == 0
    told = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert told["ray"]["options"]["cpu"]["default"] == "1"
