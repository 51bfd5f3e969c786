"""The loop computes answers again beside the server, and tells where they differ."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from noria.cli.rechecking import STATE_FILE, Rechecking
from noria.predictions.entry import Entry
from noria.scoring.answers import Answers
from noria.scoring.scorer import Scorer
from noria.serving.stats import Stats
from noria.workspace import Workspace

PATIENCE = 300.0
RECORDS = [{"id": n, "age": 20 + n % 50, "income": 2000.0 + 40 * n, "grade": "ABC"[n % 3]} for n in range(60)]


@pytest.fixture
def answered(lived: Path) -> Callable[[float], Workspace]:
    """Log answers of the first version, one of them wrong by so much; give the project."""
    written = (lived / "noria.toml").read_text()
    (lived / "noria.toml").write_text(written + "\n[deploy]\nrecheck = 1\n")

    def log(wrong_by: float) -> Workspace:
        opened = Workspace(lived)
        scorer = Scorer.load(opened.registry, opened.registry.get("loans", 1))
        assert scorer.engine == "plan"
        checked = scorer.signature.check(RECORDS)
        answers = scorer.answer(checked)
        shares = [list(row) for row in answers.probabilities or ()]
        shares[7][0] += wrong_by
        told: Answers = msgspec.structs.replace(answers, probabilities=shares)
        at = datetime.now(UTC) - timedelta(seconds=30)
        ids = [f"r-{number}" for number in range(len(RECORDS))]
        opened.predictions.append(Entry("loans", 1, "live", at, 1.0, ids, told, checked, scorer.signature))
        opened.predictions.close()
        stats = Stats(opened.database, "p", "loans")
        stats.count(1, "live", "answered", len(RECORDS), 0.001, at)
        stats.flush()
        return opened

    return log


def test_the_loop_begins_a_check_and_sound_answers_raise_nothing(answered: Callable[[float], Workspace]) -> None:
    opened = answered(0.0)
    rechecking = Rechecking()
    rechecking.look(opened, datetime.now(UTC))
    try:
        deadline = time.monotonic() + PATIENCE
        while not (opened.store / STATE_FILE).exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert json.loads((opened.store / STATE_FILE).read_text())["rows"] == len(RECORDS)
        assert opened.alerts.open() == ()
    finally:
        rechecking.stop()
        opened.close()


def test_a_wrong_answer_is_told_with_its_name(answered: Callable[[float], Workspace]) -> None:
    opened = answered(1e-6)
    command = [sys.executable, "-m", "noria.cli.rechecking", "--root", str(opened.root)]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
        (alert,) = opened.alerts.open("loans")
        assert (alert.kind, alert.version, alert.evidence["prediction_id"]) == ("answers", 1, "r-7")
        assert alert.windows == 1, "what has been looked at is not looked at again"
    assert done.stdout == ""
    opened.close()
