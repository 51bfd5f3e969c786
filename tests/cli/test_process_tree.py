"""The supervisor: starts again what dies, ends everything, and leaves nothing when it is killed itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.cli.process_tree import Child, ProcessTree, backoff_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 90.0


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; how long it takes is not judged."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def running(tree: ProcessTree, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=tree.run, args=(stop,))
    thread.start()
    return thread


def test_a_child_that_dies_is_started_again_and_it_is_said() -> None:
    said: list[str] = []
    tree = ProcessTree([Child("brief", ("sh", "-c", "echo here; exit 3"))], say=said.append)
    stop = threading.Event()
    thread = running(tree, stop)
    until(lambda: said.count("brief: here") >= 2)
    stop.set()
    thread.join()
    assert "brief ended with status 3; it is started again in 0.5 s" in said
    assert not tree.pids()


def test_stopping_ends_a_child_that_will_not_and_its_own_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"trap '' TERM; sleep 1000 & echo $! > {note}.tmp; mv {note}.tmp {note}; wait; sleep 1000"
    said: list[str] = []
    tree = ProcessTree([Child("stubborn", ("sh", "-c", script))], say=said.append, stop_seconds=0.3)
    stop = threading.Event()
    thread = running(tree, stop)
    until(note.exists)
    grandchild = int(note.read_text())
    child = tree.pids()["stubborn"]
    stop.set()
    thread.join()
    assert not alive(child)
    until(lambda: not alive(grandchild))
    assert said == ["stubborn did not end in 0 s and is killed"]


def test_a_polite_child_is_asked_and_waited_for(tmp_path: Path) -> None:
    done, ready = tmp_path / "done", tmp_path / "ready"
    script = f"trap 'touch {done}; exit 0' TERM; touch {ready}; while true; do sleep 0.05; done"
    said: list[str] = []
    tree = ProcessTree([Child("polite", ("sh", "-c", script))], say=said.append)
    stop = threading.Event()
    thread = running(tree, stop)
    until(ready.exists)
    stop.set()
    thread.join()
    assert done.exists()
    assert said == []


def test_it_tells_once_that_a_child_is_ready() -> None:
    told: list[str] = []
    tree = ProcessTree([Child("steady", ("sleep", "1000"), ready=lambda: True)], say=print)
    stop = threading.Event()

    def ready(name: str) -> None:
        told.append(name)
        threading.Timer(0.3, stop.set).start()

    thread = threading.Thread(target=tree.run, args=(stop,), kwargs={"on_ready": ready})
    thread.start()
    thread.join()
    assert told == ["steady"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_nothing_is_left_when_the_supervisor_is_killed() -> None:
    program = """
import threading
from noria.cli.process_tree import Child, ProcessTree
tree = ProcessTree([Child("one", ("sleep", "1000")), Child("two", ("sleep", "1000"))], say=print)
def report():
    import time
    while len(tree.pids()) < 2: time.sleep(0.02)
    time.sleep(0.5)  # until the children have made their wish to the kernel
    print(*tree.pids().values(), flush=True)
threading.Thread(target=report, daemon=True).start()
tree.run(threading.Event())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(text) for text in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        # The launcher turns into the command once its wish is made.
        until(lambda: all(Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep") for pid in pids))
        supervisor.send_signal(signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids))


def test_waiting_grows_and_stays_bounded() -> None:
    waits = [backoff_seconds(failures) for failures in range(1, 200)]
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
