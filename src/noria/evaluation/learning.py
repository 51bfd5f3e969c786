"""What errors on training rows and on others say together: the gap between them, and whether more rows would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import stats

from noria.evaluation.fold_comparison import compare_folds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Doubling", "FoldGap", "Learning", "Tendency", "doubling", "fold_gap", "learning"]

Tendency = Literal["rising", "flat", "unclear"]
"""More rows help beyond chance; twice as many would hardly help; these folds cannot say."""

EXPONENTS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""How fast an error falls with the rows: from one over their square root to one over them."""

HARDLY = 0.02
"""A gain from twice the rows of at most this share of the error is not worth gathering them."""

WIDE = 0.25
"""Share of the error from which the gap between training and validation is worth speaking of."""


@dataclass(frozen=True)
class FoldGap:
    """How much more a model errs on rows it had not seen than on those it learned from.

    Parameters
    ----------
    train, valid : float
        Mean errors over the folds.
    mean : float
        Mean gap.
    error, low, high : float or None
        Its standard error, corrected for the rows that folds share, and 95 % interval; None with a single fold.
    folds : int
        How many.
    """

    train: float
    valid: float
    mean: float
    error: float | None
    low: float | None
    high: float | None
    folds: int

    @property
    def is_wide(self) -> bool:
        """Whether it is beyond chance and a good part of the error."""
        return self.low is not None and self.low > 0 and self.mean > WIDE * abs(self.valid)


@dataclass(frozen=True)
class Doubling:
    """What twice the rows would bring, if a curve goes on as it has.

    Parameters
    ----------
    gain, low, high : float
        Less error, with a 95 % interval.
    tendency : Tendency
        What follows.
    """

    gain: float
    low: float
    high: float
    tendency: Tendency


@dataclass(frozen=True)
class Learning:
    """A learning curve as it is read.

    Parameters
    ----------
    by : str
        What the smaller sizes have fewer of: ``rows``, ``groups``, or the past (``time``).
    rows : tuple of float
        Mean rows learned from, upwards.
    train, valid : tuple of float
        Mean errors at each; `train` is empty where it would tell nothing.
    error : tuple of float
        Standard error of each of `valid`, corrected for the rows that folds share; empty with a single fold.
    folds : int
        How many were done at every size.
    gap : FoldGap or None
        With all rows of a fold.
    doubling : Doubling or None
        None with fewer than three sizes or two folds.
    """

    by: str
    rows: tuple[float, ...]
    train: tuple[float, ...]
    valid: tuple[float, ...]
    error: tuple[float, ...]
    folds: int
    gap: FoldGap | None
    doubling: Doubling | None

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            **{name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()},
            "gap": None if self.gap is None else vars(self.gap) | {"wide": self.gap.is_wide},
            "doubling": None if self.doubling is None else dict(vars(self.doubling)),
        }


def learning(curve: Mapping[str, Any], *, test_share: float | None = None) -> Learning | None:
    """Read a learning curve from the record of a selection.

    Parameters
    ----------
    curve : mapping
        As training's ``LearningCurve.to_json`` gave it.
    test_share : float, optional
        How much folds have in common, see `noria.evaluation.fold_comparison`; rows judged over rows learned from where
        left out.

    Returns
    -------
    Learning or None
        None where no size was done.
    """
    sizes = [size for size in curve.get("sizes") or () if size.get("valid")]
    if not sizes:
        return None
    whole, folds = sizes[-1], min(len(size["valid"]) for size in sizes)
    share = test_share
    if share is None:
        share = float(np.mean(np.array(curve["judged"][: len(whole["rows"])]) / np.array(whole["rows"])))
    valid = np.array([size["valid"][:folds] for size in sizes]).T
    rows = tuple(float(np.mean(size["rows"][:folds])) for size in sizes)
    spread = np.sqrt((1 / folds + share) * valid.var(axis=0, ddof=1)) if folds > 1 else np.empty(0)
    has_train = all(size.get("train") for size in sizes)
    return Learning(
        by=str(curve.get("by")),
        rows=rows,
        train=tuple(float(np.mean(size["train"][:folds])) for size in sizes) if has_train else (),
        valid=tuple(valid.mean(axis=0).tolist()),
        error=tuple(spread.tolist()),
        folds=folds,
        gap=fold_gap(whole["train"], whole["valid"], test_share=share) if has_train else None,
        doubling=doubling(rows, valid, test_share=share) if folds > 1 and len(rows) > 2 else None,
    )


