"""Folds for cross-validation, fitting the shape of the data."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from noria.errors import WrongData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from noria.training.task import Task

__all__ = ["Fold", "folds", "judged_share"]

Fold = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def folds(
    y: NDArray[np.generic] | NDArray[np.object_] | None,
    *,
    n_rows: int,
    task: Task,
    k: int = 5,
    seed: int = 0,
    groups: NDArray[np.object_] | None = None,
    times: NDArray[np.datetime64] | None = None,
    gap: timedelta = timedelta(0),
    every_class: bool = True,
) -> list[Fold]:
    """Divide training rows into k folds.

    Rows of one group never straddle a fold. With times, each fold is judged on rows later than those it learned
    from. Classes are stratified, and each fold judges some rows of every class: there are at most as many folds as the
    rarest has rows.

    Parameters
    ----------
    y : ndarray, shape (n_rows,), or None
        Target; None for clustering.
    n_rows : int
        Training rows.
    task : Task
        What is learned.
    k : int
        Folds wanted, at least 2.
    seed : int
        Shuffles.
    groups, times : ndarray, shape (n_rows,), optional
        With both, the rows of a group that is judged are left out of what is learned from.
    gap : timedelta
        With times: stretch before the first judged moment of a fold that is left out of what it learns from.
    every_class : bool
        Of more than two classes, whether a fold that lacks one would be judged amiss: a mean over the classes would
        leave the rare ones out. A mean over rows would not; then one rare class does not take the others their folds.

    Returns
    -------
    list of (train, valid)
        Row numbers.

    Raises
    ------
    WrongData
        Too few rows, groups, moments or rows of a class for two folds.

    Examples
    --------
    >>> made = folds(np.array(["a", "b"] * 5), n_rows=10, task="classification", k=5)
    >>> len(made), len(made[0][1])
    (5, 2)
    """
    k = min(k, n_rows)
    if k < 2:
        raise WrongData(
            f"{n_rows} training row{'s' * (n_rows != 1)} cannot be cross-validated",
            why="at least two are needed, and a few dozen to learn anything",
            mend="collect more rows, or check [data] query and [data.checks] for what left them out",
            code="N-TRAIN-030",
        )
    if task == "classification" and y is not None:
        k = _fewest(y, k, every_class=every_class)
    if times is not None:
        return _forward(times, groups, k, gap)
    blank = np.zeros(n_rows)
    codes = None if y is None else np.unique(np.asarray(y).astype(str), return_inverse=True)[1]
    if groups is not None:
        return _grouped(codes, groups, k, seed, stratify=task == "classification")
    if task == "classification" and codes is not None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class in y", UserWarning)
            return list(StratifiedKFold(k, shuffle=True, random_state=seed).split(blank, codes))
    return list(KFold(k, shuffle=True, random_state=seed).split(blank))


def judged_share(made: Sequence[Fold]) -> float:
    """Give rows judged over rows learned from, the mean of the folds.

    Of k folds of a plain cross-validation it is ``1 / (k - 1)``; of folds forward in time, the first of which learn
    from few rows, it is more. Tests of differences between folds need it.

    References
    ----------
    Nadeau, C. & Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> rows = np.arange(12)
    >>> judged_share([(rows[:4], rows[4:8]), (rows[:8], rows[8:])])
    0.75
    """
    return float(np.mean([len(valid) / len(train) for train, valid in made]))


def _forward(times: NDArray[np.datetime64], groups: NDArray[np.object_] | None, k: int, gap: timedelta) -> list[Fold]:
    # Expanding window (Hyndman & Athanasopoulos, Forecasting: principles and practice, 3rd ed. 2021, section 5.10).
    rows = len(times)
    order = np.argsort(times, kind="stable")
    cuts = TimeSeriesSplit(max(2, min(k, rows - 1))).split(order) if rows > 2 else [(np.arange(1), np.arange(1, 2))]
    made = []
    for learned, judged in cuts:
        train, valid = order[learned], order[judged]
        # Rows of one moment may lie on both sides of a cut between positions.
        train = train[times[train] < times[valid[0]] - np.timedelta64(gap)]
        if groups is not None:
            train = train[~np.isin(groups[train].astype(str), groups[valid].astype(str))]
        if len(train):
            made.append((train, valid))
    if not made:
        raise WrongData(
            "the training rows cannot be cut into earlier and later ones",
            why=f"{len(np.unique(times))} different moments"
            + ("" if groups is None else f", {len(np.unique(groups.astype(str)))} groups")
            + (f", and a gap of {gap} before what is judged" if gap else ""),
            mend="bring rows of more moments, "
            + ("shorten [split] gap, " if gap else "")
            + "or take another [split] method",
            code="N-TRAIN-033",
        )
    return made


def _fewest(y: NDArray[np.generic] | NDArray[np.object_], k: int, *, every_class: bool) -> int:
    labels, counts = np.unique(np.asarray(y).astype(str), return_counts=True)
    rarest = int(counts.min())
    if rarest < 2:
        raise WrongData(
            f"the class {str(labels[counts.argmin()])!r} has one training row",
            why="cross-validation needs at least two of each class: one to learn from, one to judge by",
            mend="collect more rows of it, or join it with another class in [data] query",
            code="N-TRAIN-031",
        )
    # A fold that judges one class alone says nothing of how well it is told from another.
    return min(k, rarest if every_class or len(counts) < 3 else int(np.sort(counts)[-2]))


def _grouped(
    codes: NDArray[np.int64] | None, groups: NDArray[np.object_], k: int, seed: int, *, stratify: bool
) -> list[Fold]:
    blank = np.zeros(len(groups))
    named = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    count = int(named.max()) + 1
    if count < 2:
        raise WrongData(
            "every training row is of the same group",
            why="rows of one group stay together, so there is nothing left to judge by",
            mend="leave out [data] group",
            code="N-TRAIN-032",
        )
    k = min(k, count)
    if stratify and codes is not None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class in y", UserWarning)
            return list(StratifiedGroupKFold(k, shuffle=True, random_state=seed).split(blank, codes, named))
    return list(GroupKFold(k, shuffle=True, random_state=seed).split(blank, groups=named))
