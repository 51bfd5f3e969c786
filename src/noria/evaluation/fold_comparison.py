"""Two candidates over the folds of one cross-validation, and many of them at once.

Folds share most of their training rows, so their differences depend on each other; a plain t test takes them for
independent and finds what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from noria.errors import WrongData
from noria.evaluation.comparison import verdict
from noria.evaluation.paired_tests import holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from noria.evaluation.comparison import Outcome

__all__ = ["FoldComparison", "against_winner", "compare_folds"]

_POWER = 0.8


@dataclass(frozen=True)
class FoldComparison:
    """How much better one candidate is than another over the same folds.

    Attributes
    ----------
    difference, low, high : float
        Mean improvement with its interval, corrected for folds that share rows.
    t, p : float
        Of the corrected resampled t test, two-sided.
    folds : int
        Folds times repeats.
    margin : float
        The difference that does not matter: the region of practical equivalence.
    worse, equivalent, better : float
        Posterior probability that the true improvement lies below, inside and above that region.
    verdict : str
        ``better``, ``worse``, ``equivalent`` or ``inconclusive``, as of `noria.evaluation.comparison.verdict`.
    detectable : float
        The smallest true difference that so many folds would show in 80 % of samples.
    """

    difference: float
    low: float
    high: float
    t: float
    p: float
    folds: int
    margin: float
    worse: float
    equivalent: float
    better: float
    verdict: Outcome
    detectable: float

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return dict(vars(self))


def compare_folds(
    improvement: ArrayLike, *, test_share: float | None = None, margin: float = 0.0, level: float = 0.95
) -> FoldComparison:
    """Judge the improvements of one candidate over another, one a fold.

    Parameters
    ----------
    improvement : array of float, shape (n_folds,)
        Positive where the first is better, whichever way the metric points.
    test_share : float, optional
        Rows judged in a fold over rows learned from, the mean of the folds; ``1 / (n_folds - 1)`` of a plain
        cross-validation by default. Folds forward in time learn from fewer rows, and theirs is larger.
    margin : float
        The difference that does not matter.
    level : float
        Of the interval.

    Raises
    ------
    WrongData
        Fewer than two folds.

    References
    ----------
    Nadeau, C. & Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52.
    Corani, G. & Benavoli, A. (2015). A Bayesian approach for comparing cross-validated algorithms on multiple data
    sets. Machine Learning 100.
    Kruschke, J. (2013). Bayesian estimation supersedes the t test. J. Experimental Psychology: General 142(2). (ROPE)

    Examples
    --------
    >>> found = compare_folds([0.02, 0.03, 0.01, 0.025, 0.015])
    >>> round(found.t, 3), round(found.p, 4), found.verdict
    (3.771, 0.0196, 'better')
    """
    found = np.asarray(improvement, dtype=np.float64)
    n = len(found)
    if n < 2:
        raise WrongData(f"{n} fold cannot say how folds vary", mend="[model]\nfolds = 5", code="N-EVAL-023")
    share = 1 / (n - 1) if test_share is None else test_share
    mean, error = float(found.mean()), float(np.sqrt((1 / n + share) * found.var(ddof=1)))
    t = mean / error if error > 0 else float(np.copysign(np.inf, mean)) if mean else 0.0
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    below, above = _tail(-margin - mean, error, n - 1), _tail(mean - margin, error, n - 1)
    return FoldComparison(
        mean,
        mean - half,
        mean + half,
        t,
        float(2 * stats.t.sf(abs(t), n - 1)),
        n,
        margin,
        below,
        max(0.0, 1 - below - above),
        above,
        verdict(mean - half, mean + half, margin),
        float(stats.t.ppf((1 + level) / 2, n - 1) + stats.t.ppf(_POWER, n - 1)) * error,
    )


def _tail(distance: float, error: float, degrees: int) -> float:
    """Give Student's probability below so many errors; of folds that are all alike, all of it or none."""
    if error < abs(distance) * np.finfo(np.float64).eps:
        return float(distance > 0)
    return float(stats.t.cdf(distance / error, degrees)) if error > 0 else 0.0


def against_winner(
    table: Sequence[Mapping[str, Any]], winner: str, *, test_share: float | None = None, level: float = 0.95
) -> dict[str, tuple[Outcome, float]]:
    """Say of each candidate that was judged on every fold whether it is proven worse than the winner.

    The winner was chosen because it did best on these folds, and is looked at beside many: Holm's rule holds the chance
    that any of them is wrongly told worse. What was found is about these candidates on this data, not about families.

    Parameters
    ----------
    table : sequence of mapping
        Of ``Selection.to_json``: ``name`` and ``scores``, the error of each fold.
    winner : str
        Its name.
    test_share, level : float, optional
        See `compare_folds`.

    Returns
    -------
    dict of str to (str, float)
        By candidate: ``worse``, ``better`` or ``inconclusive``, and the adjusted p-value.

    Examples
    --------
    >>> table = [{"name": "a", "scores": [0.10, 0.11, 0.12]}, {"name": "b", "scores": [0.20, 0.22, 0.21]}]
    >>> [(name, said, round(p, 3)) for name, (said, p) in against_winner(table, "a").items()]
    [('b', 'worse', 0.008)]
    """
    scores = {str(row["name"]): np.asarray(row.get("scores") or (), dtype=np.float64) for row in table}
    best = scores.get(winner, np.empty(0))
    others = [name for name, found in scores.items() if name != winner and len(found) == len(best) > 1]
    found = {name: compare_folds(best - scores[name], test_share=test_share) for name in others}
    adjusted = holm([one.p for one in found.values()])
    told: dict[str, tuple[Outcome, float]] = {}
    for (name, one), p in zip(found.items(), adjusted, strict=True):
        proven: Outcome = "better" if one.difference > 0 else "worse"
        told[name] = (proven if p < 1 - level else "inconclusive", float(p))
    return told
