"""Which columns a model leans on: how much worse it does when one of them is shuffled among the test rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.evaluation.judged import judged
from noria.evaluation.resampling import Estimate, distribution, draw, kept_classes, number, ones, widening

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from noria.evaluation.judged import Answers, Label
    from noria.evaluation.metrics import Metric
    from noria.evaluation.resampling import Weights

__all__ = ["Importance", "Importances", "permutation_importance"]

Ask = Callable[["pd.DataFrame"], "Answers"]
_Statistic = Callable[["Weights"], "NDArray[np.float64]"]

FEWEST_ROWS = 200
MOST_FULL = 30
"""Columns that are shuffled repeatedly; of a wide table the others are only looked over."""
_ALONE = "all these rows are of one entity and were shuffled among themselves: of other entities nothing is known"
_SCREENING = 0.4
"""Share of the time that looking every column over once may take."""


@dataclass(frozen=True)
class Importance:
    """What shuffling one column costs.

    Parameters
    ----------
    feature : str
        The column.
    loss : Estimate
        How much worse the metric gets, with its 95 % interval; of a clustering the share of rows that change groups.
        None as interval where the column was shuffled only once.
    repeats : int
        How often it was shuffled.
    """

    feature: str
    loss: Estimate
    repeats: int

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {"feature": self.feature, **self.loss.to_json(), "repeats": self.repeats}


@dataclass(frozen=True)
class Importances:
    """All columns, the weightiest first.

    Parameters
    ----------
    metric : str
        What gets worse; ``groups changed`` of a clustering.
    rows : int
        Test rows shuffled.
    features : tuple of Importance
        Every column.
    notes : tuple of str
        What was left out for want of time.
    """

    metric: str
    rows: int
    features: tuple[Importance, ...]
    notes: tuple[str, ...] = ()


def permutation_importance(
    ask: Ask,
    frame: pd.DataFrame,
    y: ArrayLike | None,
    metric: Metric,
    *,
    positive: Label | None = None,
    groups: NDArray[np.generic] | None = None,
    repeats: int = 5,
    rows: int = 2000,
    resamples: int = 200,
    seed: int = 7,
    seconds: float = 10.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Importances:
    """Shuffle each column in turn and see what the metric loses.

    Columns that say the same thing share their importance: shuffled alone, each can be made up for by the others.

    Parameters
    ----------
    ask : callable
        Answers rows.
    frame : DataFrame, shape (n_rows, n_features)
        Test rows.
    y : array, shape (n_rows,), or None
        The truth; None of a clustering.
    metric : Metric
        What is lost.
    positive : label, optional
        Of two classes.
    groups : ndarray, shape (n_rows,), optional
        Rows of one entity belong together: they get the values of another entity's rows, and intervals draw entities.
        Where there is one entity only, its rows are shuffled among themselves, and no interval can be given.
    repeats, rows, resamples, seed : int
        Shuffles of a column; test rows at most; resamples of the interval.
    seconds : float
        Time for all of it: fewer rows, then fewer repeats, are taken to keep to it.
    clock : callable
        Seconds, ever rising.

    References
    ----------
    Breiman, L. (2001). Random forests. Machine Learning 45, 5-32.
    Fisher, A., Rudin, C. and Dominici, F. (2019). All models are wrong, but many are useful: learning a variable's
    importance by studying an entire class of prediction models simultaneously. JMLR 20(177).

    Examples
    --------
    >>> import pandas as pd
    >>> from noria.evaluation.judged import Prediction
    >>> from noria.evaluation.metrics import get
    >>> X = pd.DataFrame({"told": np.arange(100.0), "idle": np.arange(100.0) % 7})
    >>> found = permutation_importance(lambda rows: Prediction(rows["told"].to_numpy()), X, X["told"], get("mae"))
    >>> [(each.feature, round(each.loss.value)) for each in found.features]
    [('told', 33), ('idle', 0)]
    """
    rng, begun = np.random.default_rng(seed), clock()
    place = np.sort(rng.permutation(len(frame))[:rows])
    sample = frame.iloc[place].reset_index(drop=True)
    whole = ask(sample)
    fits = _rows_in_time(len(sample), sample.shape[1], clock() - begun, seconds)
    if fits < len(sample):
        kept = np.sort(rng.permutation(len(sample))[:fits])
        place, sample = place[kept], sample.iloc[kept].reset_index(drop=True)
        whole = ask(sample)
    shuffler = _Shuffler(ask, sample, _of(y, place), whole, metric, positive, _of(groups, place))
    found: dict[str, list[_Statistic]] = {}
    cut = False
    for name in sample.columns:
        if clock() - begun > seconds and found:
            cut = True
            break
        found[str(name)] = [shuffler.shuffled(str(name), rng)]
    full = sorted(found, key=lambda name: -shuffler.once(found[name]))[:MOST_FULL]
    for _ in range(repeats - 1):
        for name in full:
            if clock() - begun > seconds:
                cut = True
                break
            found[name].append(shuffler.shuffled(name, rng))
    made = [
        Importance(name, shuffler.estimate(statistics, resamples, seed), len(statistics))
        for name, statistics in found.items()
    ]
    made.sort(key=lambda each: -(each.loss.value if each.loss.value is not None else -np.inf))
    return Importances(
        metric="groups changed" if y is None else metric.name,
        rows=len(sample),
        features=tuple(made),
        notes=(
            *_notes(len(frame), len(sample), sample.shape[1], len(found), cut=cut),
            *((_ALONE,) if shuffler.is_alone else ()),
        ),
    )


class _Shuffler:
    """The rows, what the model says of them, and what is lost when a column is shuffled."""

    def __init__(
        self,
        ask: Ask,
        sample: pd.DataFrame,
        y: NDArray[np.generic] | None,
        whole: Answers,
        metric: Metric,
        positive: Label | None,
        groups: NDArray[np.generic] | None,
    ) -> None:
        self.ask, self.sample, self.y, self.whole = ask, sample, y, whole
        self.metric, self.positive, self.groups = metric, positive, groups
        self.n = len(sample)
        self.members: list[NDArray[np.intp]] = []
        if groups is not None:
            coded, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
            self.members = np.split(np.argsort(coded.reshape(-1), kind="stable"), np.cumsum(counts)[:-1])
        self.base: _Statistic | None = None
        self.strata: NDArray[np.int64] | None = None
        if y is not None:
            rows = judged(metric.task, y, whole, positive=positive)
            self.base = metric.prepare(rows)
            self.strata = kept_classes(rows.truth) if metric.task == "classification" else None

    @property
    def is_alone(self) -> bool:
        """Whether there is no other entity to take values from."""
        return len(self.members) == 1

    def shuffled(self, name: str, rng: np.random.Generator) -> _Statistic:
        """Ask again with one column shuffled; give the loss as a statistic of resamples."""
        rows = self.sample.copy(deep=False)
        rows[name] = self.sample[name].iloc[self._donors(rng)].set_axis(rows.index)
        said = self.ask(rows)
        if self.base is None:
            moved = (np.asarray(said.values) != np.asarray(self.whole.values)).astype(np.float64)
            return lambda weights: moved @ weights.counts / weights.total
        base, other = self.base, self.metric.prepare(judged(self.metric.task, self.y, said, positive=self.positive))
        sign = 1.0 if self.metric.greater_is_better else -1.0
        return lambda weights: sign * (base(weights) - other(weights))

    def once(self, statistics: list[_Statistic]) -> float:
        value = float(np.mean([statistic(ones(self.n))[0] for statistic in statistics]))
        return value if np.isfinite(value) else -np.inf

    def estimate(self, statistics: list[_Statistic], resamples: int, seed: int) -> Estimate:
        """Give the mean loss; its interval allows for the rows there are and for the shuffles."""
        values = np.array([statistic(ones(self.n))[0] for statistic in statistics])
        value = number(float(values.mean()))
        if value is None or len(statistics) < 2:
            return Estimate(value)
        drawn = distribution(
            {"loss": lambda weights: np.mean([statistic(weights) for statistic in statistics], axis=0)},
            draw(self.n, resamples, seed=seed, strata=self.strata, groups=self.groups),
        )["loss"]
        usable = drawn[np.isfinite(drawn)]
        if len(usable) < resamples / 2:
            return Estimate(value)
        error = float(np.sqrt(usable.var(ddof=1) + values.var(ddof=1) / len(values)))
        wider = 1.0 if self.groups is None else widening(len(np.unique(self.groups)))
        half = 1.96 * error * wider
        return Estimate(value, number(value - half), number(value + half))

    def _donors(self, rng: np.random.Generator) -> NDArray[np.intp]:
        if len(self.members) < 2:
            return rng.permutation(self.n)
        donors = np.empty(self.n, dtype=np.intp)
        order = rng.permutation(len(self.members))
        for taker, giver in zip(order, np.roll(order, 1), strict=True):
            given, wanted = rng.permutation(self.members[giver]), self.members[taker]
            donors[wanted] = np.resize(given, len(wanted))
        return donors


def _rows_in_time(rows: int, columns: int, once: float, seconds: float) -> int:
    """Say how many rows every column can be looked over with."""
    room = _SCREENING * seconds
    if columns * once <= room:
        return rows
    return max(min(rows, FEWEST_ROWS), int(rows * room / (columns * once)))


def _notes(n: int, rows: int, columns: int, looked: int, *, cut: bool) -> list[str]:
    made = [f"{rows:,} of {n:,} test rows were taken"] if rows < n else []
    if looked < columns:
        made.append(f"time was up after {looked:,} of {columns:,} columns")
    elif columns > MOST_FULL:
        made.append(f"the {MOST_FULL} weightiest of {columns:,} columns were shuffled repeatedly, the others once")
    elif cut:
        made.append("time was up before every column was shuffled as often as asked")
    return made


def _of(values: ArrayLike | None, place: NDArray[np.intp]) -> NDArray[np.generic] | None:
    return None if values is None else np.asarray(values)[place]
