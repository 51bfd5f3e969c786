"""A sample of what was answered, computed again in a process of its own: ``python -m noria.cli.rechecking --root DIR``.

The loop begins one now and then. It has the lowest priority, and is gone when it is done: the libraries it loads are
those that a server with compiled models does without.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.errors import NoriaError
from noria.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.monitoring.recheck import Recheck
    from noria.scoring.scorer import Scorer
    from noria.workspace import Workspace

__all__ = ["STATE_FILE", "Rechecking", "recheck_new"]

STATE_FILE = "recheck.json"
"""In ``.noria``: until when answers have been computed again, and what came of it."""

_PAUSE_SECONDS = 300.0
_LATE = timedelta(seconds=5)
"""A row may reach the log so much later than its time."""
_AT_FIRST = timedelta(days=1)


class Rechecking:
    """Begins a check whenever some time has passed and there is something new to look at.

    Parameters
    ----------
    pause_seconds : float
        From the begin of one check to the begin of the next.
    """

    def __init__(self, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._pause_seconds = pause_seconds
        self._begun = float("-inf")
        self._child: subprocess.Popen[bytes] | None = None

    def look(self, workspace: Workspace, now: datetime) -> None:
        """Begin a check if it is time for one; never waits for it."""
        from noria.serving.stats import Traffic

        if self._child is not None and self._child.poll() is None:
            return
        if time.monotonic() - self._begun < self._pause_seconds or not workspace.project.settings.deploy.recheck:
            return
        since = _since(workspace, now) - timedelta(minutes=1)
        if not any(minute.requests for minute in Traffic(workspace.database).minutes(workspace.project.name, since)):
            return
        self._begun = time.monotonic()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "noria.cli.rechecking", "--root", str(workspace.root)],
            stdin=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End a check that runs; what it would have found the next one finds."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()


def recheck_new(workspace: Workspace, now: datetime) -> list[Recheck]:
    """Compute a sample of the answers again that have been logged since the last time; alert where they differ.

    Parameters
    ----------
    workspace : Workspace
        The project.
    now : datetime
        The present, aware.
    """
    from noria.monitoring.recheck import raise_alert, recheck
    from noria.scoring.scorer import Scorer

    settings, model = workspace.project.settings, workspace.project.name
    every, until = settings.deploy.recheck, now - _LATE
    if not every:
        return []

    def library(number: int) -> Scorer:
        version = workspace.registry.get(model, number)
        return Scorer.load(workspace.registry, version, trusted=workspace.trusted, planned=False)

    log = workspace.predictions.read(model, _since(workspace, now), until)
    found = recheck(log, library, every=every)
    for one in found:
        if one.different:
            raise_alert(workspace.database, model, one, now)
    told = {"until": until.isoformat(), "rows": sum(one.rows for one in found)}
    write_atomic(workspace.store / STATE_FILE, json.dumps(told))
    return found


def _since(workspace: Workspace, now: datetime) -> datetime:
    try:
        told = json.loads((workspace.store / STATE_FILE).read_text())["until"]
        return datetime.fromisoformat(told)
    except (OSError, ValueError, KeyError, TypeError):
        return now - _AT_FIRST


def _main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="noria.cli.rechecking")
    parser.add_argument("--root", type=Path, required=True)
    given = parser.parse_args(arguments)
    os.nice(19)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from noria.workspace import Workspace

    workspace = Workspace(given.root)
    try:
        for one in recheck_new(workspace, datetime.now(UTC)):
            if one.different:
                click.echo(f"version {one.version}: {one.different} of {one.rows} answers computed again differ")
    except NoriaError as error:
        click.echo(error.render(), err=True)
        return error.exit_status
    finally:
        workspace.close()
    return 0


if __name__ == "__main__":
    sys.exit(_main())
