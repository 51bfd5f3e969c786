"""How a winner errs on the rows it learned from and on others, with all the rows of a fold and with fewer of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.training.ensemble import mean_of
from noria.training.family import OutOfTime
from noria.training.model import decoded
from noria.training.rounds import rounds_for
from noria.training.temperature import temper
from noria.training.trial import MOST_BYTES, Notes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from noria.training.clock import Budget
    from noria.training.family import Estimator, Family
    from noria.training.inner import Bonds
    from noria.training.model import Prediction
    from noria.training.racer import Track
    from noria.training.replay import Member
    from noria.training.trial import Matrix

__all__ = ["SHARES", "Judge", "LearningCurve", "Size", "learning_curve", "nested"]

SHARES = (0.125, 0.25, 0.5, 1.0)
"""Parts of a fold's training rows: each twice the one before, as a gain from doubling is what is asked for."""

FEWEST_ROWS = 30
"""Fewer rows than this tell of luck, not of the curve."""

FEWEST_OF_CLASS = 3
APART = 1.3
"""Sizes nearer to each other than this are one: few large groups cannot be divided more finely."""

By = Literal["rows", "groups", "time"]

Fitted = tuple["Estimator", "Matrix"]


@dataclass(frozen=True)
class Size:
    """Errors with so many rows to learn from, fold by fold.

    Parameters
    ----------
    share : float
        Of a fold's training rows.
    rows : tuple of int
        How many that were.
    train, valid : tuple of float
        Errors on those rows and on the rows that judge the fold; `train` is empty where it would tell nothing.
    """

    share: float
    rows: tuple[int, ...] = ()
    train: tuple[float, ...] = ()
    valid: tuple[float, ...] = ()


@dataclass(frozen=True)
class LearningCurve:
    """A learning curve.

    Parameters
    ----------
    sizes : tuple of Size
        From few rows to all; those of all may have more folds than the others.
    judged : tuple of int
        Rows that judge each fold: the same at every size.
    by : str
        What the smaller sizes have fewer of: rows drawn at random, whole groups, or the older past.
    planned : int
        Sizes that the rows allow, and at which nothing failed.
    """

    sizes: tuple[Size, ...]
    judged: tuple[int, ...]
    by: By
    planned: int

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        sizes = [{name: _plain(value) for name, value in vars(size).items()} for size in self.sizes]
        return {"by": self.by, "judged": list(self.judged), "sizes": sizes}


@dataclass
class Judge:
    """Fits candidates on rows and judges them on these and on others.

    Parameters
    ----------
    track : Track
        Of the selection: the same rows, folds, seeds and way to judge.
    notes : Notes
        What libraries warned of.
    """

    track: Track
    notes: Notes = field(default_factory=Notes)
    _kept: dict[tuple[str, int], Matrix] = field(default_factory=dict)

    @property
    def tells_of_training(self) -> bool:
        """Whether errors on training rows can be held against others: not where classes were thinned out."""
        return self.track.bench.matrices.shaping.balance != "under"

    def matrix(self, family: Family, fold: int, train: NDArray[np.int64], *, keep: bool) -> Matrix:
        """Prepare rows: what is applied to are the rows that judge, then those that are learned from."""
        key = family.encoding, fold
        if keep and key in self._kept:
            return self._kept[key]
        _, valid = self.track.bench.matrices.folds[fold]
        made = self.track.bench.matrices.rows(family, train, np.concatenate([valid, train]), self.notes)
        held = sum(one.train.nbytes + one.valid.nbytes for one in self._kept.values())
        if keep and held + made.train.nbytes + made.valid.nbytes <= MOST_BYTES:
            self._kept[key] = made
        return made

    def errors(
        self,
        fitted: Sequence[tuple[Estimator, Matrix]],
        weights: tuple[float, ...],
        fold: int,
        train: NDArray[np.int64],
        temperatures: Sequence[float | None],
        together: float | None = None,
    ) -> tuple[float, float]:
        """Give the error on rows that were learned from, and on those that judge.

        ``temperatures`` are those of the members, ``together`` is that of their mean.
        """
        bench, (_, valid) = self.track.bench, self.track.bench.matrices.folds[fold]
        classes = bench.target.classes if bench.target is not None else None
        said = [
            _numbers(bench.ask(estimator, matrix.valid, self.notes, matrix.ratios, temperature))
            for (estimator, matrix), temperature in zip(fitted, temperatures, strict=True)
        ]
        mean = mean_of(said, weights)
        if together is not None:
            mean = temper(mean, together)
        # Rows that a rule of [prepare] took out were not learned from.
        seen = np.logical_and.reduce([np.isin(train, matrix.rows) for _, matrix in fitted])
        learned = train[seen]
        known = decoded(mean[len(valid) :][seen], classes)
        return (
            float(self.track.error(self.track.y[learned], known)),
            float(self.track.error(self.track.y[valid], decoded(mean[: len(valid)], classes))),
        )


