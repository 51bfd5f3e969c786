"""How many rounds a booster takes, chosen inside its own training rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST_ROWS", "MOST_ROUNDS", "PATIENCE", "choose_rounds"]

FEWEST_ROWS = 400
"""Below, the inner part is too small to say when to stop, and the number of rounds is fixed."""

MOST_ROUNDS = 1500
PATIENCE = 40
INNER_SHARE = 0.2


def choose_rounds(
    train: Callable[[NDArray[np.bool_]], int],
    y: NDArray[np.generic],
    *,
    seed: int,
    stratify: bool,
    learning_rate: float,
) -> int:
    """Find the number of rounds on an inner part of the training rows.

    Stopping on the rows that later judge the booster flatters it against families that cannot stop early. So the
    validation fold is never seen here: ``train`` fits outside the inner part and stops on it, and the caller then
    fits all its rows for a tenth more rounds than that.

    Parameters
    ----------
    train : callable
        Takes a mask of the inner rows, gives the best number of rounds.
    y : ndarray, shape (n_rows,)
        The encoded target.
    seed : int
        Draws the inner part.
    stratify : bool
        Keep the shares of the classes.
    learning_rate : float
        Sets the fixed number of rounds of small tables.

    Examples
    --------
    >>> choose_rounds(lambda inner: 0, np.zeros(100), seed=1, stratify=False, learning_rate=0.05)
    100
    """
    if len(y) < FEWEST_ROWS:
        return max(20, round(5 / learning_rate))
    rng = np.random.default_rng(seed)
    inner = np.zeros(len(y), dtype=bool)
    groups = [np.flatnonzero(y == value) for value in np.unique(y)] if stratify else [np.arange(len(y))]
    for rows in groups:
        inner[rng.permutation(rows)[: int(len(rows) * INNER_SHARE)]] = True
    return int(1.1 * train(inner)) + 1
