"""What is drawn of an evaluation: thinned curves and points, small enough to keep with the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation.clustering import sizes
from noria.evaluation.resampling import draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.evaluation.judged import Judged

__all__ = ["Clusters", "Residuals", "Roc", "Scores", "clusters", "residuals", "roc", "scores"]

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


def roc(rows: Judged, *, seed: int, level: float = 0.95) -> tuple[Roc, ...]:
    """Draw ROC curves: one for two classes, one per class against the rest for up to six.

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
        _curve(str(rows.classes[number]), rows.proba[:, number], rows.truth == number, seed, level)
        for number in numbers
        if 0 < int((rows.truth == number).sum()) < rows.n
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


def _curve(name: str, score: NDArray[np.float64], hit: NDArray[np.bool_], seed: int, level: float) -> Roc:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    ordered, grid = hit[order], np.linspace(0, 1, _GRID)

    def at(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        tpr = np.append(0.0, np.cumsum(counts * ordered)[ends])
        fpr = np.append(0.0, np.cumsum(counts * ~ordered)[ends])
        tpr, fpr = tpr / tpr[-1], fpr / fpr[-1]
        return np.interp(grid, fpr, np.maximum.accumulate(tpr)), float(np.trapezoid(tpr, fpr))

    tpr, auc = at(np.ones(len(score)))
    drawn = [
        at(counts)[0]
        for weights in draw(len(score), min(_BAND, max(60, 20_000_000 // len(score))), seed=seed, strata=hit * 1)
        for counts in weights.counts[order].T
    ]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low[0] = 0.0  # the curve starts at the origin whatever the sample
    return Roc(name, tuple(_short(grid)), tuple(_short(tpr)), tuple(_short(low)), tuple(_short(high)), auc)


def _sample(n: int, seed: int, size: int = _POINTS) -> NDArray[np.intp]:
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def _short(values: NDArray[np.generic]) -> list[float]:
    """Keep five significant digits: more cannot be seen, and they would be most of the record's size."""
    return [float(f"{value:.5g}") for value in values]
