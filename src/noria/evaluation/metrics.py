"""The metrics: a definition and its arithmetic, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation import classification, clustering, regression
from noria.evaluation.catalogue import DEFINITIONS, Definition, Task, find
from noria.evaluation.judged import Answers, Judged, Label, Prediction, judged, place_of
from noria.evaluation.resampling import Weights, number, ones

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["METRICS", "Metric", "applicable", "error_for", "get", "value"]


@dataclass(frozen=True)
class Metric(Definition):
    """A metric that can be computed.

    Attributes
    ----------
    prepare : callable
        Takes judged rows, gives the statistic over `Weights`: one number per resample, NaN where not defined.
    """

    prepare: Callable[[Judged], Callable[[Weights], NDArray[np.float64]]] = lambda rows: lambda weights: np.empty(0)

    def function(self, rows: Judged) -> float:
        """Give the metric of the rows themselves; NaN where it is not defined."""
        return float(self.prepare(rows)(ones(rows.n))[0])

    def improvement(self, difference: float) -> float:
        """Turn a difference of values so that more is better."""
        return difference if self.greater_is_better else -difference


_ROOMS = {"classification": classification, "regression": regression, "clustering": clustering}

METRICS: Mapping[str, Metric] = {
    name: Metric(
        **{field.name: getattr(each, field.name) for field in fields(each)}, prepare=getattr(_ROOMS[each.task], name)
    )
    for name, each in DEFINITIONS.items()
}
"""Every metric, by name."""


def get(name: str | None, task: Task | None = None) -> Metric:
    """Look a metric up; None gives the one the task is decided by.

    Raises
    ------
    WrongSetting
        There is no such metric, or it belongs to another task.

    Examples
    --------
    >>> get(None, "classification").name, get("rmse").greater_is_better
    ('roc_auc', False)
    """
    return METRICS[find(name, task).name]


def applicable(rows: Judged) -> tuple[Metric, ...]:
    """List the metrics that these rows have the inputs for."""
    return tuple(
        metric
        for metric in METRICS.values()
        if metric.task == rows.task
        and not (metric.needs == "proba" and rows.proba is None)
        and not (metric.needs == "count" and not regression.is_count(rows))
    )


def value(
    name: str,
    y: ArrayLike | None,
    prediction: Answers,
    *,
    classes: Sequence[Label] | None = None,
    positive: Label | None = None,
    space: NDArray[np.float64] | None = None,
) -> float | None:
    """Compute one metric.

    Parameters
    ----------
    name : str
        See `METRICS`.
    y, prediction, classes, positive, space
        See `noria.evaluation.judged.judged`.

    Returns
    -------
    float or None
        None where the metric is not defined, as the AUC of one class.

    Examples
    --------
    >>> value("rmse", [1.0, 2.0], Prediction(np.array([1.0, 4.0])))
    1.4142135623730951
    """
    metric = get(name)
    return number(metric.function(judged(metric.task, y, prediction, classes=classes, positive=positive, space=space)))


def error_for(
    metric: Metric | str, *, classes: Sequence[Label] | None = None, positive: Label | None = None
) -> Callable[[ArrayLike, object], float]:
    """Make a metric an error for the search: lower is better.

    Parameters
    ----------
    metric : Metric or str
        What decides.
    classes : sequence, optional
        Labels of the probability columns. Left out, the columns stand for the sorted labels, or for 0, 1, … where the
        truth is encoded so.
    positive : label, optional
        The positive of two classes, by default the last. Ignored where the truth is encoded and does not hold it.

    Returns
    -------
    callable
        Takes the truth and a prediction: values; labels; probabilities of shape (n_rows, n_classes); or an object with
        ``values``, ``proba`` and ``classes``. Gives 1 - metric for shares that should be high, the metric itself
        where less is better, else its negative; ``inf`` where it is not defined.

    Examples
    --------
    >>> error = error_for("roc_auc")
    >>> error(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    0.0
    """
    found = get(metric) if isinstance(metric, str) else metric

    def error(y: ArrayLike, prediction: object) -> float:
        got = found.function(_rows(found, y, prediction, classes, positive))
        return found.error(got) if np.isfinite(got) else float("inf")

    return error


def _rows(
    metric: Metric, y: ArrayLike, prediction: object, classes: Sequence[Label] | None, positive: Label | None
) -> Judged:
    task = metric.task
    if isinstance(prediction, Prediction):
        given = prediction.classes or classes
        return judged(task, y, prediction, classes=classes, positive=_among(positive, given or np.asarray(y).tolist()))
    values = getattr(prediction, "values", prediction)
    proba, given = getattr(prediction, "proba", None), getattr(prediction, "classes", None) or classes
    array = np.asarray(values)
    if task != "classification" or (array.ndim == 1 and proba is None and metric.needs != "proba"):
        return judged(task, y, Prediction(array, None, tuple(given) if given else None), positive=None)
    matrix = np.asarray(array if proba is None else proba, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = np.column_stack([1 - matrix, matrix])
    columns = tuple(given) if given else _columns(np.asarray(y), matrix.shape[1])
    labels = np.empty(len(columns), dtype=object)
    labels[:] = columns
    called = labels[matrix.argmax(axis=1)] if proba is None else array
    return judged(task, y, Prediction(called, matrix, columns), positive=_among(positive, columns))


def _among(positive: Label | None, labels: Sequence[Label]) -> Label | None:
    return positive if positive is not None and place_of(positive, labels) is not None else None


def _columns(y: NDArray[np.generic], k: int) -> tuple[Label, ...]:
    if y.dtype.kind in "iu" and (not len(y) or (y.min() >= 0 and y.max() < k)):
        return tuple(range(k))
    labels = sorted(set(y.tolist()), key=lambda label: (type(label).__name__, label))
    return tuple(labels) if len(labels) == k else tuple(range(k))
