"""How far the truth may lie from an answer: intervals and sets from out-of-fold answers, checked on the test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.errors import WrongData
from noria.evaluation.prediction_sets import bounds, gathered, members, quantiles
from noria.evaluation.regions import Regions
from noria.evaluation.resampling import Estimate
from noria.evaluation.shares import share_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Conformal", "Coverage", "calibrate", "checked", "covered", "far"]


@dataclass(frozen=True)
class Coverage:
    """How many test rows had the truth inside.

    Attributes
    ----------
    share : Estimate
        Of the rows, with its 95 % interval.
    size : float
        Mean width of the intervals, or mean number of classes in the sets.
    n : int
        Rows.
    """

    share: Estimate
    size: float
    n: int

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {"share": self.share.to_json(), "size": self.size, "n": self.n}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Coverage:
        """Read what `to_json` gave."""
        return cls(Estimate(**data["share"]), data["size"], data["n"])


@dataclass(frozen=True)
class Conformal:
    """What makes an interval or a set of an answer, and whether it holds.

    Attributes
    ----------
    regions : Regions
        How far the truth may lie.
    n : int
        Out-of-fold answers it was found on.
    test : Coverage or None
        On the locked test rows.
    groups : mapping of str to Coverage
        The same by group.
    """

    regions: Regions
    n: int
    test: Coverage | None = None
    groups: Mapping[str, Coverage] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {
            "regions": self.regions.to_json(),
            "n": self.n,
            "test": None if self.test is None else self.test.to_json(),
            "groups": {name: each.to_json() for name, each in self.groups.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Conformal:
        """Read what `to_json` gave."""
        return cls(
            Regions.from_json(data["regions"]),
            data["n"],
            None if data["test"] is None else Coverage.from_json(data["test"]),
            {name: Coverage.from_json(each) for name, each in data["groups"].items()},
        )


def calibrate(
    scores: NDArray[np.float64],
    level: float,
    *,
    by: str | None = None,
    groups: Sequence[str | None] | None = None,
) -> Conformal:
    """Find how far out-of-fold answers lay from the truth.

    The quantile is the ``ceil((n + 1) level)``-th smallest. Were the answers of the very model that is deployed, new
    rows of the same source would be inside with at least this probability, whatever the model. They are of models that
    learned from a part of the rows, so nothing is guaranteed: the test rows tell.

    Parameters
    ----------
    scores : ndarray, shape (n_rows,)
        Of `far`.
    level : float
        Share that shall be inside.
    by : str, optional
        Column of the groups.
    groups : sequence of str or None, optional
        Group of each row (Mondrian); one with too few rows for the level is taken with all.

    Raises
    ------
    WrongData
        There are too few rows for the level.

    References
    ----------
    Vovk, V., Gammerman, A. & Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
    Lei, J. et al. (2018). Distribution-free predictive inference for regression. JASA 113.
    Barber, R. F. et al. (2021). Predictive inference with the jackknife+. Annals of Statistics 49(1).

    Examples
    --------
    >>> calibrate(np.arange(1.0, 100.0), 0.9).regions.quantile
    90.0
    """
    whole = _quantile(scores, level)
    if whole is None:
        needed = math.ceil(level / (1 - level) - 1e-9)
        raise WrongData(
            f"{len(scores):,} answers are too few for a level of {level:g}",
            why=f"at least {needed:,} are needed",
            mend="[evaluate]\nconformal = { level = 0.8 }",
            code="N-EVAL-024",
        )
    own: dict[str, float] = {}
    if groups is not None:
        labels = np.array(["" if group is None else f"={group}" for group in groups], dtype=object)
        for label in sorted(set(labels) - {""}):
            found = _quantile(scores[labels == label], level)
            if found is not None:
                own[label[1:]] = found
    return Conformal(Regions(level, whole, by if groups is not None else None, own), len(scores))


def far(
    truth: NDArray[Any], values: NDArray[np.float64], classes: Sequence[object] | None = None
) -> NDArray[np.float64]:
    """Say how far each truth lies from its answer.

    Of a value: the absolute difference. Of probabilities: what is gathered from the likeliest class down to the true
    one, of which half counts (adaptive prediction sets). The usual random share would make the answer to the same row
    another each time; any fixed share keeps the coverage.

    Parameters
    ----------
    truth : ndarray, shape (n_rows,)
        Values or labels.
    values : ndarray, shape (n_rows,) or (n_rows, n_classes)
        Answers.
    classes : sequence, optional
        What the columns stand for; a truth that is none of them lies infinitely far.

    References
    ----------
    Romano, Y., Sesia, M. & Candès, E. (2020). Classification with valid and adaptive coverage. NeurIPS 33.

    Examples
    --------
    >>> far(np.array([3.0]), np.array([5.0])).tolist()
    [2.0]
    >>> far(np.array(["b", "a"]), np.array([[0.75, 0.25], [0.75, 0.25]]), ("a", "b")).tolist()
    [0.875, 0.375]
    """
    if classes is None:
        return np.abs(np.asarray(truth, dtype=np.float64) - values)
    reached = gathered(values)
    place = {label: number for number, label in enumerate(classes)}
    column = np.array([place.get(label, -1) for label in truth.tolist()])
    return np.where(column >= 0, reached[np.arange(len(values)), column], np.inf)


def checked(
    conformal: Conformal,
    truth: NDArray[Any],
    values: NDArray[np.float64],
    classes: Sequence[object] | None = None,
    *,
    groups: Sequence[str | None] | None = None,
    clusters: NDArray[np.generic] | None = None,
) -> Conformal:
    """See on rows that had no part in it how many have the truth inside, in all and by group.

    Parameters
    ----------
    conformal : Conformal
        Of `calibrate`.
    truth, values, classes
        As for `far`.
    groups : sequence of str or None, optional
        Group of each row.
    clusters : ndarray, shape (n_rows,), optional
        See `covered`.

    Examples
    --------
    >>> found = checked(calibrate(np.arange(1.0, 100.0), 0.9), np.array([0.0, 0.0]), np.array([50.0, 95.0]))
    >>> found.test.share.value, found.test.size
    (0.5, 180.0)
    """
    quantile = quantiles(conformal.regions, groups, len(values))
    if classes is None:
        low, high = bounds(values, quantile).T
        actual = np.asarray(truth, dtype=np.float64)
        inside, size = (low <= actual) & (actual <= high), high - low
    else:
        member = members(values, quantile)
        place = {label: number for number, label in enumerate(classes)}
        column = np.array([place.get(label, -1) for label in truth.tolist()])
        inside, size = (column >= 0) & member[np.arange(len(values)), column], member.sum(axis=1).astype(np.float64)
    parts: dict[str, Coverage] = {}
    for label in conformal.regions.quantiles if groups is not None else ():
        of_group = np.array([group == label for group in groups or ()], dtype=bool)
        if of_group.any():
            part = None if clusters is None else clusters[of_group]
            parts[label] = covered(inside[of_group], size[of_group], clusters=part)
    return replace(conformal, test=covered(inside, size, clusters=clusters), groups=parts)


def covered(
    inside: NDArray[np.bool_], size: NDArray[np.float64], *, clusters: NDArray[np.generic] | None = None
) -> Coverage:
    """Say how many rows had the truth inside, with `noria.evaluation.shares.share_interval`.

    Parameters
    ----------
    inside : ndarray of bool, shape (n_rows,)
        Whether the truth is.
    size : ndarray, shape (n_rows,)
        Widths, or classes in the set.
    clusters : ndarray, shape (n_rows,), optional
        Rows of one cluster depend on each other.

    Examples
    --------
    >>> found = covered(np.ones(60, dtype=bool), np.ones(60), clusters=np.arange(60) // 3)
    >>> found.share.value, round(found.share.low, 3), found.share.high  # twenty clusters, all inside
    (1.0, 0.839, 1.0)
    """
    return Coverage(Estimate(float(inside.mean()), *share_interval(inside, clusters)), float(size.mean()), len(inside))


def _quantile(scores: NDArray[np.float64], level: float) -> float | None:
    n = len(scores)
    rank = math.ceil((n + 1) * level - 1e-9)
    if rank > n:
        return None
    found = float(np.partition(scores, rank - 1)[rank - 1])
    return found if math.isfinite(found) else 1.0
