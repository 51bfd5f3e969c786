"""``kill -9`` at random moments: the next run goes on where it was, and repeats nothing that was finished."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import sqlalchemy as sa

from noria.pipeline.tables import step_states
from noria.project.example import example
from noria.steps.standard import STANDARD
from noria.workspace import Workspace

MOMENTS = 10
PATIENCE = 120.0


class Told(Protocol):
    """What a command left behind; see the fixture ``command``."""

    status: int
    err: str

    @property
    def json(self) -> object: ...


def processes_in(root: Path) -> set[int]:
    """Every live process that works in a folder, by the kernel's own account."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cwd").resolve(strict=True) == root and (folder / "stat").read_text().split(") ")[1][0] != "Z":
                found.add(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture
def credit(tmp_path: Path) -> Path:
    """The credit example with one quick candidate."""
    root = shutil.copytree(example("credit").folder, tmp_path.resolve() / "credit")
    text = (root / "noria.toml").read_text()
    for old, new in (
        ('["logistic", "random_forest", "boosting"]', '["logistic"]'),
        ('budget = "20s"', "trials = 1"),
        ("folds = 5", "folds = 2"),
    ):
        assert old in text
        text = text.replace(old, new)
    (root / "noria.toml").write_text(text)
    return root


def killed_after(credit: Path, lines: int, seconds: float) -> bool:
    """Start a run and kill it a moment after it has told so many lines; say whether it was still running."""
    with subprocess.Popen(
        [sys.executable, "-m", "noria", "run"], cwd=credit, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as run:
        assert run.stderr is not None
        for _ in range(lines):
            if not run.stderr.readline():
                break
        time.sleep(seconds)
        running = run.poll() is None
        run.kill()
    deadline = time.monotonic() + PATIENCE
    while processes_in(credit):
        assert time.monotonic() < deadline, "a worker outlived its runner"
        time.sleep(0.02)
    return running


def finished(credit: Path) -> Counter[tuple[str, str]]:
    """Count how often each piece of work, a step and its key, was finished by any run."""
    opened = Workspace(credit)
    with opened.database.reading() as connection:
        rows = connection.execute(
            sa.select(step_states.c.step, step_states.c.key).where(step_states.c.state == "finished")
        )
        found = Counter((row.step, row.key) for row in rows)
    opened.close()
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="workers are ended with their runner by Linux's death signal")
def test_a_run_killed_at_ten_random_moments_finishes_and_repeats_nothing(
    credit: Path, command: Callable[..., Told]
) -> None:
    chance = random.Random()
    seed = 7
    kills = 0
    while kills < MOMENTS:
        if killed_after(credit, chance.randint(0, 9), chance.uniform(0, 0.4)):
            kills += 1
            continue
        # It was done before its time had come: another split, so that there is something to do again.
        text = (credit / "noria.toml").read_text()
        assert f"seed = {seed}\n" in text
        (credit / "noria.toml").write_text(text.replace(f"seed = {seed}\n", f"seed = {seed + 1}\n"))
        seed += 1
    told = command(credit, "run", "--json")
    assert told.status == 0, told.err
    assert told.json["version"] is not None  # type: ignore[index]
    assert command(credit, "run", "--json").json["nothing_to_do"] is True  # type: ignore[index]

    work = finished(credit)
    assert {step for step, _ in work} == set(STANDARD)
    assert max(work.values()) == 1, f"finished more than once: {work}"
    assert len([step for step, _ in work if step in ("ingest", "check")]) == 2

    runs = command(credit, "runs", "list", "--json").json
    assert isinstance(runs, list)
    assert {run["status"] for run in runs} <= {"finished", "lost"}
    assert runs[0]["status"] == "finished"
    shown = command(credit, "runs", "show", runs[0]["id"], "--json").json
    assert {step["state"] for step in shown["steps"]} <= {"finished", "cached"}  # type: ignore[index]
    fsck = command(credit, "fsck", "--json")
    assert fsck.status == 0, fsck.err
    assert fsck.json["damaged"] == []  # type: ignore[index]
