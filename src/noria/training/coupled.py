"""Support vector machines of more than two classes that give probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import SVC

from noria.training.coupling import couple, sureness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["CoupledMachines", "platt"]

_FOLDS = 3
_NUMBERS = 1 << 22
"""Decisions at once when many rows are answered."""

_ROUNDS = 100
_ENOUGH = 1e-10
_LITTLE = 1e-12


class CoupledMachines(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """A machine for each pair of classes, each with a curve to how likely the first is, coupled to probabilities.

    The curves are fitted on decisions about rows that the deciding machines had not seen, in three folds; the machines
    that answer are fitted on all rows.

    Parameters
    ----------
    C : float
        What a row on the wrong side costs.
    class_weight : "balanced" or mapping, optional
        As of `sklearn.svm.SVC`.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood
    methods. Advances in Large Margin Classifiers, 61-74.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0], [9.1], [9.2]])
    >>> made = CoupledMachines(C=10.0).fit(X, np.repeat([0, 1, 2], 3))
    >>> made.predict(np.array([[0.3], [5.3], [8.8]])).tolist()
    [0, 1, 2]
    """

    def __init__(self, C: float = 1.0, class_weight: object = None) -> None:
        self.C = C
        self.class_weight = class_weight

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> CoupledMachines:
        """Learn.

        Parameters
        ----------
        X : ndarray of float64, shape (n_rows, n_features)
            Complete and scaled.
        y : ndarray of int64, shape (n_rows,)
            Positions of classes.
        """
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
        self.classes_, own = np.unique(y, return_inverse=True)
        self.n_features_in_ = X.shape[1]
        n_classes = len(self.classes_)
        first, second = np.triu_indices(n_classes, 1)
        decided = np.full((len(X), len(first)), np.nan)
        for valid in _folds(own, n_classes):
            seen = ~valid
            known = np.unique(own[seen])
            if len(known) < 2:
                continue
            machine = self._machine().fit(X[seen], own[seen])
            columns = np.flatnonzero(np.isin(first, known) & np.isin(second, known))
            decided[np.ix_(valid, columns)] = _pairwise(machine, X[valid])
        self.slope_, self.offset_ = np.full(len(first), -1.0), np.zeros(len(first))
        for pair, (one, other) in enumerate(zip(first, second, strict=True)):
            rows = ((own == one) | (own == other)) & np.isfinite(decided[:, pair])
            if rows.any():
                self.slope_[pair], self.offset_[pair] = platt(decided[rows, pair], own[rows] == one)
        self.machine_ = self._machine().fit(X, own)
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes)."""
        X = np.asarray(X, dtype=np.float64)
        made = np.empty((len(X), len(self.classes_)))
        step = max(1, _NUMBERS // len(self.slope_))
        for start in range(0, len(X), step):
            decided = _pairwise(self.machine_, X[start : start + step])
            made[start : start + step] = couple(sureness(decided, self.slope_, self.offset_), len(self.classes_))
        return made

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the likeliest class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _machine(self) -> SVC:
        return SVC(C=self.C, class_weight=self.class_weight, decision_function_shape="ovo")


def platt(decided: NDArray[np.float64], first: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit the curve ``1 / (1 + exp(slope z + offset))`` to what came true.

    The targets are drawn in from 0 and 1, as Platt does, so that few or perfectly told rows give no endless slope.

    Parameters
    ----------
    decided : ndarray of float64, shape (n_rows,)
        Decisions about rows that the decider had not seen.
    first : ndarray of bool, shape (n_rows,)
        Whether the row was of the first class.

    References
    ----------
    Lin, H.-T., Lin, C.-J. and Weng, R. C. (2007). A note on Platt's probabilistic outputs for support vector machines.
    Machine Learning 68, 267-276.

    Examples
    --------
    >>> slope, offset = platt(np.array([-2.0, -1.0, 1.0, 2.0] * 50), np.array([False, False, True, True] * 50))
    >>> bool(slope < -3), bool(abs(offset) < 1e-6)
    (True, True)
    """
    ones = int(first.sum())
    others = len(first) - ones
    wanted = np.where(first, (ones + 1) / (ones + 2), 1 / (others + 2))
    terms = np.column_stack([decided, np.ones(len(decided))])

    def loss(at: NDArray[np.float64]) -> float:
        z = terms @ at
        return float(wanted @ z + np.logaddexp(0, -z).sum())

    here = np.array([0.0, np.log((others + 1) / (ones + 1))])
    now = loss(here)
    for _ in range(_ROUNDS):
        with np.errstate(over="ignore"):
            said = 1 / (1 + np.exp(terms @ here))
        slopes = terms.T @ (wanted - said)
        bend = (terms * (said * (1 - said))[:, None]).T @ terms + _LITTLE * np.eye(2)
        way = -np.linalg.solve(bend, slopes)
        length = 1.0
        while (then := loss(here + length * way)) > now + 1e-4 * length * float(slopes @ way) and length > _ENOUGH:
            length /= 2
        if not then < now:
            break
        gained, here, now = now - then, here + length * way, then
        if gained <= _ENOUGH * max(1.0, now):
            break
    return float(here[0]), float(here[1])


def _folds(own: NDArray[np.int64], n_classes: int) -> Iterator[NDArray[np.bool_]]:
    """Cut the rows of each class, in their order, into parts that are held out one after the other."""
    part = np.empty(len(own), dtype=np.int64)
    for label in range(n_classes):
        rows = np.flatnonzero(own == label)
        part[rows] = np.arange(len(rows)) * _FOLDS // len(rows)
    for number in range(_FOLDS):
        if (part == number).any():
            yield part == number


def _pairwise(machine: SVC, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the decision of each pair, above zero for its first class."""
    decided = np.asarray(machine.decision_function(X), dtype=np.float64)
    # Of two classes alone scikit-learn's sign speaks for the second.
    return -decided[:, None] if decided.ndim == 1 else decided
