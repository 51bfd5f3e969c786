"""From the decisions of a machine for each pair of classes to one probability for each class.

A machine of more than two classes is many machines, one for each pair. Each says how sure it is of the first of its
pair; what they say together need not agree, and the probabilities that agree with them best are sought.

References
----------
Wu, T.-F., Lin, C.-J. and Weng, R. C. (2004). Probability estimates for multi-class classification by pairwise
coupling. J. Machine Learning Research 5, 975-1005 (the second approach).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST", "couple", "linear_system", "sureness"]

LEAST = 1e-7
"""What a pair gives its loser at least, so that no class is out for ever."""

_NUMBERS = 1 << 20
"""Of the systems that are solved at once."""


def sureness(
    decided: NDArray[np.float64], slope: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give how likely the first of each pair is, were the row of one of the two.

    Parameters
    ----------
    decided : ndarray of float64, shape (n_rows, n_pairs)
        Decisions; above zero for the first.
    slope, offset : ndarray of float64, shape (n_pairs,)
        Of the curve ``1 / (1 + exp(slope z + offset))``.

    Examples
    --------
    >>> sureness(np.array([[0.0, 9.9]]), np.array([-1.0, -9.0]), np.array([0.0, 0.0])).tolist()
    [[0.5, 0.9999999]]
    """
    with np.errstate(over="ignore"):
        said = 1 / (1 + np.exp(slope * decided + offset))
    return np.asarray(np.clip(said, LEAST, 1 - LEAST))


def couple(pairs: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Find the probabilities that agree best with what the pairs say.

    Those ``p`` that add up to one and make ``sum over i < j of (r_ji p_i - r_ij p_j)²`` least, where ``r_ij`` is how
    likely class i is of i and j.

    Parameters
    ----------
    pairs : ndarray of float64, shape (n_rows, n_classes * (n_classes - 1) / 2)
        ``r_ij`` of the pairs (0, 1), (0, 2) … (1, 2) …, above zero and below one.
    n_classes : int
        At least two.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_classes)
        Rows add up to one. A row's has the same bits whatever rows come with it.

    Examples
    --------
    >>> couple(np.array([[0.6 / 0.9, 0.6 / 0.7, 0.3 / 0.4]]), 3).round(6).tolist()
    [[0.6, 0.3, 0.1]]
    """
    made = np.empty((len(pairs), n_classes))
    step = max(1, _NUMBERS // (n_classes + 1) ** 2)
    wanted = np.zeros((n_classes + 1, 1))
    wanted[-1] = 1
    for start in range(0, len(pairs), step):
        system = linear_system(pairs[start : start + step], n_classes)
        made[start : start + step] = np.linalg.solve(system, wanted[None])[:, :-1, 0]
    np.maximum(made, 0, out=made)  # the exact solution never lies below
    return np.asarray(made / made.sum(axis=1)[:, None])


def linear_system(pairs: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Give what the probabilities solve, bordered by their sum, shape (n_rows, n_classes + 1, n_classes + 1)."""
    first, second, diagonal = _places(n_classes)
    likely = np.zeros((len(pairs), n_classes, n_classes))
    likely[:, first, second] = pairs
    likely[:, second, first] = 1 - pairs
    system = np.ones((len(pairs), n_classes + 1, n_classes + 1))
    np.multiply(likely, -likely.transpose(0, 2, 1), out=system[:, :-1, :-1])
    system[:, diagonal, diagonal] = (likely * likely).sum(axis=1)
    system[:, -1, -1] = 0
    return system


@cache
def _places(n_classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    return (*np.triu_indices(n_classes, 1), np.arange(n_classes))
