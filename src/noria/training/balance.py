"""Rare classes given more weight in training; never in what is judged, and never in the answers' probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from noria.errors import MissingExtra, WrongData

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Balance", "Balanced", "balanced", "class_weights"]

Balance = Literal["none", "class_weight", "over", "under", "smote"]

_NEIGHBOURS = 5

_STEPS = 32
"""Most values of a column that goes in steps: the days of a month fit."""

_GONE = -1.0
"""Code of a missing category, while rows are made up."""


class Sampler(Protocol):
    """What imbalanced-learn's samplers share."""

    def fit_resample(
        self, X: NDArray[np.float64], y: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give the rows, and those made up after them."""


@dataclass(frozen=True, eq=False)
class Balanced:
    """Training rows as a model gets them.

    Parameters
    ----------
    X : ndarray of float64, shape (n, n_features)
        Their matrix.
    rows : ndarray of int64, shape (n,)
        Which row each is, or was made from.
    weights : ndarray of float64, shape (n,), or None
        What each counts.
    ratios : ndarray of float64, shape (n_classes,), or None
        What `noria.training.prior.shifted` needs.
    """

    X: NDArray[np.float64]
    rows: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None
    ratios: NDArray[np.float64] | None = None


def balanced(
    X: NDArray[np.float64],
    y: NDArray[np.int64],
    rows: NDArray[np.int64],
    *,
    how: Balance,
    n_classes: int,
    seed: int,
    codes: Sequence[int] = (),
    whole: Sequence[int] = (),
) -> Balanced:
    """Give each class of the training rows the same weight.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
        Prepared.
    y : ndarray of int64, shape (n_rows,)
        Class of each.
    rows : ndarray of int64, shape (n_rows,)
        Which rows these are.
    how : {"none", "class_weight", "over", "under", "smote"}
        Weights; copies of rows of the rarer classes; fewer rows of the commoner ones; rows made up between neighbours.
    n_classes : int
        All classes; one that is not among the rows keeps its share.
    seed : int
        Of what is drawn.
    codes : sequence of int
        Columns of category codes, between which there is nothing.
    whole : sequence of int
        Further columns that say categories, such as those of a one-hot encoding: a made-up row has them all from one
        and the same row.

    Raises
    ------
    MissingExtra
        smote needs imbalanced-learn.
    WrongData
        smote cannot make up numbers: the matrix holds texts, or a class has a single row.

    Examples
    --------
    >>> made = balanced(np.zeros((3, 1)), np.array([0, 0, 1]), np.arange(3), how="over", n_classes=2, seed=1)
    >>> made.rows.tolist(), made.ratios.round(3).tolist()
    ([0, 1, 2, 2], [1.0, 0.5])
    """
    counts = np.bincount(y, minlength=n_classes)
    if how == "none" or np.count_nonzero(counts) < 2:
        return Balanced(X, rows)
    if how == "class_weight":
        weights = class_weights(counts)
        return Balanced(X, rows, weights[y], _ratios(counts, counts * weights))
    rng = np.random.default_rng([abs(seed), 4])
    if how == "smote":
        made, origin = _made_up(X, y, codes, whole, seed)
    else:
        chosen = _drawn(y, counts, rng, copies=how == "over")
        made, origin = X[chosen], chosen
    return Balanced(made, rows[origin], None, _ratios(counts, np.bincount(y[origin], minlength=n_classes)))


def class_weights(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Weigh each class so that all count the same and a row counts one on average, as scikit-learn's "balanced".

    Examples
    --------
    >>> class_weights(np.array([30, 10])).round(3).tolist()
    [0.667, 2.0]
    """
    known = counts > 0
    share = counts.sum() / np.count_nonzero(known)
    return np.asarray(np.divide(share, counts, out=np.ones(len(counts)), where=known))


def _ratios(before: NDArray[np.generic], after: NDArray[np.generic]) -> NDArray[np.float64]:
    one, two = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    made = np.divide(one / one.sum(), two / two.sum(), out=np.ones(len(one)), where=two > 0)
    return np.asarray(made / made.max())


def _drawn(
    y: NDArray[np.int64], counts: NDArray[np.int64], rng: np.random.Generator, *, copies: bool
) -> NDArray[np.int64]:
    known = np.flatnonzero(counts)
    wanted = int(counts[known].max() if copies else counts[known].min())
    more = []
    for number in known.tolist():
        own = np.flatnonzero(y == number)
        more.append(rng.choice(own, wanted - len(own)) if copies else rng.choice(own, wanted, replace=False))
    drawn = np.concatenate(more).astype(np.int64)
    return np.concatenate([np.arange(len(y)), np.sort(drawn)]) if copies else np.sort(drawn)


def _made_up(
    X: NDArray[np.float64], y: NDArray[np.int64], codes: Sequence[int], whole: Sequence[int], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make rows up between neighbours of a class (Chawla et al. 2002, J. Artificial Intelligence Research 16).

    Between two categories there is nothing: what says a category comes whole from the row of the class that the
    made-up row lies nearest to; category codes are those most neighbours have. Neighbours are looked for with every
    number on one scale.
    """
    samplers, few = _samplers(), int(np.bincount(y)[np.unique(y)].min())
    if X.dtype == object or few < 2:
        raise WrongData(
            "smote makes rows up between the numbers of two rows of a class",
            why="the family takes texts as they are" if X.dtype == object else "a class has a single training row",
            mend='write balance = "over" or "class_weight"',
            code="N-TRAIN-061",
        )
    coded = np.isin(np.arange(X.shape[1]), codes)
    full = _full(X, coded)
    centre, spread = np.where(coded, 0.0, full.mean(axis=0)), np.where(coded, 1.0, full.std(axis=0))
    spread[spread == 0] = 1.0
    even = (full - centre) / spread
    drawn = {"k_neighbors": min(_NEIGHBOURS, few - 1), "random_state": seed % 2**31}
    plain, nominal, mixed = samplers
    sampler = nominal(**drawn) if coded.all() else mixed(list(codes), **drawn) if coded.any() else plain(**drawn)
    made, labels = sampler.fit_resample(even, y)
    made, new = np.asarray(made, dtype=float)[len(y) :], np.asarray(labels)[len(y) :]
    seen = ~coded if not coded.all() else coded
    origin = _nearest(even[:, seen], y, made[:, seen], new)
    made = made * spread + centre
    made[:, coded] = np.where(made[:, coded] == _GONE, np.nan, made[:, coded])
    taken = [place for place in range(X.shape[1]) if not coded[place] and (place in whole or _in_steps(X[:, place]))]
    made[:, taken] = X[origin][:, taken]
    return np.concatenate([X, made]), np.concatenate([np.arange(len(y)), origin])


def _samplers() -> tuple[Callable[..., Sampler], Callable[..., Sampler], Callable[..., Sampler]]:
    """Load what makes rows up between numbers, among categories, and of both."""
    try:
        from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra(
            'balance = "smote" needs imbalanced-learn, which is not installed',
            mend='pip install "noria[balance]"\nor write balance = "over"',
            code="N-TRAIN-060",
        ) from None
    return SMOTE, SMOTEN, SMOTENC


def _full(X: NDArray[np.float64], coded: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Put medians where numbers are missing; a missing category is one more category."""
    known = ~np.isnan(X)
    fill = np.array([np.median(column[here]) if here.any() else 0.0 for column, here in zip(X.T, known.T, strict=True)])
    return np.where(known, X, np.where(coded, _GONE, fill))


def _in_steps(column: NDArray[np.float64]) -> bool:
    """Say whether a column holds a few values again and again, such as a mark, a month or a count of children.

    Nothing between two of them was ever seen, so nothing between them is made up.
    """
    return len(np.unique(column[~np.isnan(column)])) <= min(_STEPS, max(2, len(column) // 5))


def _nearest(
    X: NDArray[np.float64], y: NDArray[np.int64], made: NDArray[np.float64], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Say which row of its class each made-up row is nearest to."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - only where rows are made up

    origin = np.zeros(len(made), dtype=np.int64)
    for number in np.unique(labels):
        own, asked = np.flatnonzero(y == number), labels == number
        near = NearestNeighbors(n_neighbors=1).fit(X[own]).kneighbors(made[asked], return_distance=False)
        origin[asked] = own[near.ravel()]
    return origin
