"""Sums of leaves turned into answers, with the very functions of the libraries."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Link", "answers", "rounding"]

_EPS = float(np.finfo(np.float64).eps)
_EPS32 = float(np.finfo(np.float32).eps)


class Link(StrEnum):
    """What the library does with the sums."""

    VALUE = "value"
    EXP = "exp"
    SIGNED_SQUARE = "signed square"
    SHARES = "shares"
    LOGISTIC = "logistic"
    ONE_VS_REST = "one against the rest"
    SOFTMAX = "softmax"
    LOGISTIC_32 = "logistic in float32"
    SOFTMAX_32 = "softmax in float32"

    @property
    def classifies(self) -> bool:
        """Whether the answers are probabilities."""
        return self not in (Link.VALUE, Link.EXP, Link.SIGNED_SQUARE)

    @property
    def two_classes(self) -> bool:
        """Whether one sum speaks for two classes."""
        return self in (Link.LOGISTIC, Link.LOGISTIC_32)


def answers(link: Link, sums: NDArray[np.floating], slope: float) -> NDArray[np.float64]:
    """Turn sums of leaves into values or probabilities.

    The exponential is the C library's, row by row, as in the libraries; numpy's differs in the last bit.

    Parameters
    ----------
    link : Link
        What to do.
    sums : ndarray of float64 or float32, shape (n_rows, n_outputs)
        One a class; a single one where there are two classes or none.
    slope : float
        Factor of the logistic function's argument.

    Returns
    -------
    ndarray of float64
        Probabilities, shape (n_rows, n_classes), or values, shape (n_rows, 1).

    Examples
    --------
    >>> answers(Link.LOGISTIC, np.array([[0.0]]), 1.0)
    array([[0.5, 0.5]])
    """
    return _OF[link](sums, slope)


def rounding(link: Link, made: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say how far answers may be from a library's that rounds an exponential or a sum of them otherwise.

    Parameters
    ----------
    link : Link
        What was done.
    made : ndarray, shape (n_rows, n_outputs)
        The answers.

    Returns
    -------
    ndarray, shape (n_rows,)
        Zero where there is nothing to round otherwise.
    """
    relative = {Link.EXP: 4 * _EPS, Link.SOFTMAX: 8 * _EPS, Link.LOGISTIC_32: 4 * _EPS32, Link.SOFTMAX_32: 8 * _EPS32}
    largest: NDArray[np.float64] = np.abs(made).max(axis=1)
    return largest * relative.get(link, 0.0)


def _logistic(sum_: float) -> float:
    try:
        return 1.0 / (1.0 + math.exp(-sum_))
    except OverflowError:
        return 0.0


def _exp(sum_: float) -> float:
    try:
        return math.exp(sum_)
    except OverflowError:
        return math.inf


def _each(function: Callable[[float], float], sums: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.array([function(one) for one in sums.ravel().tolist()]).reshape(sums.shape)


def _two_classes(sums: NDArray[np.floating], slope: float) -> NDArray[np.float64]:
    made = np.empty((len(sums), 2))
    made[:, 1] = [_logistic(slope * one) for one in sums[:, 0].tolist()]
    np.subtract(1.0, made[:, 1], made[:, 0])
    return made


def _two_classes_32(sums: NDArray[np.floating], slope: float) -> NDArray[np.float64]:
    # XGBoost cuts the argument so that the exponential stays finite.
    exponential = _each(_exp, np.minimum(-sums, np.float32(88.7))).astype(np.float32)
    second = (np.float32(1) / (exponential + np.float32(1))).astype(np.float64)
    return np.concatenate([1.0 - second, second], axis=1)


def _shares(sums: NDArray[np.floating]) -> NDArray[np.floating]:
    total = np.add.accumulate(sums, axis=1)[:, -1:]
    return sums / total.astype(sums.dtype)


def _softmax(sums: NDArray[np.floating], slope: float) -> NDArray[np.float64]:
    return _shares(_each(_exp, sums - sums.max(axis=1, keepdims=True))).astype(np.float64)


def _softmax_32(sums: NDArray[np.floating], slope: float) -> NDArray[np.float64]:
    exponential = _each(_exp, sums - sums.max(axis=1, keepdims=True)).astype(np.float32)
    total = np.add.accumulate(exponential, axis=1, dtype=np.float64)[:, -1:]  # the one sum that XGBoost keeps in double
    return (exponential / total.astype(np.float32)).astype(np.float64)


_OF: dict[Link, Callable[[NDArray[np.floating], float], NDArray[np.float64]]] = {
    Link.VALUE: lambda sums, _: sums.astype(np.float64, copy=False),
    Link.EXP: lambda sums, _: _each(_exp, sums),
    Link.SIGNED_SQUARE: lambda sums, _: np.copysign(sums * sums, sums),
    Link.SHARES: lambda sums, _: sums.astype(np.float64, copy=False),
    Link.LOGISTIC: _two_classes,
    Link.ONE_VS_REST: lambda sums, slope: _each(_logistic, slope * sums),
    Link.SOFTMAX: _softmax,
    Link.LOGISTIC_32: _two_classes_32,
    Link.SOFTMAX_32: _softmax_32,
}
