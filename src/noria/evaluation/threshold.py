"""From which probability on a row is called positive: chosen on out-of-fold answers, never on the test rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noria.errors import WrongData
from noria.evaluation.judged import Prediction, place_of
from noria.evaluation.resampling import Estimate, draw, interval, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from noria.evaluation.judged import Answers, Label

__all__ = ["Costs", "Outcome", "Rule", "Threshold", "ThresholdRule", "choose", "decided", "outcome", "text"]

_WORK = 50_000_000  # counts drawn at most, as for the metrics
_PLACES = 101
HALF = 0.5
"""What decides between two classes where nobody chose: the likelier one."""


class CostRule(Protocol):
    """What a wrong call costs."""

    @property
    def false_positive(self) -> float:
        """Of a negative row that is called positive."""

    @property
    def false_negative(self) -> float:
        """Of a positive row that is not."""


class ThresholdRule(Protocol):
    """One of three wishes; see `noria.evaluation.settings.ThresholdSettings`."""

    @property
    def cost(self) -> CostRule | None:
        """The least cost."""

    @property
    def capacity(self) -> float | None:
        """At most this share of the rows is called positive."""

    @property
    def recall(self) -> float | None:
        """At least this share of the positives is called so."""


@dataclass(frozen=True)
class Costs:
    """Costs written in Python."""

    false_positive: float
    false_negative: float


@dataclass(frozen=True)
class Rule:
    """A rule written in Python; one of the three is set."""

    cost: Costs | None = None
    capacity: float | None = None
    recall: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What calling rows from a threshold on comes to.

    Attributes
    ----------
    threshold : float
        Rows with at least this probability are called positive.
    called, recall, precision : Estimate
        Share of the rows that is called; of the positives; share of the called that is positive.
    cost : Estimate or None
        Mean cost of a row, where the rule has costs.
    n : int
        Rows.
    """

    threshold: float
    called: Estimate
    recall: Estimate
    precision: Estimate
    cost: Estimate | None
    n: int

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {name: each.to_json() if isinstance(each, Estimate) else each for name, each in vars(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Outcome:
        """Read what `to_json` gave."""
        return cls(**{name: Estimate(**each) if isinstance(each, dict) else each for name, each in data.items()})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Threshold:
    """A chosen threshold, and what it was chosen by.

    Attributes
    ----------
    value : float
        Rows with at least this probability of the positive class are called positive.
    low, high : float or None
        Between which the choice moved over resamples of the rows.
    rule : str
        What was asked, as a sentence.
    chosen, half : Outcome
        On the rows it was chosen on, and what one half would come to there.
    test, test_half : Outcome or None
        The same on the locked test rows.
    curve : mapping of str to tuple of float
        ``threshold``, ``called``, ``recall``, ``precision`` and, with costs, ``cost``: to be drawn.
    """

    value: float
    low: float | None
    high: float | None
    rule: str
    chosen: Outcome
    half: Outcome
    test: Outcome | None = None
    test_half: Outcome | None = None
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        made: dict[str, object] = {
            name: each.to_json() if isinstance(each, Outcome) else each for name, each in vars(self).items()
        }
        return made | {"curve": {name: list(values) for name, values in self.curve.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Threshold:
        """Read what `to_json` gave."""
        given = dict(data)
        for name in ("chosen", "half", "test", "test_half"):
            given[name] = None if given[name] is None else Outcome.from_json(given[name])  # type: ignore[arg-type]
        given["curve"] = {name: tuple(values) for name, values in data["curve"].items()}  # type: ignore[attr-defined]
        return cls(**given)  # type: ignore[arg-type]


def choose(
    hit: NDArray[np.bool_],
    score: NDArray[np.float64],
    rule: ThresholdRule,
    *,
    groups: NDArray[np.generic] | None = None,
    seed: int = 7,
    resamples: int = 1000,
    level: float = 0.95,
) -> Threshold:
    """Choose the threshold that a rule asks for.

    Rows of equal score are called together or not at all. The threshold lies midway between the last score that is
    called and the next, so that rounding moves no row across it.

    Parameters
    ----------
    hit : ndarray of bool, shape (n_rows,)
        Whether the row is positive.
    score : ndarray, shape (n_rows,)
        Probability of the positive class, from a model that had not seen the row.
    rule : ThresholdRule
        Of several thresholds of the same cost the one nearest to ``false_positive / (false_positive +
        false_negative)`` is taken, which is the best of all for true probabilities; of several within the capacity
        the lowest; of several with the recall the highest.
    groups : ndarray, shape (n_rows,), optional
        Rows of one group depend on each other and are drawn together.
    seed, resamples, level
        Of the bootstrap. Over 50,000 rows fewer resamples are drawn, at least 200.

    Raises
    ------
    WrongData
        The rows hold no positive or no negative one.

    References
    ----------
    Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI 17.
    Sheng, V. S. & Ling, C. X. (2006). Thresholding for making classifiers cost-sensitive. AAAI 21.

    Examples
    --------
    >>> hit = np.array([False, True, False, True])
    >>> score = np.array([0.1, 0.4, 0.6, 0.9])
    >>> [choose(hit, score, rule).value for rule in (Rule(recall=1.0), Rule(capacity=0.25), Rule(Costs(1, 5)))]
    [0.25, 0.75, 0.25]
    """
    hit, score = np.asarray(hit, dtype=bool), np.asarray(score, dtype=np.float64)
    if not hit.any() or hit.all():
        raise WrongData(
            f"a threshold cannot be chosen on {len(hit):,} rows of one class",
            mend="leave [evaluate] threshold out, or give training both classes",
            code="N-EVAL-022",
        )
    cuts = _Cuts.of(hit, score)
    place = int(cuts.best(rule, cuts.called[:, None], cuts.right[:, None])[0])
    value = float(cuts.thresholds[place])
    resamples = min(resamples, max(200, _WORK // len(hit)))
    moved = np.concatenate(
        [
            cuts.thresholds[cuts.best(rule, *cuts.counted(weights.counts))]
            for weights in draw(len(hit), resamples, seed=seed, groups=groups)
        ]
    )
    low, high = interval(moved, level)
    how = {"groups": groups, "seed": seed, "resamples": resamples, "level": level}
    return Threshold(
        value,
        low,
        high,
        text(rule),
        outcome(hit, score, value, rule, **how),  # type: ignore[arg-type]
        outcome(hit, score, HALF, rule, **how),  # type: ignore[arg-type]
        curve=_curve(hit, score, rule),
    )


def outcome(
    hit: NDArray[np.bool_],
    score: NDArray[np.float64],
    threshold: float,
    rule: ThresholdRule,
    *,
    groups: NDArray[np.generic] | None = None,
    seed: int = 7,
    resamples: int = 1000,
    level: float = 0.95,
) -> Outcome:
    """Say what a threshold comes to on some rows, with intervals.

    Examples
    --------
    >>> found = outcome(np.array([False, True, True]), np.array([0.2, 0.6, 0.9]), 0.7, Rule(recall=0.5))
    >>> found.recall.value, found.precision.value
    (0.5, 1.0)
    """
    called = score >= threshold
    cells = np.column_stack([called & hit, called & ~hit, ~called & hit]).astype(np.float64)
    resamples = min(resamples, max(200, _WORK // max(1, len(hit))))
    whole = np.append(cells.sum(axis=0), len(hit))
    drawn = np.concatenate(
        [
            np.column_stack([weights.counts.T @ cells, weights.total])
            for weights in draw(len(hit), resamples, seed=seed, groups=groups)
        ]
    )
    cost = rule.cost

    def told(top: tuple[float, ...], bottom: tuple[float, ...]) -> Estimate:
        values = _share(drawn @ np.array(top, float), drawn @ np.array(bottom, float))
        at = float(_share(whole @ np.array(top, float), whole @ np.array(bottom, float)))
        return Estimate(number(at), *(interval(values, level) if len(hit) > 1 else (None, None)))

    return Outcome(
        threshold,
        told((1, 1, 0, 0), (0, 0, 0, 1)),
        told((1, 0, 0, 0), (1, 0, 1, 0)),
        told((1, 0, 0, 0), (1, 1, 0, 0)),
        None if cost is None else told((0, cost.false_positive, cost.false_negative, 0), (0, 0, 0, 1)),
        len(hit),
    )


def decided(said: Answers, threshold: float | None, positive: Label | None) -> Prediction:
    """Give the same answers with labels decided by the threshold; None leaves the likelier class.

    Parameters
    ----------
    said : Prediction, or anything with its fields
        With probabilities of two classes.
    threshold : float or None
        Rows with at least this probability of the positive class get it.
    positive : label or None
        The last of the two classes by default.

    Examples
    --------
    >>> said = Prediction(np.array(["no"]), np.array([[0.8, 0.2]]), ("no", "yes"))
    >>> decided(said, 0.1, "yes").values.tolist()
    ['yes']
    """
    if threshold is None or said.proba is None or said.classes is None or len(said.classes) != 2:
        return Prediction(said.values, said.proba, said.classes)
    place = None if positive is None else place_of(positive, said.classes)
    place = 1 if place is None else place
    labels = np.empty(2, dtype=object)
    labels[:] = said.classes
    called = said.proba[:, place] >= threshold
    return Prediction(np.where(called, labels[place], labels[1 - place]), said.proba, said.classes)


def text(rule: ThresholdRule) -> str:
    """Write a rule as a sentence.

    Examples
    --------
    >>> text(Rule(Costs(1, 5))), text(Rule(capacity=0.1)), text(Rule(recall=0.9))
    ('least cost, 1 a false positive and 5 a false negative', 'at most 10 % called', 'recall of at least 0.9')
    """
    if rule.cost is not None:
        wrong, missed = rule.cost.false_positive, rule.cost.false_negative
        return f"least cost, {wrong:g} a false positive and {missed:g} a false negative"
    if rule.capacity is not None:
        return f"at most {rule.capacity * 100:g} % called"
    return f"recall of at least {rule.recall:g}"


@dataclass(frozen=True)
class _Cuts:
    """Every place where sorted scores can be cut: before the first, and behind each run of equal ones."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    called: NDArray[np.float64]
    right: NDArray[np.float64]
    hit: NDArray[np.bool_]

    @classmethod
    def of(cls, hit: NDArray[np.bool_], score: NDArray[np.float64]) -> _Cuts:
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        ends = np.append(np.flatnonzero(np.diff(ordered)), len(score) - 1)
        last, following = np.append(1.0, ordered[ends]), np.append(ordered[ends], 0.0)
        middle = (last + following) / 2
        # Between two neighbouring floats there is no middle, and one that is the lower would call it too.
        thresholds = np.where(middle > following, middle, last)
        if ordered[0] >= 1.0:
            thresholds[0] = np.nextafter(1.0, 2.0)
        thresholds[-1] = 0.0 if ordered[-1] <= 0.0 else thresholds[-1]
        starts = np.append(0, ends[:-1] + 1)
        right = np.append(0.0, np.cumsum(hit[order])[ends])
        return cls(order, starts, thresholds, np.append(0.0, ends + 1.0), right, hit[order])

    def counted(self, counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give how many rows, and how many positives, each cut calls in each resample."""
        of_row = counts[self.order]
        zero = np.zeros((1, counts.shape[1]))
        called = np.cumsum(np.add.reduceat(of_row, self.starts, axis=0), axis=0)
        right = np.cumsum(np.add.reduceat(of_row * self.hit[:, None], self.starts, axis=0), axis=0)
        return np.concatenate([zero, called]), np.concatenate([zero, right])

    def best(self, rule: ThresholdRule, called: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.intp]:
        """Give the place of the cut that the rule asks for, for each resample."""
        if rule.capacity is not None:
            fits = called <= rule.capacity * called[-1] * (1 + 1e-12)
            return np.asarray(len(called) - 1 - fits[::-1].argmax(axis=0))
        if rule.recall is not None:
            return np.asarray((right >= rule.recall * right[-1] * (1 - 1e-12)).argmax(axis=0))
        assert rule.cost is not None  # noqa: S101 - a rule is one of the three
        wrong, missed = rule.cost.false_positive, rule.cost.false_negative
        cost = wrong * (called - right) + missed * (right[-1] - right)
        away = np.abs(self.thresholds - wrong / (wrong + missed))[:, None]
        near_least = cost <= cost.min(axis=0) + 1e-9 * (wrong + missed)
        return np.asarray(np.where(near_least, away, np.inf).argmin(axis=0))


def _curve(hit: NDArray[np.bool_], score: NDArray[np.float64], rule: ThresholdRule) -> dict[str, tuple[float, ...]]:
    """Follow what each threshold comes to, on a grid."""
    grid = np.linspace(0.0, 1.0, _PLACES)
    rows, positives = np.sort(score), np.sort(score[hit])
    called = len(rows) - np.searchsorted(rows, grid, side="left")
    right = len(positives) - np.searchsorted(positives, grid, side="left")
    made = {
        "threshold": grid,
        "called": called / len(rows),
        "recall": right / len(positives),
        "precision": _share(right.astype(float), called.astype(float), empty=1.0),
    }
    if rule.cost is not None:
        lost = rule.cost.false_positive * (called - right) + rule.cost.false_negative * (len(positives) - right)
        made["cost"] = lost / len(rows)
    return {name: tuple(float(f"{value:.5g}") for value in values) for name, values in made.items()}


def _share(top: NDArray[np.float64], bottom: NDArray[np.float64], empty: float = np.nan) -> NDArray[np.float64]:
    made = np.full(np.shape(top), empty)
    np.divide(top, bottom, out=made, where=np.asarray(bottom) != 0)
    return made