def learning_curve(
    judge: Judge, members: Sequence[Member], budget: Budget, seconds: float, together: float | None = None
) -> LearningCurve:
    """Fit a winner on nested parts of each fold's training rows, and judge each on the rows of that fold.

    The smaller parts lie inside the larger ones. Where there are times they are the newest rows, where there are
    groups whole groups, else rows drawn at random, each class with its share. A booster finds its rounds anew for each
    size.

    Parameters
    ----------
    judge : Judge
        Fits and judges.
    members : sequence of Member
        Who won; several of an ensemble.
    budget : Budget
        Cuts it, fold by fold: what was begun and did not end is left out.
    seconds : float
        What one fold took in the selection.
    together : float, optional
        Temperature of the mean of several members.
    """
    track, bonds = judge.track, judge.track.bench.bonds
    orders = [_order(track, fold) for fold in range(track.k)]
    shares = _usable(track, orders)
    made = _Curve(judge, members, orders, {share: Size(share) for share in shares}, together)
    took = {share: share * 1.2 * seconds for share in shares}
    for fold in range(track.k):
        wanted = list(reversed(shares))  # all rows first: how long the others take follows from them
        if not budget.fits(sum(took.values())):
            wanted = wanted[:1]  # the gap between training and validation needs all rows only
        if not budget.fits(sum(took[share] for share in wanted)) or not made.fold(fold, wanted, took, budget):
            break
        shares = [share for share in shares if share in made.sizes and (share == 1.0 or len(wanted) > 1)]
        took = {share: took[share] for share in shares}
    by: By = "time" if bonds.times is not None else "groups" if bonds.groups is not None else "rows"
    judged = tuple(len(valid) for _, valid in track.bench.matrices.folds)
    return LearningCurve(tuple(size for size in made.sizes.values() if size.valid), judged, by, len(made.sizes))


@dataclass
class _Curve:
    """What has been found so far."""

    judge: Judge
    members: Sequence[Member]
    orders: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    sizes: dict[float, Size]
    together: float | None = None
    found: dict[tuple[int, float], tuple[int, int]] = field(default_factory=dict)

    def fold(self, fold: int, shares: list[float], took: dict[float, float], budget: Budget) -> bool:
        """Do one fold at several sizes; false where the time did not do: then the error with all rows is kept alone."""
        done: dict[float, tuple[int, float, float]] = {}
        for share in shares:
            if not budget.fits(took[share]):
                break
            begun = budget.clock()
            try:
                done[share] = self._fit(fold, share)
            except OutOfTime:
                break
            except Exception as error:  # noqa: BLE001 - an estimator, often a user's own, may raise anything
                self._fails(share, error)
                if share == 1.0:
                    break
            took[share] = max(took[share] if fold else 0.0, budget.clock() - begun)
        shares = [share for share in shares if share in self.sizes]
        kept = shares if len(done) == len(shares) else [share for share in done if share == 1.0]
        for share in kept:
            size, (rows, train, valid) = self.sizes[share], done[share]
            told = (*size.train, train) if self.judge.tells_of_training else ()
            self.sizes[share] = Size(share, (*size.rows, rows), told, (*size.valid, valid))
        return len(done) == len(shares)

    def _fails(self, share: float, error: Exception) -> None:
        if share < 1.0:
            del self.sizes[share]
        self.judge.notes.add(f"no fit on {share:.3g} of a fold's rows: {str(error).partition(chr(10))[0][:120]}")

    def _fit(self, fold: int, share: float) -> tuple[int, float, float]:
        order, ends = self.orders[fold]
        rows = np.sort(_part(order, ends, share)) if share < 1 else self.judge.track.bench.matrices.folds[fold][0]
        fitted = []
        matrices: dict[str, Matrix] = {}
        for place, member in enumerate(self.members):
            family = member.candidate.family
            matrix = matrices.get(family.encoding) or self.judge.matrix(family, fold, rows, keep=share == 1)
            matrices[family.encoding] = matrix
            known = self.found.get((place, share))
            if known is None and share == 1 and member.rounds is not None:
                known = self.found[place, share] = member.rounds, len(matrix.rows)  # as the first fold found them
            rounds = None if known is None else rounds_for(len(matrix.rows), found=known[0], on=known[1])
            estimator = self.judge.track.bench.fit(member.candidate, matrix, fold, self.judge.notes, rounds)
            got = getattr(estimator, "rounds", None)
            if known is None and isinstance(got, int) and got > 0:
                self.found[place, share] = got, len(matrix.rows)
            fitted.append((estimator, matrix))
        weights = tuple(member.weight for member in self.members)
        temperatures = [member.temperature for member in self.members]
        train, valid = self.judge.errors(fitted, weights, fold, rows, temperatures, self.together)
        if not np.isfinite([train, valid]).all():
            raise ArithmeticError(f"the metric is {train} on rows that were learned from, {valid} on others")
        return len(rows), train, valid


