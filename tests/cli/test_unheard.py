"""What becomes of a command whose reader leaves: real pipes, closed streams, a full device."""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from noria.workspace import Workspace

TOML = """
[project]
name = "loans"
[data]
source = "loans.csv"
target = "bad"
positive = "yes"
[model]
candidates = ["logistic"]
folds = 2
trials = 1
"""
NORIA = f"{shlex.quote(sys.executable)} -m noria"

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not here")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    chance = random.Random(1)
    (tmp_path / "noria.toml").write_text(TOML)
    lines = ["amount,bad"]
    for _ in range(300):
        bad = chance.random() < 0.4
        lines.append(f"{chance.gauss(bad, 1):.3f},{'yes' if bad else 'no'}")
    (tmp_path / "loans.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def shell(project: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, which says by PIPESTATUS how each command ended."""
    return subprocess.run(
        ["bash", "-c", command], cwd=project, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("2>&1 | head -n 1", id="the reader leaves after the first line"),
        pytest.param("2>&1 | head -n 0", id="the reader leaves at once"),
        pytest.param(">&- 2>&-", id="there never was one"),
        pytest.param("> /dev/full 2>&1", id="the disk of the log is full", marks=needs_full),
    ],
)
def test_a_run_ends_well_whoever_listens(project: Path, ending: str) -> None:
    done = shell(project, f"{NORIA} run {ending}; echo ended ${{PIPESTATUS[0]}}")
    assert "ended 0" in done.stdout
    workspace = Workspace(project)
    assert [run.status for run in workspace.runs.list(5)] == ["finished"]
    assert workspace.registry.get("loans").number == 1
    workspace.close()


def test_a_gate_that_fails_is_the_status_of_a_run_that_nobody_hears(project: Path) -> None:
    file = project / "noria.toml"
    file.write_text(file.read_text() + '[[gates]]\nmetric = "roc_auc"\nmin = 0.999\n')
    done = shell(project, f"{NORIA} run 2>&1 | head -n 1; echo ended ${{PIPESTATUS[0]}}")
    assert "ended 1" in done.stdout
    workspace = Workspace(project)
    assert [run.status for run in workspace.runs.list(5)] == ["finished"]
    workspace.close()


@pytest.mark.parametrize("command", ["data show pics --all", "data show pics --json", "schema"])
def test_a_listing_ends_quietly(project: Path, command: str) -> None:
    (project / "pics").mkdir()
    for number in range(3000):  # more than a pipe holds
        (project / "pics" / f"a_name_of_some_length_{number:06}").touch()
    assert shell(project, f"{NORIA} data add pics > /dev/null").returncode == 0
    done = shell(project, f"{NORIA} {command} 2> err | head -n 1; echo ended ${{PIPESTATUS[0]}}")
    assert done.stdout.endswith("ended 0\n")
    assert "error" not in (project / "err").read_text()
    assert "bug" not in (project / "err").read_text()


def test_a_listing_into_a_closed_stream_is_no_bug(project: Path) -> None:
    Workspace(project).runs.start("pipeline", "loans")
    for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
        done = shell(project, f"{NORIA} runs list {closed}")
        assert (done.returncode, "bug" in done.stderr) == (0, False), closed


@needs_full
def test_a_full_disk_is_told_as_such(project: Path) -> None:
    Workspace(project).runs.start("pipeline", "loans")
    done = shell(project, f"{NORIA} runs list > /dev/full")
    assert done.returncode == 1
    assert "error[N-CLI-081]: there is no room left to write" in done.stderr
    told = json.loads(shell(project, f"{NORIA} runs list --json > /dev/full").stderr)
    assert told["code"] == "N-CLI-081"


def test_the_next_processes_find_the_stream_open_but_unheard(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys\n"
        "from noria.cli.unheard import go_on_unheard\n"
        "go_on_unheard()\n"
        "for _ in range(3): print('x' * 100_000)\n"
        "done = subprocess.run([sys.executable, '-c', 'print(1, flush=True)'], check=True)\n"
        "open('reached', 'w').write(str(sys.stdout.isatty()))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "reached").read_text() == "False"
