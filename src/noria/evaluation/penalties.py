"""What errors along the strength of a penalty say: whether more of it, or less, would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from noria.evaluation.fold_comparison import compare_folds
from noria.evaluation.paired_tests import holm

__all__ = ["REGULARISERS", "Penalty", "Tried", "penalty", "tried"]

REGULARISERS: Mapping[str, tuple[str, bool]] = {
    "C": ("C", False),
    "alpha": ("alpha", True),
    "l2": ("l2", True),
    "leaf": ("rows in a leaf", True),
    "leaves": ("leaves", False),
    "depth": ("depth", False),
    "min_child_weight": ("weight of a child", True),
    "shrinkage": ("shrinkage", True),
}
"""Parameter -> how people call it, and whether more of it regularises more."""

FEWEST_TRIED = 8
LEVEL = 0.95


@dataclass(frozen=True)
class Penalty:
    """A path as it is read.

    Parameters
    ----------
    candidate, family, name, parameter : str
        Whose path, what was fitted, which penalty, what changed.
    values : tuple of float
        Of the parameter, upwards.
    train, valid, error : tuple of float
        Mean errors at each value (`train` may be empty), and the standard error over the folds of `valid`.
    used : tuple of float
        Coefficients that are not zero; may be empty.
    at : float or None
        The candidate's own value; None where its penalty is another.
    best : float
        Where the mean error is least.
    simplest : float
        The strongest penalty whose error is within one standard error of the least.
    start : float
        The candidate's mean error on these folds.
    gain : float
        By how much less it would err with the value that does best on the other folds, mean over the folds: what was
        chosen on a fold is not judged on it.
    low, high : float or None
        Its interval, corrected for the rows that folds share; None with fewer than three folds.
    folds : int
        How many.
    """

    candidate: str
    family: str
    name: str
    parameter: str
    values: tuple[float, ...]
    train: tuple[float, ...]
    valid: tuple[float, ...]
    error: tuple[float, ...]
    used: tuple[float, ...]
    at: float | None
    best: float
    simplest: float
    start: float
    gain: float
    low: float | None
    high: float | None
    folds: int

    @property
    def is_certain(self) -> bool:
        """Whether the gain is beyond chance."""
        return self.low is not None and self.low > 0

    @property
    def is_at_end(self) -> bool:
        """Whether the best value is the first or last that was followed: further on may be better still."""
        return self.best in (self.values[0], self.values[-1])

    @property
    def is_stronger(self) -> bool | None:
        """Whether the best value regularises more than the candidate's; None where that is of another penalty."""
        if self.at is None:
            return None
        return (self.best > self.at) == REGULARISERS[self.parameter][1]

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        told = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return told | {"certain": self.is_certain}


