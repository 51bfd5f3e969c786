"""What is drawn of an evaluation: thinned curves and points, small enough to keep with the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation.clustering import sizes
from noria.evaluation.resampling import draw, kept_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from noria.evaluation.judged import Judged

__all__ = [
    "Clusters", "Ranking", "Residuals", "Roc", "Scores", "clusters", "ranking", "residuals", "roc", "scores",
]  # fmt: skip

_GRID = 101
_POINTS = 600
_BAND = 300
_MOST_CURVES = 6


@dataclass(frozen=True)
class Roc:
    """True positives bought with false positives, with a 95 % band at each false positive rate.

    Attributes
    ----------
    name : str
        The positive class.
    fpr, tpr, low, high : tuple of float
        On 101 false positive rates from 0 to 1.
    auc : float
        Area under the whole curve.
    """

    name: str
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    auc: float


@dataclass(frozen=True)
class Ranking:
    """What calling the rows with the highest scores finds, on 101 places from 0 to 1, with 95 % bands.

    Attributes
    ----------
    grid : tuple of float
        Shares: of the rows for `gain`, of the positives for `precision`.
    gain, gain_low, gain_high : tuple of float
        Share of the positives among so many rows with the highest scores.
    precision, precision_low, precision_high : tuple of float
        Best precision with at least such a recall.
    base : float
        Share of positives in all rows.
    """

    grid: tuple[float, ...]
    gain: tuple[float, ...]
    gain_low: tuple[float, ...]
    gain_high: tuple[float, ...]
    precision: tuple[float, ...]
    precision_low: tuple[float, ...]
    precision_high: tuple[float, ...]
    base: float


@dataclass(frozen=True)
class Scores:
    """How the scores of positives and negatives are spread over twenty bins of equal width."""

    edges: tuple[float, ...]
    positive: tuple[int, ...]
    negative: tuple[int, ...]


@dataclass(frozen=True)
class Residuals:
    """A sample of rows, and the mean residual along the predictions.

    Attributes
    ----------
    predicted, truth : tuple of float
        At most 600 rows.
    centre, mean, low, high : tuple of float
        Per bin of predictions: its mean, the mean residual and its 95 % interval.
    bias, spread : float
        Mean and standard deviation of truth minus prediction.
    """

    predicted: tuple[float, ...]
    truth: tuple[float, ...]
    centre: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    bias: float
    spread: float


@dataclass(frozen=True)
class Clusters:
    """Sizes, and a sample of rows on the plane that shows most of their spread.

    Attributes
    ----------
    sizes : mapping of str to int
        Rows by cluster; ``-1`` is noise.
    x, y : tuple of float
        First two principal components, at most 600 rows.
    label : tuple of int
        Their clusters.
    shown : float or None
        Share of the variance the plane shows.
    """

    sizes: Mapping[str, int]
    x: tuple[float, ...]
    y: tuple[float, ...]
    label: tuple[int, ...]
    shown: float | None


def roc(rows: Judged, *, seed: int, level: float = 0.95, groups: NDArray[np.generic] | None = None) -> tuple[Roc, ...]:
    """Draw ROC curves: one for two classes, one per class against the rest for up to six; bands draw whole groups.

    References
    ----------
    Fawcett, T. (2006). An introduction to ROC analysis. Pattern Recognition Letters 27(8). (vertical averaging)
    """
    if rows.proba is None:
        return ()
    numbers = range(len(rows.classes)) if rows.positive is None else (rows.positive,)
    if len(numbers) > _MOST_CURVES:
        return ()
    return tuple(
        _curve(str(rows.classes[number]), rows.proba[:, number], rows.truth == number, groups, seed, level)
        for number in numbers
        if 0 < int((rows.truth == number).sum()) < rows.n
    )


def ranking(
    rows: Judged, *, seed: int, level: float = 0.95, groups: NDArray[np.generic] | None = None
) -> Ranking | None:
    """Follow what the highest scores find; None unless there are two classes with rows, and probabilities.

    How many of the rows are positive is a matter of chance, and precision depends on it: resamples hold their number
    only where they could lose them all. Whole groups are drawn where rows depend on each other.

    References
    ----------
    Davis, J. & Goadrich, M. (2006). The relationship between precision-recall and ROC curves. ICML 23. (no straight
    lines between points of precision and recall)
    """
    if rows.positive is None or rows.proba is None:
        return None
    score, hit = rows.score, rows.truth == rows.positive
    if not 0 < hit.sum() < rows.n:
        return None
    order = np.argsort(-score, kind="stable")
    ends, ordered = np.append(np.flatnonzero(np.diff(score[order])), rows.n - 1), hit[order]
    grid = np.linspace(0, 1, _GRID)

    def at(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        found, called = np.cumsum(counts * ordered)[ends], np.cumsum(counts)[ends]
        gain = np.interp(grid, np.append(0.0, called / called[-1]), np.append(0.0, found / found[-1]))
        share = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        best = np.maximum.accumulate(share[::-1])[::-1]  # of all thresholds with at least this recall
        place = np.searchsorted(found / found[-1], grid - 1e-12, side="left")
        return np.stack([gain, best[np.minimum(place, len(best) - 1)]])

    whole = at(np.ones(rows.n))
    low, high = _band(at, order, hit, kept_classes(hit), groups, seed, level)
    gain, precision = ([tuple(_short(side[at])) for side in (whole, low, high)] for at in (0, 1))
    return Ranking(
        tuple(_short(grid)), gain[0], gain[1], gain[2], precision[0], precision[1], precision[2], float(hit.mean())
    )


def scores(rows: Judged) -> Scores | None:
    """Count scores by class; None unless there are two classes and probabilities."""
    if rows.positive is None or rows.proba is None:
        return None
    edges = np.linspace(0, 1, 21)
    hit = rows.truth == rows.positive
    return Scores(
        tuple(edges.tolist()),
        tuple(np.histogram(rows.score[hit], edges)[0].tolist()),
        tuple(np.histogram(rows.score[~hit], edges)[0].tolist()),
    )


def residuals(rows: Judged, *, seed: int) -> Residuals:
    """Sample residuals and follow their mean along the predictions."""
    error = np.asarray(rows.truth - rows.predicted, dtype=np.float64)
    picked = _sample(rows.n, seed)
    order = np.argsort(rows.predicted, kind="stable")
    parts = [part for part in np.array_split(order, min(10, max(1, rows.n // 20))) if len(part) > 1]
    half = [1.96 * float(error[part].std(ddof=1)) / np.sqrt(len(part)) for part in parts]
    mean = [float(error[part].mean()) for part in parts]
    return Residuals(
        tuple(_short(rows.predicted[picked])),
        tuple(_short(rows.truth[picked])),
        tuple(float(rows.predicted[part].mean()) for part in parts),
        tuple(mean),
        tuple(value - width for value, width in zip(mean, half, strict=True)),
        tuple(value + width for value, width in zip(mean, half, strict=True)),
        float(error.mean()),
        float(error.std(ddof=1)) if rows.n > 1 else 0.0,
    )


def clusters(rows: Judged, *, seed: int) -> Clusters:
    """Count clusters and lay a sample of rows on a plane."""
    labels = np.asarray(rows.predicted, dtype=np.int64)
    counted = {str(label): count for label, count in sizes(labels).items()}
    if rows.space is None or rows.n < 3 or rows.space.shape[1] < 2:
        return Clusters(counted, (), (), (), None)
    picked = _sample(rows.n, seed)
    centred = rows.space - rows.space.mean(axis=0)
    _, strength, axes = np.linalg.svd(centred[_sample(rows.n, seed, 5000)], full_matrices=False)
    total = float((strength**2).sum())
    # The sign of a component is arbitrary: fix it so that the same rows are drawn the same way round.
    axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    plane = centred[picked] @ axes.T
    return Clusters(
        counted,
        tuple(_short(plane[:, 0])),
        tuple(_short(plane[:, 1])),
        tuple(labels[picked].tolist()),
        float((strength[:2] ** 2).sum() / total) if total > 0 else None,
    )


def _curve(
    name: str,
    score: NDArray[np.float64],
    hit: NDArray[np.bool_],
    groups: NDArray[np.generic] | None,
    seed: int,
    level: float,
) -> Roc:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    ordered, grid = hit[order], np.linspace(0, 1, _GRID)

    def at(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        tpr = np.append(0.0, np.cumsum(counts * ordered)[ends])
        fpr = np.append(0.0, np.cumsum(counts * ~ordered)[ends])
        tpr, fpr = tpr / tpr[-1], fpr / fpr[-1]
        return np.interp(grid, fpr, np.maximum.accumulate(tpr)), float(np.trapezoid(tpr, fpr))

    tpr, auc = at(np.ones(len(score)))
    # Both rates are of one class each: how many rows each class has is no matter of the curve.
    low, high = _band(lambda counts: at(counts)[0], order, hit, hit.astype(np.int64), groups, seed, level)
    low[0] = 0.0  # the curve starts at the origin whatever the sample
    return Roc(name, tuple(_short(grid)), tuple(_short(tpr)), tuple(_short(low)), tuple(_short(high)), auc)


def _band(
    at: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    order: NDArray[np.intp],
    hit: NDArray[np.bool_],
    strata: NDArray[np.int64] | None,
    groups: NDArray[np.generic] | None,
    seed: int,
    level: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give what resamples lie between; everything where most of them lose a class, or all rows are of one group."""
    n = len(hit)
    drawn: list[NDArray[np.float64]] = []
    asked = min(_BAND, max(60, 20_000_000 // n))
    for weights in draw(n, asked, seed=seed, strata=strata, groups=groups):
        whole = [counts for counts in weights.counts[order].T if 0 < counts @ hit[order] < counts.sum()]
        drawn += [at(counts) for counts in whole]
    if len(drawn) < asked / 2 or (groups is not None and len(np.unique(groups)) < 2):
        shape = at(np.ones(n)).shape
        return np.zeros(shape), np.ones(shape)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _sample(n: int, seed: int, size: int = _POINTS) -> NDArray[np.intp]:
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def _short(values: NDArray[np.generic]) -> list[float]:
    """Keep five significant digits: more cannot be seen, and they would be most of the record's size."""
    return [float(f"{value:.5g}") for value in values]
