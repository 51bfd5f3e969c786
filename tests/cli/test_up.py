"""``noria up``: one process tree that starts, refuses a second, stops cleanly, and leaves nothing when it is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.project.example import example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 90.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which nothing has run."""
    import shutil

    return shutil.copytree(example("credit").folder, tmp_path_factory.mktemp("up") / "credit")


@pytest.fixture
def up(root: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, running and ready."""
    process = start(root)
    until(lambda: "ready" in lines(root) or process.poll() is not None)
    assert process.poll() is None, "\n".join(lines(root))
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def start(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "noria", "up", "--port", "0", "--scorer-port", "0", "--every", "1s"]
    with (root / "up.log").open("w") as log:
        return subprocess.Popen(command, cwd=root, stdout=log, stderr=log, text=True)


def lines(root: Path) -> list[str]:
    return (root / "up.log").read_text().splitlines()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def descendants(pid: int) -> set[int]:
    """Every live process below one, by the kernel's own account."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    found: set[int] = set()
    wave = {pid}
    while wave:
        wave = {child for child, parent in parents.items() if parent in wave}
        found |= wave
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_runs_refuses_a_second_and_stops_cleanly(root: Path, up: subprocess.Popen[str]) -> None:
    urls = json.loads((root / ".noria" / "up.json").read_text())
    with urllib.request.urlopen(f"{urls['pages']}/") as page:
        assert "noria run" in page.read().decode()
    children = descendants(up.pid)
    assert len(children) == 3

    second = subprocess.run(
        [sys.executable, "-m", "noria", "up", "--port", "0"], cwd=root, capture_output=True, text=True, check=False
    )
    assert second.returncode == 4
    assert f"with its pages at {urls['pages']}" in second.stderr
    assert f"process {up.pid} holds the lock" in second.stderr
    assert "mend:" in second.stderr
    assert "Traceback" not in second.stderr

    up.send_signal(signal.SIGINT)
    assert up.wait(timeout=120) == 0
    assert not any(alive(child) for child in children)
    assert lines(root)[-1] == "stopped"
    assert not (root / ".noria" / "up.json").exists()
    assert not any("Traceback" in line for line in lines(root))


def test_a_child_that_dies_is_started_again(root: Path, up: subprocess.Popen[str]) -> None:
    children = descendants(up.pid)
    loop = next(pid for pid in children if b"noria.cli.turning" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(loop, signal.SIGKILL)
    until(lambda: any("loop was ended by SIGKILL; it is started again" in line for line in lines(root)))
    until(lambda: len(descendants(up.pid)) == 3)
    assert loop not in descendants(up.pid)
    up.send_signal(signal.SIGTERM)
    assert up.wait(timeout=120) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_nothing_is_left_when_it_is_killed(root: Path, up: subprocess.Popen[str]) -> None:
    children = descendants(up.pid)
    up.kill()
    up.wait()
    until(lambda: not any(alive(child) for child in children))
    # The lock died with it.
    again = start(root)
    until(lambda: "ready" in lines(root) or again.poll() is not None)
    again.send_signal(signal.SIGINT)
    assert again.wait(timeout=120) == 0


def test_a_taken_port_is_told_before_anything_starts(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for option in ("--port", "--scorer-port"):
            other = {"--port": "--scorer-port", "--scorer-port": "--port"}[option]
            refused = subprocess.run(
                [sys.executable, "-m", "noria", "up", option, port, other, "0"],
                cwd=root, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert refused.returncode == 4
            assert f"port {port} on 127.0.0.1 is in use" in refused.stderr
            assert f"noria up {option}" in refused.stderr
            assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--host", "0.0.0.0"), 5, "will not listen on 0.0.0.0"),
        (("--every", "often"), 2, "often"),
        (("--port", "8801", "--scorer-port", "8801"), 2, "cannot both listen"),
        (("--port", "99999"), 2, "99999"),
    ],
)
def test_what_cannot_be_is_told_with_its_mend(root: Path, arguments: tuple[str, ...], status: int, told: str) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "noria", "up", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    assert refused.returncode == status
    assert told in refused.stderr
    assert "mend:" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_outside_a_project(tmp_path: Path) -> None:
    for command in ("up", "ui"):
        refused = subprocess.run(
            [sys.executable, "-m", "noria", command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 3
        assert "noria init" in refused.stderr
