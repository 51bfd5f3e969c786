"""A metric of labelled answers with its 95 % interval and standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation.delong import delong
from noria.evaluation.metrics import get
from noria.evaluation.resampling import distribution, draw, kept_classes, ones, widening
from noria.evaluation.shares import wilson

if TYPE_CHECKING:
    from noria.evaluation.judged import Judged

__all__ = ["Realised", "estimate"]

_RESAMPLES = 500
_Z = 1.959963984540054


@dataclass(frozen=True)
class Realised:
    """A metric of labelled rows, with its 95 % interval and standard error."""

    value: float
    low: float
    high: float
    error: float
    rows: int


def estimate(metric: str, rows: Judged, *, seed: int = 0, groups: np.ndarray | None = None) -> Realised | None:
    """Compute a metric and its interval.

    DeLong for the area under the ROC curve of two classes, Wilson for accuracy, the bootstrap for everything else, and
    of whole groups wherever there are groups. Of simulated windows of 20 devices with 25 rows each, whose accuracy
    varies from device to device by 0.15, Wilson's interval held the truth in 70 %, that of whole groups in 95; of 6
    devices with 80 rows each it was 53 and 92.

    Parameters
    ----------
    metric : str
        A name of `noria.evaluation.metrics.METRICS`.
    rows : Judged
        Truth beside prediction.
    seed : int
        Of the bootstrap.
    groups : ndarray of int, shape (n_rows,), optional
        Rows of one group depend on each other.

    Returns
    -------
    Realised or None
        None where the metric is not defined on these rows, or all are of one group.

    References
    ----------
    DeLong, E. R., DeLong, D. M. & Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated
    receiver operating characteristic curves. Biometrics 44.
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.
    Field, C. & Welsh, A. (2007). Bootstrapping clustered data. J. Royal Statistical Society B 69(3).
    """
    if groups is None and metric == "roc_auc" and rows.positive is not None:
        areas = delong(rows.truth == rows.positive, rows.score)
        value, error = float(areas.auc[0]), float(np.sqrt(areas.covariance[0, 0]))
        return Realised(value, max(0.0, value - _Z * error), min(1.0, value + _Z * error), error, rows.n)
    if groups is None and metric == "accuracy":
        return _wilson(rows.truth == rows.predicted)
    statistic = get(metric).prepare(rows)
    value = float(statistic(ones(rows.n))[0])
    strata = kept_classes(rows.truth) if rows.task == "classification" else None
    drawn = distribution({"metric": statistic}, draw(rows.n, _RESAMPLES, seed=seed, strata=strata, groups=groups))[
        "metric"
    ]
    drawn = drawn[np.isfinite(drawn)]
    wider = 1.0 if groups is None else widening(len(np.unique(groups)))
    if not np.isfinite([value, wider]).all() or len(drawn) < _RESAMPLES / 2:
        return None
    low, high = value + wider * (np.quantile(drawn, [0.025, 0.975]) - value)
    return Realised(value, float(low), float(high), wider * float(drawn.std(ddof=1)), rows.n)


def _wilson(right: np.ndarray) -> Realised:
    low, high = wilson(float(right.sum()), len(right))
    return Realised(float(right.mean()), low, high, (high - low) / (2 * _Z), len(right))
