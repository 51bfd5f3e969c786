"""What turned out true, added when it is known; the last word counts, the earlier ones stay."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import WrongData
from noria.predictions.entry import CARRIED, FEATURE
from noria.predictions.tables import prediction_labels
from noria.scoring.answers import label_text
from noria.security.pseudonyms import is_pseudonym

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from noria.predictions.log import PredictionLog
    from noria.store.database import Database

__all__ = ["Added", "Labels", "by_key", "label_fault"]

_CHUNK = 5_000
LabelValue = str | int | float | bool


@dataclass(frozen=True)
class Added:
    """What became of labels that came in.

    Attributes
    ----------
    labels : int
        Rows given.
    predictions : int
        Predictions that got a label: more than `labels` when a key was scored several times.
    unmatched : int
        Labels whose key was never scored.
    """

    labels: int
    predictions: int
    unmatched: int = 0


def label_fault(value: object, *, task: str, classes: Collection[str]) -> str | None:
    """Say why a value can be no label of a model; None where it can.

    Parameters
    ----------
    value : object
        What turned out true.
    task : str
        Of the model.
    classes : collection of str
        That it knows, as text; none outside classification.

    Examples
    --------
    >>> label_fault("banana", task="classification", classes=("bad", "good"))
    "'banana' is none of the classes bad, good"
    >>> label_fault("TRUE", task="classification", classes=("False", "True"))  # the class that is meant
    """
    if classes and label_text(value).lower() not in {name.lower() for name in classes}:
        return f"{value!r} is none of the classes {', '.join(list(classes)[:20])}"
    if task == "regression" and (
        not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value)
    ):
        return f"expected a number, got {value!r}"
    return None


class Labels:
    """The labels of all models.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, model: str, rows: Sequence[tuple[str, LabelValue]], at: datetime, source: str) -> Added:
        """Add labels by prediction id. An id nobody knows yet is kept: its segment may still be on the way.

        Parameters
        ----------
        model : str
            Whose predictions.
        rows : sequence of (prediction_id, value)
            What turned out true.
        at : datetime
            When it was known.
        source : str
            Where from: a file's name, ``http``.
        """
        values = [
            {"model": model, "prediction_id": key, "value": value, "at": at, "source": source} for key, value in rows
        ]
        with self.database.transaction() as connection:
            for start in range(0, len(values), _CHUNK):
                connection.execute(sa.insert(prediction_labels), values[start : start + _CHUNK])
        return Added(len(values), len(values))

    def add_by_key(
        self,
        model: str,
        log: PredictionLog,
        key: Sequence[str],
        rows: Sequence[tuple[Mapping[str, object], LabelValue]],
        at: datetime,
        source: str,
    ) -> Added:
        """Add labels by the key columns of the data; every prediction made for the key gets the label.

        Parameters
        ----------
        log : PredictionLog
            Where the keys of the predictions are.
        key : sequence of str
            Names of the columns that identify a row; clients must have sent them along.
        rows : sequence of (key values, value)
            What turned out true of whom.

        Raises
        ------
        WrongData
            The predictions were made without those columns.
        """
        found, unmatched = by_key(model, log, key, rows)
        self.add(model, found, at, source)
        return Added(len(rows), len(found), unmatched)

    def latest(self, model: str) -> pa.Table:
        """Give the last label of every prediction.

        Returns
        -------
        pyarrow.Table
            ``prediction_id``, ``label`` (numbers as float64 where all are numbers, else texts), ``label_ts``.
        """
        import pyarrow as pa  # noqa: PLC0415 - heavy

        last = (
            sa.select(sa.func.max(prediction_labels.c.id))
            .where(prediction_labels.c.model == model)
            .group_by(prediction_labels.c.prediction_id)
        )
        query = sa.select(prediction_labels.c.prediction_id, prediction_labels.c.value, prediction_labels.c.at)
        with self.database.reading() as connection:
            rows = connection.execute(query.where(prediction_labels.c.id.in_(last))).all()
        return pa.table(
            {
                "prediction_id": pa.array([row[0] for row in rows], pa.string()),
                "label": _column([row[1] for row in rows]),
                "label_ts": pa.array([row[2] for row in rows], pa.timestamp("us", tz="UTC")),
            }
        )

    def rows(self, model: str) -> int:
        """Say how many labels have come, corrections of earlier ones too: it grows with every one."""
        query = sa.select(sa.func.count()).where(prediction_labels.c.model == model)
        with self.database.reading() as connection:
            return connection.execute(query).scalar() or 0

    def corrections(self, model: str) -> int:
        """Say how many of the labels came for a prediction that had one: it grows when a known truth may change."""
        ids = sa.distinct(prediction_labels.c.prediction_id)
        query = sa.select(sa.func.count() - sa.func.count(ids)).where(prediction_labels.c.model == model)
        with self.database.reading() as connection:
            return connection.execute(query).scalar() or 0


def _column(values: Sequence[object]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values) and values:
        return pa.array(values, pa.float64())
    return pa.array([label_text(value) for value in values], pa.string())


def by_key(
    model: str, log: PredictionLog, key: Sequence[str], rows: Sequence[tuple[Mapping[str, object], LabelValue]]
) -> tuple[list[tuple[str, LabelValue]], int]:
    """Find the predictions made for each key: labels by id, and the number of rows whose key was never scored.

    Parameters
    ----------
    model, log, key, rows
        As for `Labels.add_by_key`.

    Raises
    ------
    WrongData
        The predictions were made without those columns.
    """
    predictions = _predictions(model, log, key)
    found: list[tuple[str, LabelValue]] = []
    unmatched = 0
    renamed = _renaming(predictions, log, len(key))
    for identity, value in rows:
        asked = tuple(rename(_text(identity.get(name))) for rename, name in zip(renamed, key, strict=True))
        ids = predictions.get(asked, ())
        found += [(each, value) for each in ids]
        unmatched += not ids
    return found, unmatched


def _renaming(known: Collection[tuple[str, ...]], log: PredictionLog, columns: int) -> list[Callable[[str], str]]:
    """Give for each key column what makes of a value the one that the log holds: its pseudonym, or itself.

    Whoever knows what turned out true knows people by their own names.
    """
    names = log.pseudonyms
    if names is None:
        return [str] * columns
    return [
        (lambda text: names.of(text) or text) if any(is_pseudonym(each[place]) for each in known) else str
        for place in range(columns)
    ]


def _predictions(model: str, log: PredictionLog, key: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    rows = log.read(model)
    names = [
        next((prefix + name for prefix in (CARRIED, FEATURE) if prefix + name in rows.column_names), "") for name in key
    ]
    if not all(names) and rows.num_rows:
        lacking = [name for name, found in zip(key, names, strict=True) if not found]
        raise WrongData(
            f"the predictions of {model} hold no column {lacking[0]!r}",
            why="labels can only be joined by columns that came with the request",
            mend="give the labels by prediction_id, or send the key along with each row",
            code="N-PREDICTIONS-001",
        )
    found: dict[tuple[str, ...], list[str]] = {}
    if not rows.num_rows:
        return found
    ids = rows["prediction_id"].to_pylist()
    keys = zip(*(map(_text, rows[name].to_pylist()) for name in names), strict=True)
    for identity, prediction in zip(keys, ids, strict=True):
        found.setdefault(identity, []).append(prediction)
    return found


def _text(value: object) -> str:
    # 7 of a CSV file is the 7.0 of a column that had gaps.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
