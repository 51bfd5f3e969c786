"""Answers that were given, computed once more by the model's own library: a compiled plan is proven, but not trusted.

The proof at packaging compares rows that were thought of. Here a few of those that came are compared, after the event
and elsewhere, so that no request waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from blake3 import blake3

from noria.monitoring.alerts import open_or_grow
from noria.predictions.entry import FEATURE, PROBABILITY
from noria.scoring.answers import label_text
from noria.scoring.signature import Checked

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from noria.scoring.scorer import Scorer
    from noria.store.database import Database

__all__ = ["Recheck", "is_sampled", "raise_alert", "recheck"]

_TOLERANCE = 1e-9
"""Relative. Rounding explains less than a millionth of it; a threshold crossed the other way moves far more."""


@dataclass(frozen=True)
class Recheck:
    """What came of computing answers of one version again.

    Parameters
    ----------
    version : int
        Whose answers.
    rows, different : int
        Compared, and those whose answer is not the library's.
    worst : float
        The largest difference of a probability or value.
    prediction_id : str
        Where it was; empty where nothing differs.
    first : datetime
        The earliest answer compared.
    """

    version: int
    rows: int
    different: int
    worst: float
    prediction_id: str
    first: datetime


def is_sampled(prediction_id: str, every: int) -> bool:
    """Say whether an answer is one of those computed again: the same for everybody who asks.

    Examples
    --------
    >>> sum(is_sampled(str(number), 10) for number in range(10_000))
    1050
    """
    return int.from_bytes(blake3(prediction_id.encode()).digest(length=8), "little") % every == 0


def recheck(log: pa.Table, library: Callable[[int], Scorer], *, every: int) -> list[Recheck]:
    """Compute a sample of a model's logged answers again.

    Parameters
    ----------
    log : pyarrow.Table
        Rows of the prediction log.
    library : callable
        From a version's number to what answers with its own library.
    every : int
        One answer in so many is compared.

    Returns
    -------
    list of Recheck
        One for each version of which anything was compared.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    chosen = log.filter(pa.array([is_sampled(each, every) for each in log["prediction_id"].to_pylist()], pa.bool_()))
    versions = sorted(set(chosen["version"].to_pylist()))
    return [
        _compared(chosen.filter(pa.array([number == each for each in chosen["version"].to_pylist()])), library(number))
        for number in versions
    ]


def raise_alert(database: Database, model: str, found: Recheck, now: datetime) -> None:
    """Open an alert about answers that differ, or let the open one grow."""
    text = (
        f"{found.different} of {found.rows} answers of version {found.version} computed again differ from its "
        f"library's, by up to {found.worst:.3g}"
    )
    with database.transaction() as connection:
        open_or_grow(
            connection,
            model=model,
            version=found.version,
            kind="answers",
            severity="high",
            since=found.first,
            text=text,
            evidence={
                "rows": found.rows,
                "different": found.different,
                "worst": found.worst if np.isfinite(found.worst) else "not a number",
                "prediction_id": found.prediction_id,
            },
            now=now,
        )


def _compared(rows: pa.Table, scorer: Scorer) -> Recheck:
    names = [name for name, _ in scorer.signature.features]
    columns = {name: rows[FEATURE + name].to_pylist() for name in names}
    flags: list[tuple[str, ...]] = [()] * rows.num_rows
    again = scorer.answer(Checked(rows.num_rows, columns, {}, flags))
    if again.probabilities is not None and again.classes:
        said = np.column_stack([_floats(rows[PROBABILITY + name]) for name in again.classes])
        away = _away(said, np.asarray(again.probabilities, dtype=float))
    elif scorer.signature.task == "regression":
        away = _away(_floats(rows["score"])[:, None], np.asarray(again.scores, dtype=float)[:, None])
    else:
        labels = [label_text(label) for label in again.predictions]
        away = np.array([float(a != b) for a, b in zip(rows["prediction"].to_pylist(), labels, strict=True)])
    # An answer that is no number on one side alone differs, by as much as can be.
    wrong = np.flatnonzero(~(away <= _TOLERANCE))
    place = int(away.argmax())
    return Recheck(
        scorer.number,
        rows.num_rows,
        len(wrong),
        float(away[place]),
        str(rows["prediction_id"][place]) if len(wrong) else "",
        min(rows["ts"].to_pylist()),
    )


def _floats(column: pa.ChunkedArray) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([np.nan if value is None else value for value in column.to_pylist()], dtype=float)


def _away(
    said: np.ndarray[tuple[int, ...], np.dtype[np.float64]], again: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    away = np.abs(said - again) / np.maximum(1.0, np.abs(again))
    away[np.isnan(said) & np.isnan(again)] = 0.0
    away[np.isnan(away)] = np.inf
    return np.asarray(away.max(axis=1))
