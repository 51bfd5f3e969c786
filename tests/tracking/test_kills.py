"""Client and server are killed at random points: nothing that was journaled is lost, and nothing is there twice."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.runs.log import RunLog
from noria.tracking.journal import Reader
from noria.tracking.outbox import journals, outbox
from noria.tracking.sync import sync

if TYPE_CHECKING:
    from conftest import Served
    from noria.workspace import Workspace

CLIENT = """
import sys, time, warnings, noria
warnings.simplefilter("ignore")
run = noria.start_run("killed", server=sys.argv[1], system_metrics=False)
print(run.id, flush=True)
for number in range(1_000_000):
    run.log_metric("number", number)
    run.log(f"line {number}")
    if number % 100 == 0:
        run.log_text(str(number), f"files/{number}.txt")
    if number % 10 == 0:
        time.sleep(0.02)
"""


def _journaled(root: Path, run: str) -> tuple[int, bool]:
    """Count the lines that have been said, as the journal knows; and whether it is still there."""
    found = list(outbox(root).glob(f"{run}-*.journal"))
    said = [int(n) for path in found for n in re.findall(rb'"lines":\["line (\d+)"\]', path.read_bytes())]
    return (max(said) + 1 if said else 0), bool(found)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled(workspace: Workspace, served: Served, root: Path) -> None:
    chance = random.Random(7)
    expected: dict[str, int] = {}
    for _ in range(2):
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, served.url], stdout=subprocess.PIPE, text=True, cwd=root
        )
        assert client.stdout is not None
        run = client.stdout.readline().strip()
        for _ in range(2):
            time.sleep(chance.uniform(0.1, 1.5))
            served.kill()
            time.sleep(chance.uniform(0.0, 0.5))
            served.start()
        time.sleep(chance.uniform(0.0, 1.0))
        client.send_signal(signal.SIGKILL)
        client.wait()
        client.stdout.close()
        expected[run], still_there = _journaled(root, run)
        assert still_there, "a journal was removed before its run had ended"
    # A server that dies while the rest is sent.
    served.kill()
    assert {left.state for left in sync([outbox(root)])} == {"unreachable"}
    served.start(wait=False)
    deadline = time.monotonic() + 120
    kills = [0.3, 0.6]
    while journals(outbox(root)) and time.monotonic() < deadline:
        for left in sync([outbox(root)]):
            assert left.state in ("sent", "unreachable"), left
        if kills:
            time.sleep(kills.pop())
            served.kill()
            served.start(wait=False)
        time.sleep(0.2)
    assert journals(outbox(root)) == []
    log = RunLog(workspace.database)
    for run, said in expected.items():
        assert said > 20
        assert [line.line for line in log.tail(run, said + 10)] == [f"line {number}" for number in range(said)]
        history = workspace.runs.history(run, "number")
        assert len(history) in (said, said + 1)
        assert [(point.step, point.value) for point in sorted(history, key=lambda point: point.step)] == [
            (number, float(number)) for number in range(len(history))
        ]
        files = {file.path: workspace.blobs.get(file.digest).decode() for file in workspace.artifacts.all(run, "files")}
        assert files == {path: Path(path).stem for path in files}
        assert {f"files/{number}.txt" for number in range(0, said - 1, 100)} <= set(files)
        assert workspace.runs.get(run).status == "lost"


@pytest.mark.slow
def test_a_killed_process_loses_at_most_moments(root: Path) -> None:
    code = CLIENT.replace("time.sleep(0.02)", "print(number, flush=True); time.sleep(0.2)")
    client = subprocess.Popen(
        [sys.executable, "-c", code, "http://127.0.0.1:9"], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert client.stdout is not None
    run = client.stdout.readline().strip()
    for _ in range(3):
        last = int(client.stdout.readline())
    time.sleep(0.15)  # three times what the journal may lag behind
    client.send_signal(signal.SIGKILL)
    client.wait()
    client.stdout.close()
    said, _ = _journaled(root, run)
    assert said >= last
    (path,) = outbox(root).glob(f"{run}-*.journal")
    assert Reader(path).header.target == "http://127.0.0.1:9"
