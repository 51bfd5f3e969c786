"""Two models on the same rows: how much better one is, and how surely."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from noria.errors import WrongData
from noria.evaluation.delong import delong
from noria.evaluation.judged import judged
from noria.evaluation.metrics import get
from noria.evaluation.paired_tests import mcnemar
from noria.evaluation.resampling import distribution, draw, interval, kept_classes, number, ones

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from noria.evaluation.catalogue import Task
    from noria.evaluation.judged import Answers, Judged, Label
    from noria.evaluation.metrics import Metric

__all__ = ["Comparison", "Outcome", "compare", "default_margin", "paired", "verdict"]

Outcome = Literal["better", "worse", "equivalent", "inconclusive"]
_SHARE_MARGIN = 0.01
_TARGET_MARGIN = 0.02
_POWER = 2.80  # 1.96 + 0.84: the difference that a 5 % test finds in 80 % of samples, in standard errors


@dataclass(frozen=True)
class Comparison:
    """What a paired bootstrap found.

    Attributes
    ----------
    metric : str
        What was compared.
    a, b : float or None
        The metric of each.
    difference, low, high : float or None
        How much better `a` is, whichever way the metric points, with its interval; None where not defined.
    margin : float
        The difference that does not matter.
    verdict : str
        ``better``, ``worse``, ``equivalent`` (inside the margin on both sides) or ``inconclusive``.
    n, resamples : int
        Rows and resamples.
    detectable : float or None
        The smallest true difference that these rows would show in 80 % of samples.
    p : float or None
        Two-sided, by the bootstrap's standard error.
    checks : mapping of str to float
        Tests of other making on the same rows: ``mcnemar`` (exact p-value on the rows that one alone has right),
        ``delong`` (p-value of the difference of two areas), where they apply.
    """

    metric: str
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    margin: float
    verdict: Outcome
    n: int
    resamples: int
    level: float
    detectable: float | None = None
    p: float | None = None
    checks: Mapping[str, float] = field(default_factory=dict)

    @property
    def non_inferior(self) -> bool:
        """Whether `a` is surely not worse than `b` by more than the margin."""
        return self.low is not None and self.low >= -self.margin

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {**vars(self), "checks": dict(self.checks)}


def paired(
    metric: str,
    y: ArrayLike | None,
    a: Answers,
    b: Answers,
    *,
    margin: float | None = None,
    classes: Sequence[Label] | None = None,
    positive: Label | None = None,
    space: NDArray[np.float64] | None = None,
    groups: NDArray[np.generic] | None = None,
    seed: int = 7,
    resamples: int = 1000,
    level: float = 0.95,
) -> Comparison:
    """Compare two predictions of the same rows by resampling the rows for both at once.

    Parameters
    ----------
    metric : str
        What decides.
    y : array, shape (n_rows,), or None
        The truth; None in clustering.
    a, b : Prediction
        Challenger and champion.
    margin : float, optional
        The loss that does not matter; see `default_margin`.
    classes, positive, space
        See `noria.evaluation.judged.judged`.
    groups : ndarray, shape (n_rows,), optional
        Rows of one group depend on each other and are drawn together.
    seed, resamples, level
        Of the bootstrap.

    Raises
    ------
    WrongData
        The predictions differ in length or hold missing values.

    Examples
    --------
    >>> from noria.evaluation.judged import Prediction
    >>> y = np.arange(50.0)
    >>> near, far = Prediction(y + 1), Prediction(y - 3)
    >>> found = paired("mae", y, near, far)
    >>> found.difference, found.verdict
    (2.0, 'better')

    References
    ----------
    Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap, ch. 8. Chapman & Hall.
    Schuirmann, D. J. (1987). A comparison of the two one-sided tests procedure and the power approach for assessing
    the equivalence of average bioavailability. J. Pharmacokinetics and Biopharmaceutics 15.
    """
    if len(a.values) != len(b.values):
        raise WrongData(
            f"{len(a.values)} predictions cannot be paired with {len(b.values)}",
            why="both models must be judged on the same rows",
            code="N-EVAL-021",
        )
    found = get(metric)
    task: Task = found.task
    first = judged(task, y, a, classes=classes, positive=positive, space=space)
    second = judged(task, y, b, classes=classes, positive=positive, space=space)
    return compare(
        found, first, second, margin=margin, groups=groups, seed=seed, resamples=resamples, level=level
    )  # fmt: skip


def compare(
    metric: Metric,
    first: Judged,
    second: Judged,
    *,
    margin: float | None = None,
    groups: NDArray[np.generic] | None = None,
    seed: int = 7,
    resamples: int = 1000,
    level: float = 0.95,
) -> Comparison:
    """Compare judged rows; see `paired`."""
    one, other = metric.prepare(first), metric.prepare(second)
    a, b = float(one(ones(first.n))[0]), float(other(ones(second.n))[0])
    margin = default_margin(metric, b) if margin is None else margin
    strata = kept_classes(first.truth) if first.task == "classification" else None
    drawn = distribution(
        {"difference": lambda weights: one(weights) - other(weights)},
        draw(first.n, resamples, seed=seed, strata=strata, groups=groups),
    )["difference"]
    drawn = drawn if metric.greater_is_better else -drawn
    low, high = interval(drawn, level) if first.n > 1 else (None, None)
    usable = drawn[np.isfinite(drawn)]
    error = float(usable.std(ddof=1)) if low is not None else None
    return Comparison(
        metric.name,
        number(a),
        number(b),
        number(metric.improvement(a - b)),
        low,
        high,
        margin,
        verdict(low, high, margin),
        first.n,
        resamples,
        level,
        None if error is None else _POWER * error,
        None if error is None else _p(metric.improvement(a - b), error),
        {} if groups is not None else _checks(metric, first, second),
    )


def _p(difference: float, error: float) -> float:
    if not error > 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stats.norm.sf(abs(difference) / error))


def _checks(metric: Metric, first: Judged, second: Judged) -> dict[str, float]:
    """Test the same by other means, where rows stand alone."""
    if first.task != "classification":
        return {}
    right = [rows.truth == rows.predicted for rows in (first, second)]
    made = {"mcnemar": mcnemar(np.ones(first.n, dtype=bool), *right).p}
    areas = metric.name in ("roc_auc", "gini") and first.proba is not None and second.proba is not None
    if areas and first.positive is not None and second.positive is not None:
        hit = first.truth == first.positive
        if min(hit.sum(), (~hit).sum()) > 1:
            made["delong"] = delong(hit, first.score, second.score).test()[1]
    return made


def verdict(low: float | None, high: float | None, margin: float) -> Outcome:
    """Read an interval of an improvement.

    Examples
    --------
    >>> verdict(0.01, 0.03, 0.02), verdict(-0.01, 0.015, 0.02), verdict(-0.03, 0.01, 0.02)
    ('better', 'equivalent', 'inconclusive')
    """
    if low is None or high is None:
        return "inconclusive"
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "equivalent" if low >= -margin and high <= margin else "inconclusive"


def default_margin(metric: Metric, baseline: float) -> float:
    """Give the loss that does not matter where nobody said: 0.01, or 2 % of a value in the target's units."""
    if metric.unit == "target":
        return _TARGET_MARGIN * abs(baseline) if np.isfinite(baseline) else 0.0
    return _SHARE_MARGIN
