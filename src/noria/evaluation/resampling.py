"""Bootstrap: how often each row is drawn, and the interval that comes of it.

A resample is a column of counts, one per row. A statistic that takes counts judges many resamples at once by a few
passes over arrays, where drawing rows and calling a function costs a thousand calls. Rows lie along the first axis,
so that sorting and cumulating rows moves whole contiguous lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = [
    "SCALES",
    "Distance",
    "Estimate",
    "Weights",
    "distribution",
    "draw",
    "interval",
    "kept_classes",
    "number",
    "ones",
    "widening",
]

_CHUNK = 2_000_000  # counts held at a time: 16 MB of float64, which keeps to the cache of one core's share
_USABLE = 0.5  # of the resamples; below, an interval would describe the resamples that happened to work
_FEW = 20  # of a class: of more, one resample in e^20 would have none
_T = TypeVar("_T")

SCALES = np.concatenate([[1.0], np.arange(0, 1, 0.1), [1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0]])
"""Shares of a sample's deviations that `Distance.scaled` tries: first as they are, then from none to four times."""


@dataclass(frozen=True)
class Weights:
    """How often each row counts, for several resamples.

    Attributes
    ----------
    counts : ndarray of float, shape (n_rows, n_resamples)
        Whole numbers.
    """

    counts: NDArray[np.float64]
    _kept: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: str, make: Callable[[], _T]) -> _T:
        """Compute what several statistics of these counts share only once."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]  # type: ignore[return-value]  # each name has one maker

    @property
    def total(self) -> NDArray[np.float64]:
        """Rows drawn in each resample."""
        return self.once("total", lambda: self.counts.sum(axis=0))


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; None where it is not defined.

    Attributes
    ----------
    value, low, high : float or None
        In the units of the metric.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Give the three numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Distance:
    """A statistic that is the length of a vector: a distance between two curves, a mean of absolute errors.

    Chance alone lengthens it, in the sample and once more in each resample, so neither end of what resamples give
    holds for the truth.

    Parameters
    ----------
    vector : callable
        Deviations of each resample, shape (n_parts, n_resamples).
    length : callable
        Takes them, scaled or not, and gives one number per resample.
    exact : callable, optional
        The statistic, where `vector` leaves out parts of a curve for speed.
    """

    vector: Callable[[Weights], NDArray[np.float64]]
    length: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    exact: Callable[[Weights], NDArray[np.float64]] | None = None

    def __call__(self, weights: Weights) -> NDArray[np.float64]:
        """Give the statistic itself."""
        return self.length(self.vector(weights)) if self.exact is None else self.exact(weights)

    def scaled(self, n: int) -> Callable[[Weights], NDArray[np.float64]]:
        """Give what the statistic would be, were the sample's deviations truly there at each of `SCALES`.

        Parameters
        ----------
        n : int
            Rows of the sample.

        Returns
        -------
        callable
            Gives shape (n_resamples, n_scales), which `interval` understands.
        """
        whole = self.vector(ones(n))

        def statistic(weights: Weights) -> NDArray[np.float64]:
            noise = self.vector(weights) - whole
            return np.column_stack([self.length(scale * whole + noise) for scale in SCALES])

        return statistic


def ones(n: int) -> Weights:
    """Count every row once: the statistic of the rows themselves."""
    return Weights(np.ones((n, 1)))


def draw(
    n: int,
    resamples: int,
    *,
    seed: int,
    strata: NDArray[np.int64] | None = None,
    groups: NDArray[np.generic] | None = None,
) -> Iterator[Weights]:
    """Draw resamples, some at a time.

    Parameters
    ----------
    n : int
        Rows.
    resamples : int
        How many in all.
    seed : int
        The same seed gives the same counts.
    strata : ndarray, shape (n,), optional
        Each stratum keeps its number of rows, so that no resample loses a class.
    groups : ndarray, shape (n,), optional
        Whole groups are drawn instead of rows, for rows that depend on each other; strata are then ignored.

    Yields
    ------
    Weights

    References
    ----------
    Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap. Chapman & Hall.
    Field, C. & Welsh, A. (2007). Bootstrapping clustered data. J. Royal Statistical Society B 69(3).

    Examples
    --------
    >>> [chunk.counts.sum(axis=0).tolist() for chunk in draw(4, 3, seed=1)]
    [[4.0, 4.0, 4.0]]
    """
    rng = np.random.default_rng(seed)
    chunk = max(1, min(resamples, _CHUNK // max(n, 1)))
    if groups is not None:
        of_row = np.unique(groups, return_inverse=True)[1].reshape(-1)
        members, strata = int(of_row.max()) + 1, None
    else:
        of_row, members = None, n
    parts = [np.arange(members)] if strata is None else [np.flatnonzero(strata == value) for value in np.unique(strata)]
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        counts = np.empty((members, size))
        for part in parts:
            picked = rng.integers(0, len(part), size=(size, len(part)), dtype=np.int64)
            picked += np.arange(size, dtype=np.int64)[:, None] * len(part)
            flat = np.bincount(picked.reshape(-1), minlength=size * len(part))
            counts[part] = flat.reshape(size, len(part)).T
        yield Weights(counts if of_row is None else counts[of_row])


def kept_classes(truth: NDArray[np.generic]) -> NDArray[np.int64] | None:
    """Give the classes as strata where a resample could lose one, else None.

    How many rows of each class there are is itself a matter of chance. Held fixed, the interval of a metric in which
    the classes err differently (accuracy, Brier score, log loss) is too narrow: it held the truth in 81 of 100
    simulated samples instead of 95.

    Examples
    --------
    >>> kept_classes(np.array([0, 1] * 50)) is None, kept_classes(np.array([0] * 50 + [1])) is None
    (True, False)
    """
    classes = truth.astype(np.int64)
    return classes if int(np.unique(classes, return_counts=True)[1].min()) < _FEW else None


def distribution(
    statistics: Mapping[str, Callable[[Weights], NDArray[np.float64]]],
    chunks: Iterator[Weights],
) -> dict[str, NDArray[np.float64]]:
    """Judge every resample by every statistic.

    Parameters
    ----------
    statistics : mapping of str to callable
        Each gives one number per resample, NaN where it is not defined.
    chunks : iterator of Weights
        From `draw`; each is used once.

    Returns
    -------
    dict of str to ndarray, shape (n_resamples,)
    """
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    for weights in chunks:
        for name, statistic in statistics.items():
            found[name].append(statistic(weights))
    return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in found.items()}


def interval(
    values: NDArray[np.float64], level: float = 0.95, *, around: float | None = None
) -> tuple[float | None, float | None]:
    """Cut the same share off both ends of a bootstrap distribution.

    Of a `Distance` it is the values that would give the rows' own about as often as not: one at which the statistic
    were nearly always larger, or smaller, is out. Where that lies wholly below the rows' own value, which chance made
    too large, it is widened to it: a sample that came out smoother than chance would have it proves no small distance.
    Subtracting the bias that resamples show (Kumar et al. 2019) is too little near zero: of 200 samples of a perfectly
    calibrated model such an interval held the true error 0 in none, twice subtracted in a quarter.

    Before it is widened it held the truth, nominal 95 %, in simulated samples of 200, 800 and 5,000 rows: calibration
    error of a calibrated model 96, 97 and 98 %, of a miscalibrated one (0.04, 0.06 and 0.15) 86 to 93, 90 to 94 and 92
    to 97 %; KS of a score that tells nothing 99, 98 and 97 %, of one that does (0.2 and 0.45) 89 to 93 %.

    Parameters
    ----------
    values : ndarray, shape (n_resamples,), or (n_resamples, n_scales) of a `Distance`
        NaN where the statistic was not defined.
    level : float
        Share of the distribution inside.
    around : float, optional
        Of a `Distance`: the value of the rows themselves.

    Returns
    -------
    low, high : float or None
        None where fewer than half of the resamples gave a number.

    References
    ----------
    Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7(1).
    Carpenter, J. (1999). Test inversion bootstrap confidence intervals. J. Royal Statistical Society B 61(1).
    Hansen, B. E. (1999). The grid bootstrap and the autoregressive model. Review of Economics and Statistics 81(4).
    Kumar, A., Liang, P. & Ma, T. (2019). Verified uncertainty calibration. NeurIPS 32.

    Examples
    --------
    >>> interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    usable = values[np.isfinite(values) if values.ndim == 1 else np.isfinite(values).all(axis=1)]
    if len(usable) < 2 or len(usable) < _USABLE * len(values):
        return None, None
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2], axis=0)
    if around is None:
        return float(low), float(high)
    return min(around, around * _scale_of(around, high)), max(around, around * _scale_of(around, low))


def _scale_of(value: float, bounds: NDArray[np.float64]) -> float:
    """Find the scale at which a bound of the resamples is the value; none where it is already larger."""
    order = np.argsort(SCALES)
    rising = np.maximum.accumulate(bounds[order])
    return 0.0 if rising[0] >= value else float(np.interp(value, rising, SCALES[order]))


def widening(groups: int, level: float = 0.95) -> float:
    """Say by what factor an interval from resamples of so few whole groups is too narrow.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. & Miller, D. L. (2008). Bootstrap-based improvements for inference with clustered
    errors. Review of Economics and Statistics 90(3).

    Examples
    --------
    >>> [round(widening(groups), 2) for groups in (1, 5, 20, 500)]
    [inf, 1.58, 1.1, 1.0]
    """
    if groups < 2:
        return math.inf
    tail = (1 + level) / 2
    t, z = float(special.stdtrit(groups - 1, tail)), float(special.ndtri(tail))
    return math.sqrt(groups / (groups - 1)) * t / z


def number(value: float) -> float | None:
    """Write NaN and infinity as None, as JSON has neither."""
    return float(value) if math.isfinite(value) else None
