"""The supervisor with small workers: what it does when they die, and that it stays small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.serving.fleet import workers_of

from noria.serving.supervisor import STARTS, backoff_seconds

if TYPE_CHECKING:
    from tests.serving.conftest import Wait

ROOT = Path(__file__).parents[2]
READY = "import json, os; told = json.loads(os.environ['NORIA_WORKER']); os.write(told['ready'], b'1'); "


def supervise(worker: str, workers: int = 2, stop_seconds: float = 12.0) -> subprocess.Popen[str]:
    code = (
        "import sys; from noria.security.bind import listen_together; "
        "from noria.serving.supervisor import Supervisor; "
        f"sockets = listen_together('127.0.0.1', 0, {workers}); "
        f"sys.exit(Supervisor([sys.executable, '-c', {worker!r}], sockets, announce='ready',"
        f" stop_seconds={stop_seconds}).run())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


def test_workers_that_never_start_are_given_up_loudly() -> None:
    child = supervise("import sys; sys.exit('no such database')")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (1, "")
    assert f"given up: workers died {STARTS} times in a row" in err
    assert err.count("no such database") >= STARTS


def test_while_one_answers_the_other_is_tried_again_and_again(wait: Wait) -> None:
    child = supervise(READY + "import signal, sys; signal.pause() if told['slot'] == 0 else sys.exit(3)")
    try:
        assert child.stderr is not None
        died = [child.stderr.readline() for _ in range(3)]
        assert all("worker 1" in line and "has died" in line for line in died)
        assert len(workers_of(child.pid)) >= 1
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
        assert child.returncode == 0
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all(number: signal.Signals) -> None:
    child = supervise(READY + "import signal; signal.pause()", workers=3)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    pids = workers_of(child.pid)
    assert len(pids) == 3
    child.send_signal(number)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_who_does_not_end_is_killed() -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY + "time.sleep(600)"
    child = supervise(stubborn, stop_seconds=0.5)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    pids = workers_of(child.pid)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_it_loads_next_to_nothing() -> None:
    code = "import sys, noria.serving.supervisor; print(len([n for n in sys.modules if n.startswith('noria')])); "
    code += "print([n for n in ('numpy', 'msgspec', 'asyncio', 'logging', 'subprocess', 'click') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.stdout.split("\n")[:2] == ["3", "[]"]


def test_it_waits_longer_from_death_to_death() -> None:
    waits = [backoff_seconds(failures) for failures in range(1, 20)]
    assert waits == sorted(waits)
    assert waits[0] < 0.1
    assert waits[-1] == 30.0
