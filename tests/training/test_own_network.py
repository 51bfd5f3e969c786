"""Networks of the user's own as the project file names them; what is asked of them before Keras is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from noria.errors import MissingExtra, WrongSetting
from noria.training import families
from noria.training.own_network import own_network
from noria.training.settings import ModelSettings

sys.path.insert(0, str(Path(__file__).parent))
from networks import GOOD


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets_here.py").write_text(GOOD + "\n\nWIDTH = 3\n\n\ndef build(meta):\n    return None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "nets_here", raising=False)
    return tmp_path


def test_a_family_is_called_after_its_function_and_has_its_space(nets: Path) -> None:
    found = own_network({"build": "nets_here:wide", "params": {"rate": 0.2}, "space": {"width": [8, 16]}})
    assert (found.name, found.encoding, found.modules) == ("wide", "linear", ("keras", "tensorflow"))
    assert list(found.space) == ["width"]
    assert own_network({"build": "nets_here:build"}).name == "nets_here"
    assert own_network({"build": "nets_here:build", "name": "mine"}).name == "mine"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"build": "nets_here:wide", "spce": {}}, "no key 'spce'"),
        ({"build": "nets_here:wider"}, "has no 'wider'"),
        ({"build": "nowhere_at_all:wide"}, "cannot be imported"),
        ({"build": "nets_here"}, "gives build = 'nets_here'"),
        ({"build": "nets_here:WIDTH"}, "is no function"),
        ({"build": "nets_here:wide", "params": {"depth": 3}}, "takes no parameter 'depth'"),
        ({"build": "nets_here:wide", "space": {"depth": [3]}}, "takes no parameter 'depth'"),
        ({"build": "nets_here:wide", "encoding": "raw"}, "encoding = 'raw'"),
        ({"build": "nets_here:wide", "space": [1]}, "are tables"),
    ],
)
def test_what_is_written_wrong_is_told(nets: Path, written: dict[str, object], says: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        own_network(written)
    assert says in caught.value.what
    assert caught.value.code == ("N-TRAIN-083")


def test_the_project_file_knows_networks() -> None:
    settings = ModelSettings.model_validate(
        {"candidates": ["ridge", {"build": "a.b:c", "encoding": "tree"}, {"class": "d:E"}], "keras_backend": "jax"}
    )
    assert settings.trusted_types == ("d.E",)
    with pytest.raises(ValueError, match="encoding"):
        ModelSettings.model_validate({"candidates": [{"build": "a:b", "encoding": "raw"}]})
    with pytest.raises(ValueError, match="class"):
        ModelSettings.model_validate({"candidates": [{"build": "a:b", "class": "c:D"}]})


def test_a_backend_that_is_missing_is_named_with_what_to_install(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "find_spec", lambda module: None if module == "jax" else module)
    with pytest.raises(MissingExtra) as caught:
        families.resolve([{"build": "nets_here:wide"}], "regression", backend="jax")
    assert caught.value.what == "candidate 'wide' needs libraries that are not installed: jax"
    assert 'pip install "keras>=3.15.1" jax' in caught.value.mend


def test_naming_a_network_loads_no_keras(nets: Path) -> None:
    code = (
        "import sys\n"
        "from noria.training.families import resolve\n"
        "resolve(['ridge', 'boosting'], 'regression')\n"
        "from noria.training.own_network import own_network\n"
        "own_network({'build': 'nets_here:wide'})\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=nets, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
