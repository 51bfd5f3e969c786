"""Where the model is weakest: the metric in every category and quantile bin, without being fooled by small slices.

The worst of many small slices looks bad by chance alone. So each slice's value is pulled towards the whole by as much
as its own noise asks for (empirical Bayes), never further than its own interval allows when all slices are looked at
together. The worst is chosen, and judged by gates, on the pulled value.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from noria.evaluation.resampling import Distance, Estimate, distribution, draw, interval, kept_classes, ones

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from noria.evaluation.judged import Judged
    from noria.evaluation.metrics import Metric

__all__ = ["Slice", "cut", "parts", "slices", "worst"]

_MIN_ROWS = 30
_MIN_OF_CLASS = 5
_LEVELS = 12
_BINS = 4
_WORK = 20_000_000  # counts drawn for all slices together, about a second


@dataclass(frozen=True)
class Slice:
    """Part of the test rows.

    Attributes
    ----------
    column, label : str
        What cuts it out: ``grade``, ``A``; ``age``, ``below 27``; ``income``, ``missing``.
    n : int
        Rows.
    estimate : Estimate
        The metric within, with its interval.
    pulled : float
        The value pulled towards the whole by its own noise.
    """

    column: str
    label: str
    n: int
    estimate: Estimate
    pulled: float

    @property
    def name(self) -> str:
        """Column and label."""
        return f"{self.column}: {self.label}"

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {**vars(self), "estimate": self.estimate.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Slice:
        """Read what `to_json` gave."""
        return cls(**{**data, "estimate": Estimate(**data["estimate"])})  # type: ignore[arg-type]  # our own JSON


def slices(
    rows: Judged, frame: pd.DataFrame, metric: Metric, *, seed: int = 7, resamples: int = 300, level: float = 0.95
) -> tuple[Slice, ...]:
    """Judge every slice that is large enough, the weakest first.

    Parameters
    ----------
    rows : Judged
        All test rows.
    frame : DataFrame, shape (n_rows, n_columns)
        Columns to slice by, in the same order.
    metric : Metric
        What is judged.
    seed, resamples, level
        Of the bootstrap; fewer resamples are drawn where there are many rows.

    References
    ----------
    Efron, B. & Morris, C. (1972). Limiting the risk of Bayes and empirical Bayes estimators, part II. JASA 67.
    Efron, B. & Morris, C. (1975). Data analysis using Stein's estimator and its generalizations. JASA 70.
    DerSimonian, R. & Laird, N. (1986). Meta-analysis in clinical trials. Controlled Clinical Trials 7(3).
    """
    whole = metric.function(rows)
    if not np.isfinite(whole):
        return ()
    resamples = int(np.clip(_WORK // max(1, rows.n * frame.shape[1]), 60, resamples))
    found = []
    for column, label, inside in cut(frame):
        part = _large_enough(rows, inside)
        if part is None:
            continue
        statistic = metric.prepare(part)
        value = float(statistic(ones(part.n))[0])
        strata = kept_classes(part.truth) if part.task == "classification" else None
        judging = statistic.scaled(part.n) if isinstance(statistic, Distance) else statistic
        drawn = distribution({"": judging}, draw(part.n, resamples, seed=seed, strata=strata))[""]
        low, high = interval(drawn, level, around=value if metric.biased else None)
        if np.isfinite(value) and low is not None and high is not None:
            error = float(np.nanstd(drawn.reshape(len(drawn), -1)[:, 0], ddof=1))  # a distance as it is comes first
            found.append((column, label, part.n, Estimate(value, low, high), error))
    if not found:
        return ()
    pulled = _pull(np.array([row[3].value for row in found]), np.array([row[4] for row in found]), whole)
    done = [Slice(*row[:4], float(value)) for row, value in zip(found, pulled, strict=True)]
    return tuple(sorted(done, key=lambda each: (each.pulled if metric.greater_is_better else -each.pulled, each.name)))


def worst(found: tuple[Slice, ...]) -> Slice | None:
    """Give the weakest slice, or None where none was large enough."""
    return found[0] if found else None


def cut(frame: pd.DataFrame, *, levels: int | None = _LEVELS) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Cut rows by each column: its common categories, its quarters, and where it is missing; times only by the last.

    Parameters
    ----------
    frame : DataFrame, shape (n_rows, n_columns)
        Columns to cut by.
    levels : int or None
        Categories of a column at most, the commonest first; None for all of them.

    Examples
    --------
    >>> import pandas as pd
    >>> [(column, label, int(inside.sum())) for column, label, inside in cut(pd.DataFrame({"a": ["x", "y", "x"]}))]
    [('a', 'x', 2), ('a', 'y', 1)]
    """
    for name in frame.columns:
        missing = frame[name].isna().to_numpy(dtype=bool)
        if missing.any() and not missing.all():
            yield str(name), "missing", missing
        if frame[name].dtype.kind != "M":
            labels, place = parts(frame[name])
            for number, label in enumerate(labels[: len(labels) - bool(missing.any())][:levels]):
                yield str(name), label, place == number