def penalty(path: Mapping[str, Any], *, test_share: float) -> Penalty:
    """Read a path from the record of a selection.

    Parameters
    ----------
    path : mapping
        As training's ``RegularisationPath.to_json`` gave it.
    test_share : float
        Rows judged over rows learned from.

    References
    ----------
    Breiman, L., Friedman, J., Olshen, R. & Stone, C. (1984). Classification and regression trees, section 3.4.3 (the
    rule of one standard error).
    Nadeau, C. & Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> valid = [[0.30, 0.31, 0.29], [0.20, 0.21, 0.20], [0.23, 0.23, 0.23]]  # a line for each value, folds across
    >>> path = {"candidate": "logistic", "family": "logistic", "penalty": "L2", "parameter": "C", "at": 10.0,
    ...         "values": [0.1, 1.0, 10.0], "valid": valid, "base": valid[2]}
    >>> found = penalty(path, test_share=0.5)
    >>> found.best, found.simplest, round(found.gain, 4), found.is_certain, found.is_stronger
    (1.0, 1.0, 0.0267, True, True)
    """
    values, valid = np.array(path["values"], dtype=np.float64), np.array(path["valid"], dtype=np.float64)
    base, folds = np.array(path["base"], dtype=np.float64), valid.shape[1]
    mean = valid.mean(axis=1)
    spread = valid.std(axis=1, ddof=1) / np.sqrt(folds) if folds > 1 else np.zeros(len(values))
    best = int(mean.argmin())
    strongest = np.argsort(values if not REGULARISERS[path["parameter"]][1] else -values)
    simplest = next(place for place in strongest if mean[place] <= mean[best] + spread[best])
    low = high = None
    gain = float(base.mean() - mean[best])
    if folds > 2:
        others = (valid.sum(axis=1, keepdims=True) - valid).argmin(axis=0)
        gains = base - valid[others, np.arange(folds)]
        found = compare_folds(gains, test_share=test_share, level=LEVEL)
        gain, low, high = found.difference, found.low, found.high
    train = np.array(path.get("train") or (), dtype=np.float64)
    return Penalty(
        candidate=str(path["candidate"]),
        family=str(path["family"]),
        name=str(path["penalty"]),
        parameter=str(path["parameter"]),
        values=tuple(values.tolist()),
        train=tuple(train.mean(axis=1).tolist()) if train.size else (),
        valid=tuple(mean.tolist()),
        error=tuple(spread.tolist()),
        used=tuple(path.get("used") or ()),
        at=path.get("at"),
        best=float(values[best]),
        simplest=float(values[simplest]),
        start=float(base.mean()),
        gain=gain,
        low=low,
        high=high,
        folds=folds,
    )


@dataclass(frozen=True)
class Tried:
    """How the error of the candidates that a race tried goes with one of their regularisers.

    Parameters
    ----------
    family, parameter : str
        Of what.
    candidates : int
        How many were tried.
    correlation : float
        Rank correlation of the parameter with the error of the first fold, which all of them have done.
    p : float
        Of no correlation, adjusted by Holm's rule for all regularisers of the family.
    best : float
        Value of the best candidate.
    """

    family: str
    parameter: str
    candidates: int
    correlation: float
    p: float
    best: float

    @property
    def is_certain(self) -> bool:
        """Whether they go together beyond chance."""
        return self.p < 1 - LEVEL

    @property
    def wants_more(self) -> bool:
        """Whether those that are regularised more err less."""
        return (self.correlation < 0) == REGULARISERS[self.parameter][1]


def tried(table: Sequence[Mapping[str, Any]], family: str) -> tuple[Tried, ...]:
    """Look for regularisers that go with the error, among the candidates of one family; other parameters changed too.

    Parameters
    ----------
    table : sequence of mapping
        Of ``Selection.to_json``, the best first.
    family : str
        Of the winner.

    Returns
    -------
    tuple of Tried
        The surest first; empty with fewer than eight candidates.

    References
    ----------
    Spearman, C. (1904). The proof and measurement of association between two things. American J. Psychology 15.
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian J. Statistics 6.

    Examples
    --------
    >>> table = [{"family": "boosting", "params": {"leaves": n}, "scores": [n / 100]} for n in range(4, 14)]
    >>> [(one.parameter, round(one.correlation, 2), one.wants_more) for one in tried(table, "boosting")]
    [('leaves', 1.0, True)]
    """
    rows = [row for row in table if row.get("family") == family and row.get("scores")]
    if len(rows) < FEWEST_TRIED:
        return ()
    first = [float(row["scores"][0]) for row in rows]
    found = []
    for parameter in REGULARISERS:
        values = [_number((row.get("params") or {}).get(parameter)) for row in rows]
        if np.isfinite(values).all() and len(set(values)) > 3 and len(set(first)) > 3:
            going = stats.spearmanr(values, first)
            found.append((parameter, float(going.statistic), float(going.pvalue), values[0]))
    adjusted = holm([p for _, _, p, _ in found])
    told = [
        Tried(family, parameter, len(rows), correlation, float(p), best)
        for (parameter, correlation, _, best), p in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(told, key=lambda one: one.p))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
