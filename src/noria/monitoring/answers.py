"""Rows of the prediction log as truth and prediction, the way evaluation takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noria.evaluation.judged import Prediction
from noria.predictions.entry import CARRIED, FEATURE, PROBABILITY
from noria.scoring.answers import label_text

if TYPE_CHECKING:
    from noria.evaluation.catalogue import Task

__all__ = ["groups", "prediction", "truth"]


def truth(rows: pa.Table, task: Task) -> np.ndarray:
    """Give the labels: text of the class, or number.

    Parameters
    ----------
    rows : Table
        Labelled rows: column ``label``.
    task : str
        Numbers in regression.
    """
    return _values(rows["label"], task)


def prediction(rows: pa.Table, task: Task) -> Prediction:
    """Give what was answered, with the probability of each class where every row has them.

    Parameters
    ----------
    rows : Table
        Columns ``prediction`` and ``p.CLASS``; those of classes that only another version had are null.
    task : str
        Numbers in regression.

    Examples
    --------
    >>> rows = pa.table({"prediction": ["a"], "p.a": [0.7], "p.b": [0.3], "p.c": pa.nulls(1)})
    >>> prediction(rows, "classification").classes
    ('a', 'b')
    """
    values = _values(rows["prediction"], task)
    names = [name for name in rows.column_names if name.startswith(PROBABILITY) and not rows[name].null_count]
    if task != "classification" or len(names) < 2:
        return Prediction(values)
    columns = [np.asarray(rows[name].to_numpy(), dtype=np.float64) for name in names]
    return Prediction(values, np.column_stack(columns), tuple(name.removeprefix(PROBABILITY) for name in names))


def groups(rows: pa.Table, group: str | None) -> np.ndarray | None:
    """Number the groups that rows belong to, as those of one customer or device.

    Parameters
    ----------
    rows : Table
        Column ``k.GROUP``, as what came along with a request is logged, or ``x.GROUP``.
    group : str or None
        Name of the column, as [data] names it.

    Returns
    -------
    ndarray of int, shape (n,), or None
        A row without a group is its own. None where no two rows share one, or requests do not bring the column.

    Examples
    --------
    >>> groups(pa.table({"k.device": ["a", None, "a", None]}), "device").tolist()
    [0, 1, 0, 2]
    """
    column = next(
        (prefix + group for prefix in (CARRIED, FEATURE) if group and prefix + group in rows.column_names), ""
    )
    if not column:
        return None
    named = rows[column].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    alone = named < 0
    codes = np.where(alone, named.max(initial=-1) + np.cumsum(alone), named)
    return codes if len(np.unique(codes)) < len(codes) else None


def _values(column: pa.ChunkedArray, task: Task) -> np.ndarray:
    if task == "regression":
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    return np.array([label_text(value) for value in column.to_pylist()], dtype=object)
