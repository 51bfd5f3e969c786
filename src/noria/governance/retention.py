"""Letting go of what has been kept for as long as it may be."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.duration import parse_duration
from noria.predictions.expiry import expire as expire_predictions

if TYPE_CHECKING:
    from pathlib import Path

    from noria.governance.settings import RetentionSettings
    from noria.predictions.log import PredictionLog
    from noria.store.database import Database

__all__ = ["Expired", "expire"]


@dataclass(frozen=True)
class Expired:
    """What was let go, or would be.

    Attributes
    ----------
    predictions, labels, days : int
        Answers, what had turned out true of them, and the days on which they were given.
    logs : int
        Runs whose text logs go.
    """

    predictions: int = 0
    labels: int = 0
    days: int = 0
    logs: int = 0


def expire(
    settings: RetentionSettings,
    *,
    log: PredictionLog,
    database: Database,
    store: Path,
    now: datetime,
    dry: bool = False,
) -> Expired:
    """Let go of what is older than ``[retention]`` allows.

    Parameters
    ----------
    settings : RetentionSettings
        How long.
    log, database : PredictionLog, Database
        Answers and labels of all models of the project.
    store : Path
        The folder ``.noria``; the logs of runs are in it.
    now : datetime
        The present, aware.
    dry : bool
        Count, and change nothing.
    """
    predictions = labels = days = 0
    if settings.predictions is not None:
        before = (now - parse_duration(settings.predictions)).astimezone(UTC).date()
        found = expire_predictions(log, database, before, dry=dry)
        predictions, labels, days = found.predictions, found.labels, found.days
    logs = 0
    if settings.logs is not None:
        logs = _logs(store / "logs", (now - parse_duration(settings.logs)).timestamp(), dry=dry)
    return Expired(predictions, labels, days, logs)


def _logs(folder: Path, before: float, *, dry: bool) -> int:
    gone = 0
    for run in sorted(folder.glob("*")):
        written = [run, *run.rglob("*")] if run.is_dir() else [run]
        # A run that goes on writes.
        if max(path.lstat().st_mtime for path in written) >= before:
            continue
        gone += 1
        if dry:
            continue
        if run.is_dir() and not run.is_symlink():
            shutil.rmtree(run)
        else:
            run.unlink()
    return gone