def parts(column: pd.Series[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """Say of every row which part of a column it belongs to.

    Parameters
    ----------
    column : Series, shape (n_rows,)
        Of any kind but times.

    Returns
    -------
    labels : list of str
        The categories, the commonest first, or the quarters of a number of more than twelve values; in the end
        ``missing``, where a value is.
    place : ndarray of int, shape (n_rows,)
        Position of each row's part among them.

    Examples
    --------
    >>> import pandas as pd
    >>> labels, place = parts(pd.Series(["x", "y", None, "y"]))
    >>> labels, place.tolist()
    (['y', 'x', 'missing'], [1, 0, 2, 0])
    """
    missing = column.isna().to_numpy(dtype=bool)
    if column.dtype.kind in "iuf" and column.nunique() > _LEVELS:
        labels, place = _quarters(column.to_numpy(dtype=np.float64, na_value=np.nan), missing)
    else:
        found, values = column.factorize()
        counts = np.bincount(found[~missing], minlength=len(values))
        order = np.argsort(-counts, kind="stable")
        labels = [_text(values[at]) for at in order]
        if missing.any():  # nobody takes a text for what is not there
            labels = [repr(label) if label == "missing" else label for label in labels]
        place = np.append(np.argsort(order), -1)[found].astype(np.int64)
    place[missing] = len(labels)
    return labels + ["missing"] * bool(missing.any()), place


def _quarters(values: NDArray[np.float64], missing: NDArray[np.bool_]) -> tuple[list[str], NDArray[np.int64]]:
    edges = np.unique(np.quantile(values[~missing], np.arange(1, _BINS) / _BINS))
    found = np.searchsorted(edges, values, side="right")
    middle = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    labels = [f"below {edges[0]:.4g}", *middle, f"{edges[-1]:.4g} and above"]
    used = np.unique(found[~missing])
    return [labels[at] for at in used], np.searchsorted(used, found).astype(np.int64)


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _large_enough(rows: Judged, inside: NDArray[np.bool_]) -> Judged | None:
    n = int(inside.sum())
    if n < _MIN_ROWS or n == rows.n:
        return None
    part = rows.take(inside)
    if part.task == "classification":
        counts = np.bincount(part.truth, minlength=len(rows.classes))
        if (counts >= _MIN_OF_CLASS).sum() < 2:
            return None
    return part


def _pull(value: NDArray[np.float64], error: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    """Weigh each value against the whole by its variance and the variance between slices.

    One slice that is truly bad among many good ones would be pulled along with them; so none is pulled out of its own
    simultaneous interval (Bonferroni).
    """
    within = np.maximum(error**2, 1e-12)
    weight = 1 / within
    excess = float((weight * (value - whole) ** 2).sum() - len(value))
    between = max(0.0, excess / float(weight.sum()))
    pulled = whole + (value - whole) * between / (between + within)
    most = float(stats.norm.isf(0.025 / len(value))) * error
    return np.clip(pulled, value - most, value + most)
