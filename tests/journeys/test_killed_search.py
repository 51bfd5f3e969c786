"""``kill -9`` in the middle of a search: the next run takes what its folds had given."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from noria.pipeline.tables import actions
from noria.project.example import example
from noria.workspace import Workspace

SLOW = """
import time
import zlib

from sklearn.linear_model import LogisticRegression


class Slow(LogisticRegression):
    def fit(self, X, y):
        time.sleep(0.3)
        super().fit(X, y)
        with open("fits.txt", "a") as log:
            log.write(f"{self.C} {len(X)} {zlib.crc32(X.tobytes())}\\n")
        return self
"""


@pytest.fixture
def credit(tmp_path: Path) -> Path:
    """The credit example with a slow candidate of its own that writes down every fit."""
    root = shutil.copytree(example("credit").folder, tmp_path.resolve() / "credit")
    (root / "slow.py").write_text(SLOW)
    text = (root / "noria.toml").read_text()
    own = '[{ class = "slow:Slow", space = { C = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0] } }]'
    for old, new in (
        ('["logistic", "random_forest", "boosting"]', own),
        ('budget = "20s"', 'trials = 5\ndiagnose = "never"'),
        ("folds = 5", "folds = 3"),
    ):
        assert old in text
        text = text.replace(old, new)
    (root / "noria.toml").write_text(text)
    return root


def noria(credit: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "noria", *arguments], cwd=credit, capture_output=True, text=True, timeout=180
    )
    assert done.returncode in (0, 4), done.stderr
    return done.stdout + done.stderr


def fits(credit: Path) -> list[str]:
    file = credit / "fits.txt"
    return file.read_text().splitlines() if file.exists() else []


def kept(credit: Path) -> list[str]:
    """Name the candidates of the folds on record."""
    opened = Workspace(credit)
    with opened.database.reading() as connection:
        parts = connection.execute(sa.select(actions.c.parts).where(actions.c.step == "train.fold")).scalars().all()
    opened.close()
    return [str(part["candidate"]) for part in parts]


def test_no_fold_is_fitted_twice(credit: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "noria", "run"], cwd=credit, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        deadline = time.monotonic() + 120
        while len(fits(credit)) < 5:
            assert run.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        run.kill()
    time.sleep(0.5)  # its worker dies with it
    before, on_record = len(fits(credit)), kept(credit)
    remembered = sum(not name.startswith("dummy") for name in on_record)
    assert before - 1 <= remembered <= before
    said = noria(credit, "run")
    assert re.search(rf"{len(on_record)} of \d+ fits on a fold were done by an earlier search", said)
    again = {fit: count for fit, count in Counter(fits(credit)).items() if count > 1}
    assert sum(again.values()) - len(again) <= before - remembered
    # A longer search goes on from there; one that is forced begins anew.
    known = len(fits(credit))
    text = (credit / "noria.toml").read_text()
    (credit / "noria.toml").write_text(text.replace("trials = 5", "trials = 6"))
    noria(credit, "run")
    assert 1 <= len(fits(credit)) - known <= 4
    known = len(fits(credit))
    noria(credit, "run", "--force", "train")
    assert len(fits(credit)) - known > 6
