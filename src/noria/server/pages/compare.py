"""What the page that sets runs side by side shows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from noria.errors import Misused
from noria.evaluation.catalogue import DEFINITIONS
from noria.server.pages.columns import Column, tabulate
from noria.server.pages.series import Curve, chosen, curve, matching
from noria.server.wording import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.runs.run import Run
    from noria.workspace import Workspace

__all__ = ["CompareView", "Compared", "MetricCell", "MetricRow", "ParamRow", "compare", "greater_is_better", "survey"]

DRAWN_POINTS = 500
"""Points of a curve drawn by the server."""

DRAWN_CURVES = 10

_LOWER = frozenset(
    (
        "loss", "error", "mse", "rmse", "mae", "mape", "brier", "deviance",
        "perplexity", "wer", "cer", "fpr", "fnr", "seconds", "ms",
    )
)  # fmt: skip
_GREATER = frozenset(
    (
        "auc", "acc", "accuracy", "f1", "precision", "recall", "r2", "score",
        "gini", "map", "ndcg", "iou", "dice", "tpr",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """A run at the head of its column."""

    id: str
    name: str
    status: str
    started: datetime
    seconds: float | None


@dataclass(frozen=True)
class ParamRow:
    """One param of all runs; None where a run does not have it."""

    name: str
    values: tuple[str | None, ...]
    differs: bool


@dataclass(frozen=True)
class MetricCell:
    """A run's latest value, and how far it is from the first run's."""

    value: float | None
    difference: float | None
    best: bool
    better: bool | None


@dataclass(frozen=True)
class MetricRow:
    """One metric of all runs; `greater` says which way is better, None where nobody knows."""

    name: str
    cells: tuple[MetricCell, ...]
    greater: bool | None


@dataclass(frozen=True)
class CompareView:
    """The page.

    Parameters
    ----------
    runs : tuple of Compared
        Side by side; none when the page is about a filter alone.
    params : tuple of ParamRow
        Those that differ, or all.
    alike : int
        Params that are the same everywhere.
    everything : bool
        Whether the ones that are the same are shown too.
    metrics : tuple of MetricRow
        All metrics.
    metric : str
        Whose curves are drawn; empty when no run has a metric.
    curves : tuple of Curve
        They, thinned for a drawing.
    where : str or None
        The filter whose runs the last two views show; None when they show the runs of the page.
    limit : int
        How many the filter may give.
    shown : int
        Runs in the last two views.
    more : bool
        Whether the filter keeps more runs than are shown.
    table : tuple of Column
        Columns of the newest of them, for reading without scripts.
    listed : tuple of Compared
        The rows of that table.
    chosen_query, points_query, curves_query : str
        Queries of the page's runs, of the columns and of the curves.
    problem : mapping or None
        What is wrong with the filter.
    """

    runs: tuple[Compared, ...]
    params: tuple[ParamRow, ...]
    alike: int
    everything: bool
    metrics: tuple[MetricRow, ...]
    metric: str
    curves: tuple[Curve, ...]
    where: str | None
    limit: int
    shown: int
    more: bool
    table: tuple[Column, ...]
    listed: tuple[Compared, ...]
    chosen_query: str
    points_query: str
    curves_query: str
    problem: Mapping[str, str] | None = None


def compare(
    workspace: Workspace,
    ids: Sequence[str],
    *,
    metric: str = "",
    everything: bool = False,
    where: str | None = None,
    limit: int = 1000,
) -> CompareView:
    """Set runs side by side.

    Parameters
    ----------
    workspace : Workspace
        The project.
    ids : sequence of str
        Two to a hundred runs; none to see only those of a filter.
    metric : str
        Whose curves to draw; the one with the longest histories, when it is left out or unknown.
    everything : bool
        Also the params that are the same everywhere.
    where : str, optional
        A filter whose runs are shown as lines and points instead of the chosen ones.
    limit : int
        How many of those, the newest.

    Raises
    ------
    RunNotFound
        One of the runs is not there.
    WrongArgument
        One run alone, or more than a hundred.
    """
    runs = chosen(workspace, ids, least=2) if ids or where is None else []
    deciding = workspace.project.settings.model.metric or ""
    problem = None
    many, more = list(runs), False
    if where is not None:
        try:
            many = matching(workspace, where, limit + 1)
        except Misused as error:
            many, problem = [], error.to_dict()
        many, more = many[:limit], len(many) > limit
    params = _params(runs)
    metrics = _metrics(runs, deciding)
    drawn = _drawn(runs, metric, deciding)
    chosen_query = urlencode([("run", run.id) for run in runs])
    points = [("where", where), ("limit", limit)] if where is not None else [("run", run.id) for run in runs]
    table = tabulate(many[:DRAWN_POINTS], deciding)
    return CompareView(
        runs=tuple(_compared(run) for run in runs),
        params=tuple(row for row in params if everything or row.differs),
        alike=sum(not row.differs for row in params),
        everything=everything,
        metrics=metrics,
        metric=drawn,
        curves=tuple(curve(workspace, run, drawn, DRAWN_POINTS) for run in runs[:DRAWN_CURVES]) if drawn else (),
        where=where,
        limit=limit,
        shown=len(many),
        more=more,
        table=tuple(column for column in table.columns if column.key in table.axes),
        listed=tuple(_compared(run) for run in many[:DRAWN_POINTS]),
        chosen_query=chosen_query,
        points_query=urlencode(points),
        curves_query=urlencode([*(("run", run.id) for run in runs[:DRAWN_CURVES]), ("metric", drawn)]),
        problem=problem,
    )


def survey(workspace: Workspace, limit: int = 5) -> list[Run]:
    """Give the newest runs that have metrics: what a page without a choice offers to begin with."""
    return [run for run in workspace.runs.list(limit * 4) if run.latest][:limit]


def greater_is_better(metric: str) -> bool | None:
    """Say which way a metric is better, from its name; None where it does not tell.

    Examples
    --------
    >>> greater_is_better("roc_auc"), greater_is_better("val_loss"), greater_is_better("epoch")
    (True, False, None)
    >>> greater_is_better("valid/multi_logloss"), greater_is_better("training_f1_score")
    (False, True)
    """
    if metric in DEFINITIONS:
        return DEFINITIONS[metric].greater_is_better
    words = metric.lower().replace("/", "_").replace("-", "_").replace(".", "_").split("_")
    # An error decides before anything else: "score_error" is an error. "logloss" is written together.
    if any(word in _LOWER or word.endswith("loss") for word in words):
        return False
    return True if any(word in _GREATER for word in words) else None


def _compared(run: Run) -> Compared:
    return Compared(run.id, run.name, run.status, run.started, run.seconds)


def _params(runs: Sequence[Run]) -> list[ParamRow]:
    rows = []
    for name in sorted({name for run in runs for name in run.params}):
        values = tuple(plain(run.params[name]) if name in run.params else None for run in runs)
        rows.append(ParamRow(name, values, len(set(values)) > 1))
    return rows


def _metrics(runs: Sequence[Run], deciding: str) -> tuple[MetricRow, ...]:
    names = sorted({name for run in runs for name in run.latest}, key=lambda name: (name != deciding, name))
    return tuple(_metric(name, [run.metrics.get(name) for run in runs]) for name in names)


def _metric(name: str, values: Sequence[float | None]) -> MetricRow:
    greater = greater_is_better(name)
    finite = [value for value in values if value is not None and math.isfinite(value)]
    best = None if greater is None or len(set(finite)) < 2 else max(finite) if greater else min(finite)
    first = values[0] if values else None
    cells = []
    for place, value in enumerate(values):
        difference = None
        if place and value is not None and first is not None and math.isfinite(value) and math.isfinite(first):
            difference = value - first
        better = (difference > 0) is greater if difference and greater is not None else None
        cells.append(MetricCell(value, difference, best is not None and value == best, better))
    return MetricRow(name, tuple(cells), greater)


def _drawn(runs: Sequence[Run], wanted: str, deciding: str) -> str:
    """Choose the metric whose curves are drawn: the one asked for, else one that has gone far in most runs."""
    counts = Counter(name for run in runs for name in run.latest)
    if wanted in counts:
        return wanted
    steps = {name: max(run.latest[name].step for run in runs if name in run.latest) for name in counts}
    return max(counts, key=lambda name: (steps[name] > 0, counts[name], name == deciding, steps[name]), default="")
