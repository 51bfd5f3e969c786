"""Processes are told apart and seen to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from noria.store import process
from noria.store.process import is_alive, this_process


def test_a_process_lives_until_it_ends() -> None:
    script = (
        "import sys; from noria.store.process import this_process; print(this_process(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().rstrip("\n")
        assert is_alive(name) is True
        other.kill()
        other.wait()
        assert is_alive(name) is False


def test_what_is_known_of_processes_elsewhere() -> None:
    host, boot, namespace, pid, started = this_process().split(" ")
    assert is_alive(this_process()) is True
    assert is_alive(f"{host} {boot} {namespace} {pid} 1") is False  # the id was given out again
    assert is_alive(f"{host} other {namespace} {pid} {started}") is False  # from before the restart
    assert is_alive(f"elsewhere {boot} {namespace} {pid} 1") is None
    assert is_alive(f"{host} {boot} pid:[1] {pid} 1") is None  # in another container
    assert is_alive("") is None
    assert is_alive(f"{host} {boot} {namespace} nonsense 1") is None


def test_a_dead_child_that_nobody_has_asked_after_is_gone() -> None:
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read()
        place = " ".join(this_process().split(" ")[:3])
        while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            pass
        born = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        assert is_alive(f"{place} {child.pid} {born}") is False


def test_without_proc_the_id_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_started", lambda pid: "")
    with subprocess.Popen(["true"]) as child:
        child.wait()
    name = this_process()
    assert is_alive(name) is True
    place = " ".join(name.split(" ")[:3])
    assert is_alive(f"{place} {child.pid} ") is False
