"""Folds that can judge: those in which a constant answer has an error at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.errors import WrongData
from noria.training.model import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from noria.training.folds import Fold
    from noria.training.model import Prediction
    from noria.training.task import Target

__all__ = ["judging_folds"]


def judging_folds(
    target: Target,
    y: NDArray[np.object_] | NDArray[np.float64],
    error: Callable[[NDArray[np.object_] | NDArray[np.float64], Prediction], float],
    splitter: list[Fold],
) -> tuple[list[Fold], tuple[str, ...]]:
    """Leave out the folds of which every candidate would fail: time and groups may put all rows of a class on one side.

    Parameters
    ----------
    target : Target
        Encoded.
    y : ndarray, shape (n_rows,)
        As it is judged.
    error : callable
        Judges the rows of a fold.
    splitter : list of (train, valid)
        All folds.

    Returns
    -------
    (list of (train, valid), tuple of str)
        The folds that are left, and a line for each that is not.

    Raises
    ------
    WrongData
        None is left.
    """
    kept, notes = [], []
    for number, (train, valid) in enumerate(splitter, start=1):
        why = _why_not(target, y, error, train, valid)
        if why:
            notes.append(f"fold {number} of {len(splitter)} is left out: {why}")
        else:
            kept.append((train, valid))
    if not kept:
        raise WrongData(
            "no fold can judge a candidate",
            why="\n".join(notes),
            mend="take fewer folds: [model] folds = 2, another [split] method, or bring rows of the rare class"
            if target.classes is not None
            else "bring the target to a unit in which its squares are numbers: divide it in [data] query or the source",
            code="N-TRAIN-064",
        )
    return kept, tuple(notes)


def _why_not(
    target: Target,
    y: NDArray[np.object_] | NDArray[np.float64],
    error: Callable[[NDArray[np.object_] | NDArray[np.float64], Prediction], float],
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
) -> str:
    classes, values = target.classes, target.values
    for rows, doing in ((train, "learned from"), (valid, "judged")):
        found = np.unique(values[rows])
        if classes is not None and len(found) == 1:
            told = f"all {len(rows):,} rows {doing} are of the class {classes[int(found[0])]!r}"
            if doing == "learned from":
                return told
            return "" if np.isfinite(_constant(target, y, error, train, valid)) else told
    found_error = _constant(target, y, error, train, valid)
    return "" if np.isfinite(found_error) else f"the metric of a constant answer is {found_error} there"


def _constant(
    target: Target,
    y: NDArray[np.object_] | NDArray[np.float64],
    error: Callable[[NDArray[np.object_] | NDArray[np.float64], Prediction], float],
    train: NDArray[np.int64],
    valid: NDArray[np.int64],
) -> float:
    values = target.values[train]
    if target.classes is None:
        return float(error(y[valid], decoded(np.full(len(valid), float(values.mean())), None)))
    shares = np.bincount(np.asarray(values, dtype=np.int64), minlength=len(target.classes)) / len(values)
    said = np.tile(np.clip(shares, 1e-6, 1), (len(valid), 1))
    return float(error(y[valid], decoded(said / said.sum(axis=1, keepdims=True), target.classes)))
