"""Killed, interrupted and simultaneous runs: nothing finished is repeated, nothing is left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.pipeline.tables import actions, leases, step_states

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Workshop

DRIVE = """
import sys, uuid
from pathlib import Path
from noria.pipeline.discovery import discover
from noria.pipeline.engine import Engine
from noria.pipeline.graph import Graph
from noria.store.blobs import Blobs
from noria.store.database import Database

root = Path(sys.argv[1])
url = f"sqlite:///{root}/.noria/noria.db"
engine = Engine(
    database=Database(url), blobs=Blobs(root / ".noria" / "objects"), root=root, database_url=url, jobs=2
)
try:
    outcome = engine.run(Graph(discover(root / "pipeline.py")), run_id=uuid.uuid4().hex)
except KeyboardInterrupt:
    sys.exit(130)
print(",".join(outcome.ran), ",".join(outcome.cached), sep=";")
for error in outcome.failed.values():
    print(error.render())
sys.exit(0 if outcome.ok else 1)
"""

LADDER = "import time\n" + "".join(
    f"@step\ndef s{n}({', '.join(f's{m}' for m in ([] if n < 2 else [n - 2]))}):\n"
    f"    time.sleep(0.04)\n    trace('s{n}')\n    return {n}\n"
    for n in range(12)
)


def drive(workshop: Workshop) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVE, str(workshop.root)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def published(workshop: Workshop) -> set[str]:
    with workshop.database.reading() as connection:
        return set(connection.execute(sa.select(actions.c.step)).scalars())


def count_rows(workshop: Workshop, table: sa.Table) -> int:
    with workshop.database.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def until(true: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail("did not happen in time")
        time.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def workers(workshop: Workshop) -> set[int]:
    path = workshop.root / "trace.log"
    return {int(line.split()[1]) for line in path.read_text().splitlines()} if path.exists() else set()


def test_runs_killed_at_random_moments_repeat_nothing_finished(workshop: Workshop) -> None:
    workshop.pipeline(LADDER)
    chance = random.Random(20)
    claims: list[tuple[set[str], dict[str, int]]] = []
    for _ in range(6):
        run = drive(workshop)
        time.sleep(chance.uniform(0.2, 0.6))
        run.kill()
        run.communicate()
        until(lambda: not any(lives(pid) for pid in workers(workshop)))
        done = published(workshop)
        claims.append((done, {step: workshop.traced().count(step) for step in done}))
    last = drive(workshop)
    said, _ = last.communicate(timeout=60)
    assert last.returncode == 0, said
    assert published(workshop) == {f"s{n}" for n in range(12)}
    for done, counts in claims:
        assert {step: workshop.traced().count(step) for step in done} == counts
    assert count_rows(workshop, leases) == 0
    assert workshop.run().ran == ()


def test_a_killed_runner_takes_its_workers_along(workshop: Workshop) -> None:
    workshop.pipeline("""
        import time
        @step
        def slow():
            trace("begun")
            time.sleep(60)
    """)
    run = drive(workshop)
    until(lambda: bool(workshop.traced()))
    (pid,) = workers(workshop)
    assert lives(pid)
    run.kill()
    run.communicate()
    until(lambda: not lives(pid))
    assert count_rows(workshop, leases) == 1
    workshop.pipeline("import time\n@step\ndef slow():\n    return 1\n")
    assert workshop.run().ok


def test_the_lease_of_a_dead_run_is_taken_over_at_once(workshop: Workshop) -> None:
    workshop.pipeline("""
        import time
        from pathlib import Path
        @step
        def slow():
            trace("begun")
            time.sleep(0 if Path("fast").exists() else 60)
            return 1
    """)
    run = drive(workshop)
    until(lambda: bool(workshop.traced()))
    run.kill()
    run.communicate()
    workshop.write("fast", "")
    began = time.monotonic()
    outcome = workshop.run()
    assert outcome.ran == ("slow",)
    assert outcome.reasons["slow"] == "its last run was interrupted"
    assert time.monotonic() - began < 30  # far below the expiry of a lease that cannot be judged
    assert count_rows(workshop, leases) == 0


def test_ctrl_c_stops_the_workers_and_frees_the_work(workshop: Workshop) -> None:
    workshop.pipeline("""
        import time
        @step
        def quick(): return 1
        @step
        def slow(quick):
            trace("begun")
            time.sleep(60)
        @step
        def after(slow): return 1
    """)
    run = drive(workshop)
    until(lambda: bool(workshop.traced()))
    (pid,) = workers(workshop)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=90)
    assert (run.returncode, said) == (130, "")
    assert not lives(pid)
    assert count_rows(workshop, leases) == 0
    with workshop.database.reading() as connection:
        rows = connection.execute(sa.select(step_states.c.step, step_states.c.state)).all()
    assert {row.step: row.state for row in rows} == {"quick": "finished", "slow": "cancelled", "after": "cancelled"}


def test_two_runs_at_once_share_the_work(workshop: Workshop) -> None:
    workshop.pipeline(LADDER)
    both = [drive(workshop), drive(workshop)]
    said = [run.communicate(timeout=60)[0] for run in both]
    assert [run.returncode for run in both] == [0, 0], said
    assert sorted(workshop.traced()) == sorted(f"s{n}" for n in range(12))
    ran = [line.partition(";")[0].split(",") for line in said]
    assert sorted([*ran[0], *ran[1]]) == sorted([f"s{n}" for n in range(12)] + [""] * sum(r == [""] for r in ran))
    assert count_rows(workshop, leases) == 0


def test_a_run_waits_for_the_one_that_is_at_it(workshop: Workshop) -> None:
    workshop.pipeline("""
        import time
        from pathlib import Path
        @step
        def slow():
            trace("begun")
            while not Path("go").exists():
                time.sleep(0.01)
            return 1
    """)
    first = drive(workshop)
    until(lambda: bool(workshop.traced()))
    second = drive(workshop)
    time.sleep(0.5)
    workshop.write("go", "")
    assert first.communicate(timeout=90)[0] == "slow;\n"
    assert second.communicate(timeout=90)[0] == ";slow\n"
    assert workshop.traced() == ["begun"]


def test_after_a_failure_other_runs_are_not_waited_for(workshop: Workshop) -> None:
    workshop.pipeline("@step\ndef a(): raise ValueError\n@step\ndef b(): return 1\n")
    key = workshop.engine().plan(workshop.graph())[1].key
    now = datetime.now(UTC)
    row = {"key": key, "owner": "elsewhere x y 7 7", "step": "b", "run_id": "other", "taken": now, "beat": now}
    with workshop.database.transaction() as connection:
        connection.execute(sa.insert(leases), [row])
    assert workshop.run().states == {"a": "failed", "b": "skipped"}


def test_a_killed_worker_is_told_as_a_failed_step(workshop: Workshop) -> None:
    workshop.pipeline("""
        import os, signal
        @step
        def hungry():
            print("taking all memory")
            os.kill(os.getpid(), signal.SIGKILL)
        @step
        def other(): return 1
    """)
    outcome = workshop.run(keep_going=True)
    error = outcome.failed["hungry"]
    assert error.what == "step 'hungry' was killed (signal 9)"
    assert "memory" in error.why
    assert "MB" in error.why
    assert "taking all memory" in error.why
    assert "--jobs 1" in error.mend
    assert outcome.states["other"] == "finished"
    assert count_rows(workshop, leases) == 0


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("os._exit(3)", "ended its process with status 3"),
        ("import ctypes; ctypes.string_at(0)", r"crashed (SIGSEGV)"),
        ("os.abort()", "crashed (SIGABRT)"),
    ],
)
def test_other_deaths_are_told_too(workshop: Workshop, body: str, what: str) -> None:
    workshop.pipeline(f"import os\n@step\ndef a():\n    {body}\n@step\ndef b(): return 1\n")
    outcome = workshop.run(keep_going=True, jobs=1)
    assert outcome.failed["a"].what == f"step 'a' {what}"
    assert outcome.states["b"] == "finished"


def test_children_of_a_worker_end_with_the_run(workshop: Workshop) -> None:
    workshop.pipeline("""
        import subprocess
        from pathlib import Path
        @step
        def a():
            child = subprocess.Popen(["sleep", "60"])
            return child.pid
    """)
    outcome = workshop.run()
    pid = workshop.engine().output(outcome.outputs["a"])
    assert isinstance(pid, int)
    until(lambda: not lives(pid))


def test_a_run_can_be_cancelled_from_another_thread(workshop: Workshop) -> None:
    workshop.pipeline("import time\n@step\ndef slow():\n    trace('begun')\n    time.sleep(60)\n")
    engine = workshop.engine()

    def stop(event: object) -> None:
        engine.cancel()

    outcome = engine.run(workshop.graph(), run_id="r1", on_event=stop)
    assert (outcome.cancelled, outcome.ok, outcome.states) == (True, False, {"slow": "cancelled"})
    assert count_rows(workshop, leases) == 0


def test_a_listener_that_breaks_leaves_nothing_behind(workshop: Workshop) -> None:
    workshop.pipeline("import time\n@step\ndef slow():\n    trace('begun')\n    time.sleep(60)\n")

    def broken(event: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        workshop.engine().run(workshop.graph(), run_id="r1", on_event=broken)
    assert count_rows(workshop, leases) == 0
    assert not any(lives(pid) for pid in workers(workshop))


def test_no_file_handle_is_left_open(workshop: Workshop) -> None:
    workshop.pipeline(LADDER)
    workshop.run()
    before = len(os.listdir("/proc/self/fd"))
    workshop.run(force=("s0", "s1"))
    assert len(os.listdir("/proc/self/fd")) == before
