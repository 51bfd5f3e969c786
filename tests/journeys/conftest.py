"""A small project of one's own, and the real command line to turn it with."""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from warm import Warm

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 120.0

PROJECT = """\
[project]
name = "loans"

[data]
source = "loans.csv"
target = "status"
positive = "bad"
key = ["id"]

[split]
test = 0.25

[model]
candidates = ["logistic"]
metric = "roc_auc"
folds = 3
trials = 1

[[gates]]
metric = "roc_auc"
min = 0.6

[monitor]
window = "50 rows"
labels_after = "1h"
"""


@dataclass(frozen=True)
class Told:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """Standard output, which must be one JSON value."""
        return json.loads(self.out)


Noria = Callable[..., Told]


def rows(count: int, *, seed: int = 1) -> str:
    """Write loan applications as CSV: whoever is young and earns little goes bad more often."""
    chance = random.Random(seed)
    lines = ["id,age,income,grade,status"]
    for number in range(count):
        age, income, grade = chance.randint(18, 75), round(chance.gauss(3000, 900), 2), chance.choice("ABC")
        bad = age / 25 + income / 1500 + (grade == "A") + chance.gauss(0, 1) < 4.2
        shown = income if chance.random() > 0.05 else ""
        lines.append(f"{number},{age},{shown},{grade},{'bad' if bad else 'good'}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def table() -> Callable[..., str]:
    """Write a table of loans: ``table(rows, seed=1)``."""
    return rows


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A process that has loaded what commands need."""
    opened = Warm(PATIENCE)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def command(warm: Warm) -> Callable[..., Told]:
    """Run ``noria`` in a folder: ``command(folder, *arguments, environ=, powerless=)``.

    ``powerless`` takes from root what lets it write and read against a file's permissions. Without it and without an
    environment of its own the command is a fork of a warm process.
    """

    def run(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, powerless: bool = False) -> Told:
        if environ is None and not powerless:
            return Told(*warm.run(folder, arguments, os.environ))
        done = subprocess.run(
            [sys.executable, "-m", "noria", *arguments],
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            preexec_fn=_drop_powers if powerless else None,
        )
        return Told(done.returncode, done.stdout, done.stderr)

    return run


def _drop_powers() -> None:
    drop_from_bounding_set = 24
    for capability in (1, 2, 3):  # DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER: gone with the exec that follows
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, command: Callable[..., Told]) -> Path:
    """A project with two versions that passed; the first is champion. Copy it, never change it."""
    folder = tmp_path_factory.mktemp("trained") / "loans"
    folder.mkdir()
    (folder / "loans.csv").write_text(rows(240))
    (folder / "noria.toml").write_text(PROJECT)
    for arguments in (("run",), ("models", "promote", "1", "--reason", "first")):
        told = command(folder, *arguments)
        assert told.status == 0, told.err
    (folder / "noria.toml").write_text(PROJECT.replace("logistic", "svm"))
    told = command(folder, "run", "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["version"] == 2
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which nothing has run."""
    folder = tmp_path / "loans"
    folder.mkdir()
    (folder / "loans.csv").write_text(rows(240))
    (folder / "noria.toml").write_text(PROJECT)
    return folder


@pytest.fixture
def lived(trained: Path, tmp_path: Path) -> Path:
    """A copy of the project with two versions."""
    return shutil.copytree(trained, tmp_path / "lived")


@pytest.fixture
def noria(command: Callable[..., Told], request: pytest.FixtureRequest) -> Noria:
    """Run ``noria`` in this test's project."""
    wanted = "lived" if "lived" in request.fixturenames else "project"
    folder: Path = request.getfixturevalue(wanted)
    return lambda *arguments, **more: command(folder, *arguments, **more)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])
