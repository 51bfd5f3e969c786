"""The pinned libraries are enough to answer with, and nothing of the workshop is among them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pytest

from noria.deployment.requirements import closure, pins
from noria.errors import MissingExtra
from noria.serving.bundle import Bundle

# A server in a process that can import nothing but the standard library, noria, and what is pinned.
ALONE = """
import json, sys, threading, urllib.request
from importlib.metadata import packages_distributions
pinned = set(json.loads(sys.argv[1])) | {"noria"}
normal = lambda name: name.lower().replace("_", "-").replace(".", "-")
owners = {top: {normal(name) for name in names} for top, names in packages_distributions().items()}
class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in owners and not owners[top] & pinned:
            raise ModuleNotFoundError(f"No module named {top!r}: it is not pinned", name=top)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from noria.serving.platform import Platform
from noria.serving.standalone import BundleServer
ready = threading.Event()
server = BundleServer(Platform(Path(sys.argv[2]), port=0, log=sys.argv[3]), on_ready=lambda _: ready.set())
thread = threading.Thread(target=server.run)
thread.start()
assert ready.wait(120)
body = json.dumps(json.loads(urllib.request.urlopen(server.url).read())["example"]).encode()
asked = urllib.request.Request(server.url + "/predict/credit-risk", body, {"Content-Type": "application/json"})
print(urllib.request.urlopen(asked).status, file=sys.stderr)
server.stop()
thread.join()
"""


def alone(bundle: Bundle, folder: Path, names: Iterable[str]) -> subprocess.CompletedProcess[str]:
    bundle.write(folder / "bundle")
    arguments = [json.dumps(list(names)), str(folder / "bundle"), "stdout"]
    return subprocess.run([sys.executable, "-c", ALONE, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "engine"), [("bundle", "plan"), ("uncompiled", "sklearn"), ("mean_of_two", "lightgbm+sklearn")]
)
def test_a_server_needs_nothing_else(name: str, engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    bundle: Bundle = request.getfixturevalue(name)
    assert bundle.scorer().engine == engine
    done = alone(bundle, tmp_path, (pin.partition("==")[0] for pin in pins(engine)))
    assert (done.returncode, done.stderr.strip()) == (0, "200"), done.stderr
    assert json.loads(done.stdout)["version"] == 1


def test_without_one_of_them_it_does_not_start(bundle: Bundle, tmp_path: Path) -> None:
    done = alone(bundle, tmp_path, (name for name in closure(["numpy", "scikit-learn"])))
    assert "is not pinned" in done.stderr


def test_they_are_plain_lines_of_what_is_installed() -> None:
    found = pins("lightgbm")
    assert list(found) == sorted(found, key=str.lower)
    for pin in found:
        name, _, pinned = pin.partition("==")
        assert version(name) == pinned
    names = {pin.partition("==")[0] for pin in found}
    assert {"lightgbm", "numpy", "scikit-learn", "joblib"} <= names
    assert not names & {"duckdb", "pydantic", "alembic", "rich", "jinja2", "pytest", "openpyxl"}


def test_a_compiled_model_needs_no_library_of_the_field() -> None:
    names = {pin.partition("==")[0] for pin in pins("plan")}
    assert not names & {"pandas", "pyarrow", "scikit-learn", "scipy", "skops", "lightgbm"}


def test_a_library_that_is_not_here() -> None:
    with pytest.raises(MissingExtra, match="no-such-library"):
        closure(["no-such-library"])
