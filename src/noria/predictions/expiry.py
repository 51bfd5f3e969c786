"""Letting go of whole days of the log, and of the labels that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from noria.predictions.erasing import forget_labels
from noria.predictions.segment import CLOSED, GROWING, is_growing, read_segment
from noria.store.files import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from noria.predictions.log import PredictionLog
    from noria.store.database import Database

__all__ = ["Gone", "expire"]


@dataclass(frozen=True)
class Gone:
    """How much was let go: rows of the log, labels, days."""

    predictions: int
    labels: int
    days: int


def expire(log: PredictionLog, database: Database, before: date, *, dry: bool = False) -> Gone:
    """Let go of the days before one, of every model.

    Labels go first, as only the log still knows which ones they are; a kill in between leaves rows whose labels are
    gone, and the next time lets go of them.

    Parameters
    ----------
    before : date
        The first day that stays.
    dry : bool
        Count, and change nothing.
    """
    predictions = labels = days = 0
    for folder in sorted(log.folder.glob("*/????-??-??")):
        if not _is_before(folder, before):
            continue
        days += 1
        for path in sorted(folder.glob("*")):
            if path.suffix not in (CLOSED, *GROWING) or is_growing(path):
                continue
            table = read_segment(path, ["prediction_id"])
            ids = [] if table is None else table["prediction_id"].to_pylist()
            predictions += len(ids)
            labels += forget_labels(database, folder.parent.name, ids, dry=dry)
            if not dry:
                path.unlink(missing_ok=True)
        if not dry:
            _remove(folder)
    return Gone(predictions, labels, days)


def _is_before(folder: Path, day: date) -> bool:
    try:
        return date.fromisoformat(folder.name) < day
    except ValueError:
        return False


def _remove(folder: Path) -> None:
    sync_folder(folder)
    try:
        folder.rmdir()
    except OSError:
        return  # a segment of that day is still being written
    sync_folder(folder.parent)