def nested(
    rows: NDArray[np.int64], bonds: Bonds, classes: NDArray[np.int64] | None, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put training rows into an order of which every beginning is a smaller training table.

    Parameters
    ----------
    rows : ndarray of int
        The rows.
    bonds : Bonds
        Groups and times of all rows.
    classes : ndarray of int, optional
        Encoded class of all rows: each beginning holds about its share of each.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    order, ends : ndarray of int
        The rows, and the places where a beginning may end: groups are not cut.

    Examples
    --------
    >>> from noria.training.inner import Bonds
    >>> times = np.array(["2026-01-03", "2026-01-01", "2026-01-02"], dtype="datetime64[D]")
    >>> nested(np.arange(3), Bonds(times=times), None, np.random.default_rng(0))[0].tolist()
    [0, 2, 1]
    """
    everywhere = np.arange(1, len(rows) + 1)
    if bonds.times is not None:
        return rows[np.argsort(-bonds.times[rows].astype(np.int64), kind="stable")], everywhere
    if bonds.groups is not None:
        _, code, sizes = np.unique(bonds.groups[rows], return_inverse=True, return_counts=True)
        place = rng.permutation(len(sizes))
        drawn = np.argsort(place)
        return rows[np.argsort(place[code], kind="stable")], np.cumsum(sizes[drawn])
    mixed = rng.permutation(rows)
    if classes is None:
        return mixed, everywhere
    at = np.empty(len(mixed))
    for value in np.unique(classes[mixed]):
        of_class = np.flatnonzero(classes[mixed] == value)
        at[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    return mixed[np.argsort(at, kind="stable")], everywhere


def _part(order: NDArray[np.int64], ends: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    wanted = share * len(order)
    return order[: int(ends[np.abs(ends - wanted).argmin()])]


def _order(track: Track, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    bench = track.bench
    rng = np.random.default_rng([abs(bench.seed), 5, fold])
    return nested(bench.matrices.folds[fold][0], bench.bonds, _classes(track), rng)


def _classes(track: Track) -> NDArray[np.int64] | None:
    target = track.bench.target
    return None if target is None or target.classes is None else np.asarray(target.values, dtype=np.int64)


def _usable(track: Track, orders: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> list[float]:
    """Name the sizes that can be fitted in every fold: enough rows, some of each class, apart from the next size."""
    classes, usable = _classes(track), [1.0]
    for share in reversed(SHARES[:-1]):
        parts = [_part(order, ends, share) for order, ends in orders]
        larger = [_part(order, ends, usable[0]) for order, ends in orders]
        if min(map(len, parts)) < FEWEST_ROWS:
            break
        if any(len(less) * APART > len(more) for less, more in zip(parts, larger, strict=True)):
            continue
        if classes is not None and not all(
            _holds_all(classes[part], classes[order]) for part, (order, _) in zip(parts, orders, strict=True)
        ):
            break
        usable = [share, *usable]
    return usable


def _holds_all(part: NDArray[np.int64], whole: NDArray[np.int64]) -> bool:
    counts = np.bincount(whole)
    return bool((np.bincount(part, minlength=len(counts)) >= np.minimum(counts, FEWEST_OF_CLASS)).all())


def _numbers(said: Prediction) -> NDArray[np.float64]:
    return np.asarray(said.values if said.proba is None else said.proba, dtype=np.float64)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
