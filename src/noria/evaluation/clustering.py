"""Clustering metrics. Only those that are a mean over rows can be resampled; the others have no interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.evaluation.judged import Judged
    from noria.evaluation.resampling import Weights

__all__ = ["NOISE", "calinski_harabasz", "davies_bouldin", "noise_share", "silhouette", "sizes", "space_of"]

NOISE = -1
_SAMPLE = 3_000  # silhouettes need all distances: 3,000 rows are 72 MB and half a second
_LEVELS = 20


def silhouette(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Mean silhouette of the rows in clusters."""
    of_row = _silhouettes(rows)
    if of_row is None:
        return _undefined
    inside = np.isfinite(of_row)
    value, counted = np.where(inside, of_row, 0.0), inside.astype(np.float64)

    def statistic(weights: Weights) -> NDArray[np.float64]:
        n = counted @ weights.counts
        result = np.full(n.shape, np.nan)
        np.divide(value @ weights.counts, n, out=result, where=n > 0)
        return result

    return statistic


def davies_bouldin(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Worst ratio of spread to distance, averaged over clusters."""
    from sklearn.metrics import davies_bouldin_score  # noqa: PLC0415 - classification and regression need no sklearn

    return _whole(rows, davies_bouldin_score)


def calinski_harabasz(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Spread between clusters over spread within."""
    from sklearn.metrics import calinski_harabasz_score  # noqa: PLC0415 - as above

    return _whole(rows, calinski_harabasz_score)


def noise_share(rows: Judged) -> Callable[[Weights], NDArray[np.float64]]:
    """Share of rows in no cluster."""
    noise = (rows.predicted == NOISE).astype(np.float64)
    return lambda weights: noise @ weights.counts / weights.total


def sizes(labels: NDArray[np.int64]) -> dict[int, int]:
    """Count the rows of each cluster, noise as -1.

    Examples
    --------
    >>> sizes(np.array([0, 0, 1, -1]))
    {-1: 1, 0: 2, 1: 1}
    """
    found, counts = np.unique(labels, return_counts=True)
    return {int(label): int(count) for label, count in zip(found, counts, strict=True)}


def space_of(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Give feature rows coordinates: numbers standardised, categories as one-hot columns, missing values filled.

    Meant for judging where the model's own preparation is not at hand.

    Parameters
    ----------
    frame : DataFrame, shape (n_rows, n_features)
        Times are left out, and so are categories of more than twenty levels.
    """
    columns = []
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "biuf":
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            finite = np.isfinite(values)
            if not finite.any():
                continue
            filled = np.where(finite, values, np.median(values[finite]))
            spread = filled.std()
            columns.append((filled - filled.mean()) / (spread if spread > 0 else 1.0))
        elif column.dtype.kind != "M":
            texts = column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)
            levels = sorted(set(texts.tolist()))
            if len(levels) <= _LEVELS:
                columns += [(texts == level).astype(np.float64) for level in levels]
    return np.column_stack(columns) if columns else np.zeros((len(frame), 1))


def _silhouettes(rows: Judged) -> NDArray[np.float64] | None:
    """Give a silhouette per row; NaN for noise and for rows outside the sample."""
    from sklearn.metrics import silhouette_samples  # noqa: PLC0415 - as above

    if rows.space is None:
        return None
    inside = np.flatnonzero(rows.predicted != NOISE)
    if len(inside) > _SAMPLE:
        inside = np.sort(np.random.default_rng(0).choice(inside, _SAMPLE, replace=False))
    labels = rows.predicted[inside]
    if not 2 <= len(np.unique(labels)) < len(inside):
        return None
    of_row = np.full(rows.n, np.nan)
    of_row[inside] = silhouette_samples(rows.space[inside], labels)
    return of_row


def _whole(
    rows: Judged, score: Callable[[NDArray[np.float64], NDArray[np.int64]], float]
) -> Callable[[Weights], NDArray[np.float64]]:
    inside = rows.predicted != NOISE
    labels = rows.predicted[inside]
    if rows.space is None or not 2 <= len(np.unique(labels)) < len(labels):
        return _undefined
    space = rows.space[inside]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        if weights.counts.shape[1] != 1:
            return _undefined(weights)
        return np.array([score(space, labels)])

    return statistic


def _undefined(weights: Weights) -> NDArray[np.float64]:
    return np.full(weights.counts.shape[1], np.nan)
