"""From decision values to probabilities, and what a doubt about the one makes of the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from noria.scoring.plan.product import EPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LINKS", "Link", "both", "linked", "linked_bound", "sigmoid", "sigmoids", "softmax"]

Link = Literal["value", "decision", "sigmoid", "softmax"]
"""What is answered: the one value, the decision values as they are, or probabilities of two or of more classes."""

LINKS: tuple[Link, ...] = get_args(Link)


def linked(z: NDArray[np.float64], link: Link) -> NDArray[np.float64]:
    """Turn decision values, shape (n_rows, n_outputs), into answers."""
    if link == "sigmoid":
        return sigmoids(z[:, 0])
    if link == "softmax":
        return softmax(z)
    return z[:, 0] if link == "value" else z


_OVERFLOWS = 709.0
"""What exp is still a number of."""


def linked_bound(doubt: NDArray[np.float64], link: Link) -> NDArray[np.float64]:
    """Turn a bound of decision values, shape (n_rows, n_outputs), into one of the answers, shape (n_rows,)."""
    widest = np.asarray(doubt.max(axis=1))
    if link in ("value", "decision"):
        return widest
    slope = 0.25 if link == "sigmoid" else 0.5  # the steepest that either gets
    return np.asarray(np.minimum(slope * widest + 8 * EPS, 1.0))


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give ``1 / (1 + exp(-z))`` of each value, shape (n,).

    By the C library's exp, one by one: that has the bits of scipy's expit, NumPy's vector exp has not.

    Examples
    --------
    >>> sigmoid(np.array([0.0, -1e9, 1e9])).tolist()
    [0.5, 0.0, 1.0]
    """
    negated = -z
    if negated.max(initial=0.0) < _OVERFLOWS:
        return np.asarray(1 / (1 + np.fromiter(map(math.exp, negated.tolist()), np.float64, len(z))))
    return np.array([_sigmoid(value) for value in z.tolist()], np.float64)


def _sigmoid(value: float) -> float:
    try:
        return 1 / (1 + math.exp(-value))
    except OverflowError:
        return 0.0


def sigmoids(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the probabilities of both classes, shape (n, 2)."""
    if len(z) == 1:  # a short list becomes an array in a third of the time that cutting one takes
        positive = _sigmoid(z.item())
        return np.array([[1 - positive, positive]])
    return both(sigmoid(z))


def both(positive: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the probability of the negative class beside that of the positive."""
    made = np.empty((len(positive), 2))
    np.subtract(1, positive, out=made[:, 0])
    made[:, 1] = positive
    return made


def softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give probabilities of decision values, shape (n_rows, n_classes).

    Examples
    --------
    >>> softmax(np.array([[1e9, 1e9], [0.0, -1e9]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    made = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(made / made.sum(axis=1, keepdims=True))
