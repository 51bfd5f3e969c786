"""Classification metrics over weighted rows: each takes judged rows once and then any number of resamples.

A resample in which a metric is not defined (a class is missing) gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation.calibration import bins_of
from noria.evaluation.resampling import Distance, ones

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.evaluation.judged import Judged
    from noria.evaluation.resampling import Weights

__all__ = [
    "accuracy", "average_precision", "balanced_accuracy", "brier", "ece", "f05", "f1", "f2", "gini", "kappa", "ks",
    "lift_10", "log_loss", "macro_f1", "mcc", "precision", "recall", "roc_auc", "specificity",
]  # fmt: skip

_TENTH = 0.1
_PLACES = 100  # of a curve, at which it is tried how far chance alone takes it
_EPS = float(np.finfo(np.float64).eps)  # as scikit-learn's log_loss


def roc_auc(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Area under the ROC curve, by ranks."""
    return _over_classes(rows, _auc)


def gini(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """2 AUC - 1."""
    auc = roc_auc(rows)
    return lambda weights: 2 * auc(weights) - 1


def average_precision(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Precision averaged over the steps of recall."""
    return _over_classes(rows, _average_precision)


def ks(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Kolmogorov-Smirnov distance between the scores of positives and negatives."""
    if rows.positive is not None:
        return _ks(rows.score, rows.truth == rows.positive)
    present = [number for number in range(len(rows.classes)) if (rows.truth == number).any()]
    if len(present) < 2:
        return lambda weights: np.full(weights.counts.shape[1], np.nan)
    parts = [_ks(_proba(rows)[:, number], rows.truth == number) for number in present]
    ends = np.cumsum([len(part.vector(ones(rows.n))) for part in parts])[:-1]
    return Distance(
        lambda weights: np.concatenate([part.vector(weights) for part in parts]),
        lambda vector: np.mean([_largest(piece) for piece in np.split(vector, ends)], axis=0),
        lambda weights: np.mean([part(weights) for part in parts], axis=0),
    )


def log_loss(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean negative log-likelihood, in nats."""
    proba = np.clip(_proba(rows), _EPS, 1 - _EPS)
    return _mean(-np.log(proba[np.arange(rows.n), rows.truth]))


def brier(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean squared error of the probabilities."""
    if rows.positive is not None:
        return _mean((rows.score - (rows.truth == rows.positive)) ** 2)
    return _mean(((_proba(rows) - _one_hot(rows)) ** 2).sum(axis=1))


def ece(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Expected calibration error over 15 bins of equal mass; the bins are those of the rows themselves."""
    if rows.positive is not None:
        score, hit = rows.score, rows.truth == rows.positive
    else:
        score, hit = _proba(rows).max(axis=1), _proba(rows).argmax(axis=1) == rows.truth
    order, starts = _runs(bins_of(score, 15))
    gap = (score - hit)[order, None]

    def per_bin(weights: Weights) -> NDArray[np.float64]:
        return _ratio(np.add.reduceat(weights.counts[order] * gap, starts, axis=0), weights.total)

    return Distance(per_bin, lambda vector: np.abs(vector).sum(axis=0))


def accuracy(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Share of rows that are right."""
    return _mean((rows.truth == rows.predicted).astype(np.float64))


def balanced_accuracy(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean recall over the classes that have rows."""

    def statistic(table: NDArray[np.float64]) -> NDArray[np.float64]:
        of_class = table.sum(axis=1)
        here = of_class > 0
        recalls = np.where(here, _ratio(_diagonal(table), of_class, empty=0.0), 0.0)
        several = here.sum(axis=0) > 1
        return np.where(several, _ratio(recalls.sum(axis=0), here.sum(axis=0)), np.nan)

    return _of_confusion(rows, statistic)


def precision(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Share of those called positive that are."""
    return _of_confusion(rows, lambda table: _one_or_all(rows, _diagonal(table), table.sum(axis=0), table))


def recall(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Share of the positives that are called so."""
    return _of_confusion(rows, lambda table: _one_or_all(rows, _diagonal(table), table.sum(axis=1), table))


def f1(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Harmonic mean of precision and recall of the positive class; more classes: macro."""
    return _of_confusion(
        rows, lambda table: _one_or_all(rows, 2 * _diagonal(table), table.sum(axis=0) + table.sum(axis=1), table)
    )


def macro_f1(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean of every class's F1."""

    def statistic(table: NDArray[np.float64]) -> NDArray[np.float64]:
        return _mean_present(2 * _diagonal(table), table.sum(axis=0) + table.sum(axis=1), table)

    return _of_confusion(rows, statistic)


def mcc(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Matthews correlation coefficient, for any number of classes."""

    def statistic(table: NDArray[np.float64]) -> NDArray[np.float64]:
        true, called, total = table.sum(axis=1), table.sum(axis=0), table.sum(axis=(0, 1))
        covariance = _diagonal(table).sum(axis=0) * total - (true * called).sum(axis=0)
        spread = (total**2 - (true**2).sum(axis=0)) * (total**2 - (called**2).sum(axis=0))
        one_class = (true > 0).sum(axis=0) < 2
        return np.where(one_class, np.nan, _ratio(covariance, np.sqrt(np.maximum(spread, 0)), empty=0.0))

    return _of_confusion(rows, statistic)


def specificity(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Share of the negatives that are not called positive."""

    def statistic(table: NDArray[np.float64]) -> NDArray[np.float64]:
        total, true, called = table.sum(axis=(0, 1)), table.sum(axis=1), table.sum(axis=0)
        negative = total - true
        return _one_or_all(rows, negative - called + _diagonal(table), negative, table)

    return _of_confusion(rows, statistic)


def f2(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """F-measure with recall twice as important as precision."""
    return _f_beta(rows, 2.0)


def f05(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """F-measure with precision twice as important as recall."""
    return _f_beta(rows, 0.5)


def kappa(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Agreement beyond chance; not defined where chance alone agrees always."""

    def statistic(table: NDArray[np.float64]) -> NDArray[np.float64]:
        total = table.sum(axis=(0, 1))
        chance = _ratio((table.sum(axis=1) * table.sum(axis=0)).sum(axis=0), total**2)
        return _ratio(_ratio(_diagonal(table).sum(axis=0), total) - chance, 1 - chance)

    return _of_confusion(rows, statistic)


def lift_10(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Share of positives in the tenth of the rows with the highest scores, over their share in all."""
    return _over_classes(rows, _lift)


def _f_beta(rows: Judged, beta: float) -> Callable[[Weights], NDArray[np.float64]]:
    def statistic(table: NDArray[np.float64]) -> NDArray[np.float64]:
        of = table.sum(axis=0) + beta**2 * table.sum(axis=1)
        return _one_or_all(rows, (1 + beta**2) * _diagonal(table), of, table)

    return _of_confusion(rows, statistic)


def _lift(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> Callable[[Weights], NDArray[np.float64]]:
    order, ends = _descending(score)
    mask = hit[order, None]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        counts = weights.counts[order]
        zero = np.zeros((1, counts.shape[1]))
        called = np.concatenate([zero, np.cumsum(counts, axis=0)[ends]])
        right = np.concatenate([zero, np.cumsum(counts * mask, axis=0)[ends]])
        wanted = _TENTH * called[-1]
        behind = np.maximum((called >= wanted).argmax(axis=0), 1)[None]
        upper, lower = np.take_along_axis(called, behind, axis=0), np.take_along_axis(called, behind - 1, axis=0)
        part = _ratio(wanted - lower, upper - lower, empty=0.0)
        before = np.take_along_axis(right, behind - 1, axis=0)
        found = before + part * (np.take_along_axis(right, behind, axis=0) - before)
        return _ratio(found[0], _TENTH * right[-1])

    return statistic


def _over_classes(
    rows: Judged,
    build: Callable[[NDArray[np.float64], NDArray[np.bool_]], Callable[[Weights], NDArray[np.float64]]],
) -> Callable[[Weights], NDArray[np.float64]]:
    """Take the positive class against the other, or the mean of each class against the rest."""
    if rows.positive is not None:
        return build(rows.score, rows.truth == rows.positive)
    present = [number for number in range(len(rows.classes)) if (rows.truth == number).any()]
    if len(present) < 2:
        return lambda weights: np.full(weights.counts.shape[1], np.nan)
    parts = [build(_proba(rows)[:, number], rows.truth == number) for number in present]
    return lambda weights: np.mean([part(weights) for part in parts], axis=0)


def _auc(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> Callable[[Weights], NDArray[np.float64]]:
    positive = np.flatnonzero(hit)[np.argsort(score[hit], kind="stable")]
    negative = np.flatnonzero(~hit)[np.argsort(score[~hit], kind="stable")]
    below = np.searchsorted(score[negative], score[positive], side="left")
    up_to = np.searchsorted(score[negative], score[positive], side="right")
    tied = bool((below != up_to).any())

    def statistic(weights: Weights) -> NDArray[np.float64]:
        wins, size = weights.counts[positive], weights.counts.shape[1]
        cumulated = np.zeros((len(negative) + 1, size))
        np.cumsum(weights.counts[negative], axis=0, out=cumulated[1:])
        beaten = cumulated[below]
        if tied:
            beaten += cumulated[up_to]
            beaten *= 0.5
        pairs = wins.sum(axis=0) * cumulated[-1]
        return _ratio(np.einsum("ij,ij->j", wins, beaten), pairs)

    return statistic


def _average_precision(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> Callable[[Weights], NDArray[np.float64]]:
    order, ends = _descending(score)
    mask = hit[order, None]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        counts = weights.counts[order]
        called = np.cumsum(counts, axis=0)[ends]
        right = np.cumsum(counts * mask, axis=0)[ends]
        gained = np.diff(right, axis=0, prepend=0.0)
        return _ratio((gained * _ratio(right, called, empty=0.0)).sum(axis=0), right[-1])

    return statistic


def _ks(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> Distance:
    order, ends = _descending(score)
    mask = hit[order, None]

    def apart(weights: Weights, places: NDArray[np.intp]) -> NDArray[np.float64]:
        counts = weights.counts[order]
        right = np.cumsum(counts * mask, axis=0)
        wrong = np.cumsum(counts * ~mask, axis=0)
        return _ratio(right[places], right[-1]) - _ratio(wrong[places], wrong[-1])

    farthest = int(np.abs(apart(ones(len(hit)), ends)).argmax())
    some = ends[np.unique(np.append(np.linspace(0, len(ends) - 1, _PLACES).astype(np.intp), farthest))]
    return Distance(lambda weights: apart(weights, some), _largest, lambda weights: _largest(apart(weights, ends)))


def _largest(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.abs(vector).max(axis=0))


def _descending(score: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sort scores downwards; give the order and the last position of each run of equal scores."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    return order, ends


def _of_confusion(
    rows: Judged, statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Callable[[Weights], NDArray[np.float64]]:
    classes = len(rows.classes)
    cell = rows.truth.astype(np.int64) * classes + rows.predicted.astype(np.int64)
    order, starts = _runs(cell)
    cells = cell[order][starts]

    def table(weights: Weights) -> NDArray[np.float64]:
        counted = np.zeros((classes * classes, weights.counts.shape[1]))
        counted[cells] = np.add.reduceat(weights.counts[order], starts, axis=0)
        return counted.reshape(classes, classes, -1)

    # Keyed by the rows too: a paired comparison judges two predictions by the same counts.
    return lambda weights: statistic(weights.once(f"confusion {id(rows)}", lambda: table(weights)))


def _one_or_all(
    rows: Judged, right: NDArray[np.float64], of: NDArray[np.float64], table: NDArray[np.float64]
) -> NDArray[np.float64]:
    if rows.positive is not None:
        return _ratio(right[rows.positive], of[rows.positive], empty=0.0)
    return _mean_present(right, of, table)


def _mean_present(
    right: NDArray[np.float64], of: NDArray[np.float64], table: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average over the classes that occur among truths or predictions, as scikit-learn does."""
    here = (table.sum(axis=0) + table.sum(axis=1)) > 0
    return _ratio(np.where(here, _ratio(right, of, empty=0.0), 0.0).sum(axis=0), here.sum(axis=0))


def _diagonal(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("iij->ij", table))


def _runs(values: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sort by value; give the order and where each run of equal values starts."""
    order = np.argsort(values, kind="stable")
    return order, np.append(0, np.flatnonzero(np.diff(values[order])) + 1)


def _mean(of_row: NDArray[np.float64]) -> Callable[[Weights], NDArray[np.float64]]:
    return lambda weights: _ratio(of_row @ weights.counts, weights.total)


def _ratio(top: NDArray[np.generic], bottom: NDArray[np.generic], empty: float = np.nan) -> NDArray[np.float64]:
    result = np.full(np.broadcast_shapes(np.shape(top), np.shape(bottom)), empty)
    np.divide(top, bottom, out=result, where=np.asarray(bottom) != 0)
    return result


def _proba(rows: Judged) -> NDArray[np.float64]:
    assert rows.proba is not None  # noqa: S101 - metrics.applicable leaves these metrics out otherwise
    return rows.proba


def _one_hot(rows: Judged) -> NDArray[np.float64]:
    hot = np.zeros((rows.n, len(rows.classes)))
    hot[np.arange(rows.n), rows.truth] = 1.0
    return hot
