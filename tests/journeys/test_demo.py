"""The stories of ``noria demo``: the command claims a thing only when it happened, and leaves with 0 only then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("example", ["diagnosis", "sensors"])
def test_the_story_is_played_to_its_end(example: str, tmp_path: Path) -> None:
    """`make demo` plays the third, credit."""
    place = tmp_path / "a demo"
    done = subprocess.run(
        [sys.executable, "-m", "noria", "demo", example, "--folder", str(place)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for claim in ("no alarm", "drift is found", "a challenger was trained", "no request failed", "left no process"):
        assert claim in done.stdout
    assert (place / "noria.lock").exists()


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "mine" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work")
    done = subprocess.run(
        [sys.executable, "-m", "noria", "demo", "credit", "--folder", str(kept.parent)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert kept.read_text() == "years of work"
