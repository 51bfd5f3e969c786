"""Keras on the backend that is asked for, and words where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from noria.errors import MissingExtra, WorkFailed
from noria.training import backend as backends
from noria.training.backend import BACKENDS, Backend, backend_distribution, backend_version, open_keras

ROOT = Path(__file__).parent.parent.parent
FIT = """
import sys
import numpy as np
from noria.registry.keras import archive_of, check
from noria.training.backend import open_keras
from noria.training.family import Fitting
from noria.training.keras import KerasMLP

backend = sys.argv[1]
X = np.random.default_rng(0).normal(size=(200, 4))
y = X[:, 0] - 0.5 * X[:, 1]
made = [KerasMLP({"hidden": (16,)}, Fitting("regression", 3, rounds=12), backend=backend).fit(X, y) for _ in range(2)]
assert open_keras(backend).config.backend() == backend
archives = [archive_of(one.model) for one in made]
assert archives[0] == archives[1], "not the same bytes"
assert check(archives[0]) == [(16, "relu"), (1, "linear")]
error = float(np.mean((made[0].predict(X) - y) ** 2))
assert error < 0.5 * float(np.var(y)), error
print("fitted on", backend)
"""


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_backend_fits_the_same_network_twice(backend: Backend) -> None:
    python = sys.executable if find_spec(backend) else str(ROOT / ".venv-backends" / "bin" / "python")
    for module, there in (("keras", find_spec("keras") is not None), (backend, Path(python).is_file())):
        if not there:
            pytest.skip(f"{module} is not installed")
    # What a person has set elsewhere has no say.
    environ = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [python, "-c", FIT, backend], capture_output=True, text=True, timeout=600, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"fitted on {backend}"


def test_a_missing_backend_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda module: None if module == "jax" else module)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    with pytest.raises(MissingExtra) as caught:
        open_keras("jax")
    assert caught.value.what == "a network on jax needs jax, which is not installed"
    assert 'pip install "keras>=3.15.1" jax' in caught.value.mend
    assert caught.value.code == "N-TRAIN-080"


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("keras") is None or find_spec("tensorflow") is None, reason="the keras extra")
def test_a_process_keeps_its_backend() -> None:
    open_keras("tensorflow")
    with pytest.raises(WorkFailed) as caught:
        open_keras("jax")
    assert caught.value.what == "Keras runs on tensorflow in this process, and jax is asked for"
    assert open_keras("jax", strict=False).config.backend() == "tensorflow"


def test_what_answers_a_network_here_is_installed() -> None:
    if any(backend_version(each) for each in BACKENDS):
        assert backend_distribution() in ("tensorflow-cpu", "tensorflow", "torch", "jax")
    else:
        assert backend_distribution() == "tensorflow-cpu"
    assert backend_version("no such backend") == ""
