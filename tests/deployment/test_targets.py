"""Every target keeps the contract, and targets of other packages are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from noria.deployment.target import Target
from noria.deployment.targets import TargetNotFound, named, names
from noria.errors import WrongSetting
from noria.testing.targets import TargetContract

OURS = ("local", "container", "kubernetes", "kserve", "cloudrun", "sagemaker", "vertex", "ray", "mlflow")


@pytest.mark.parametrize("name", OURS)
class TestOurs(TargetContract):
    @pytest.fixture
    def target(self, name: str) -> Target:
        return named(name)


def test_no_other_is_there() -> None:
    assert names() == OURS


def test_an_unknown_one() -> None:
    with pytest.raises(TargetNotFound, match="no deployment target 'kubernets'") as refused:
        named("kubernets")
    assert "did you mean 'kubernetes'?" in refused.value.why


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package beside noria that brings a target, and one that brings a broken one."""
    info = tmp_path / "edge-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edge\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[noria.targets]\nedge = edge_target:Edge\nbroken = no_such_module:X\nlocal = edge_target:Edge\n"
    )
    (tmp_path / "edge_target.py").write_text(
        "from noria.deployment.local import Local\nclass Edge(Local):\n    name = 'edge'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_targets_of_others(brought: Path) -> None:
    assert names() == (*OURS, "broken", "edge")
    assert named("edge").name == "edge"
    assert named("local").name == "local", "nobody takes the place of ours"
    with pytest.raises(WrongSetting, match="cannot be loaded from no_such_module:X"):
        named("broken")


def test_naming_them_loads_none() -> None:
    code = (
        "from noria.deployment.targets import names; names(); import sys; print('noria.deployment.oci' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