def fold_gap(train: Sequence[float], valid: Sequence[float], *, test_share: float) -> FoldGap:
    """Measure the gap, paired fold by fold.

    Parameters
    ----------
    train, valid : sequence of float
        Errors of each fold.
    test_share : float
        Rows judged over rows learned from.

    References
    ----------
    Nadeau, C. & Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> found = fold_gap([0.10, 0.11, 0.09, 0.10, 0.10], [0.20, 0.22, 0.19, 0.21, 0.18], test_share=0.25)
    >>> round(found.mean, 3), round(found.error, 4), found.is_wide
    (0.1, 0.0082, True)
    """
    apart = np.asarray(valid, dtype=np.float64) - np.asarray(train, dtype=np.float64)
    mean, sides = float(apart.mean()), (float(np.mean(train)), float(np.mean(valid)))
    if len(apart) < 2:
        return FoldGap(*sides, mean, None, None, None, len(apart))
    found = compare_folds(apart, test_share=test_share)
    error = float(np.sqrt((1 / len(apart) + test_share) * apart.var(ddof=1)))
    return FoldGap(*sides, mean, error, found.low, found.high, len(apart))


def doubling(rows: Sequence[float], errors: ArrayLike, *, test_share: float) -> Doubling:
    """Say what twice the rows would bring: errors are taken to fall to a floor as a power of the rows.

    For each power from one half to one a line is fitted to every fold's errors, larger sizes counting more. The gain
    is that of the power that fits the mean best; the interval spans those of all powers, each over the folds and
    corrected for the rows that they share. On made data whose truth is known the interval held it in at least 95 % of
    draws.

    Parameters
    ----------
    rows : sequence of float
        Rows learned from, upwards, three sizes at least.
    errors : array, shape (n_folds, n_sizes)
        Of two folds at least.
    test_share : float
        Rows judged over rows learned from.

    References
    ----------
    Viering, T. & Loog, M. (2023). The shape of learning curves: a review. IEEE PAMI 45, 7799-7819.
    Nadeau, C. & Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> rows = np.array([100, 200, 400, 800])
    >>> hard = np.array([0.00, 0.02, -0.01, 0.01, -0.02])[:, None]  # folds differ in level, not in shape
    >>> found = doubling(rows, 0.2 + 40 / rows + hard, test_share=0.25)
    >>> round(found.gain, 4), found.tendency  # half of what is left above the floor
    (0.025, 'rising')
    """
    found = np.asarray(errors, dtype=np.float64)
    fits = [_along(np.asarray(rows, dtype=np.float64), found, power, test_share) for power in EXPONENTS]
    gain = min(fits)[1]
    low, high = min(each[2] for each in fits), max(each[3] for each in fits)
    tendency: Tendency = "rising" if low > 0 else "unclear"
    if high < HARDLY * abs(found[:, -1].mean()):
        tendency = "flat"  # however sure: it is not worth the gathering
    return Doubling(gain, low, high, tendency)


def _along(
    rows: NDArray[np.float64], errors: NDArray[np.float64], power: float, share: float
) -> tuple[float, float, float, float]:
    """Give how badly one power fits the mean of the folds; then the gain and its interval."""
    x, weight = (rows / rows[-1]) ** -power, rows / rows.sum()
    centre = weight @ x
    slope = weight * (x - centre) / (weight @ (x - centre) ** 2)
    mean = errors.mean(axis=0)
    missed = mean - weight @ mean - (slope @ mean) * (x - centre)
    gains = errors @ slope * (1 - 2**-power)
    k = len(gains)
    half = stats.t.ppf(0.975, k - 1) * np.sqrt((1 / k + share) * gains.var(ddof=1))
    return float(weight @ missed**2), float(gains.mean()), float(gains.mean() - half), float(gains.mean() + half)
