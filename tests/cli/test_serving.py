"""``noria serve`` as people start it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = '[project]\nname = "credit"\n[data]\nsource = "data.csv"\ntarget = "status"\n[deploy]\nendpoint = "risk"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "noria.toml").write_text(PROJECT)
    (tmp_path / "data.csv").write_text("a,status\n1,x\n2,y\n")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "noria", "serve", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


def test_it_tells_where_it_is_and_ends_quietly(folder: Path) -> None:
    child = start(folder, "--port", "0")
    assert child.stdout is not None
    first = child.stdout.readline()
    assert first.startswith("serving credit@champion at http://127.0.0.1:")
    assert "/predict/risk" in first
    url = first.split(" at ")[1].split()[0]
    request = urllib.request.Request(url, json.dumps({"a": 1}).encode(), {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 503
    assert "no champion yet" in json.loads(refused.value.read())["error"]
    refused.value.close()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "noria models promote" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--host", "0.0.0.0"), 5, "will not listen on 0.0.0.0"),
        (("--port", "70000"), 2, "is not a port"),
        (("--port", "x"), 2, "not a valid integer"),
    ],
)
def test_what_it_will_not_do(folder: Path, arguments: tuple[str, ...], status: int, told: str) -> None:
    child = start(folder, *arguments)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (status, "")
    assert told in err
    assert "Traceback" not in err


def test_a_taken_port(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        child = start(folder, "--port", str(port))
        _, err = child.communicate(timeout=60)
    assert child.returncode == 4
    assert f"port {port} on 127.0.0.1 is in use" in err
    assert f"--port {port + 1}" in err
