"""How many rounds a booster takes, chosen inside its own training rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from noria.training.inner import inner_part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from noria.training.family import Fitting

__all__ = ["FEWEST_ROWS", "MOST_ROUNDS", "PATIENCE", "choose_rounds"]

FEWEST_ROWS = 400
"""Below, the inner part is too small to say when to stop, and the number of rounds is fixed."""

MOST_ROUNDS = 1500
PATIENCE = 40


def choose_rounds(
    train: Callable[[NDArray[np.bool_], NDArray[np.bool_]], int],
    y: NDArray[np.generic],
    fitting: Fitting,
    *,
    learning_rate: float,
) -> int:
    """Find the number of rounds on an inner part of the training rows.

    Stopping on the rows that later judge the booster flatters it against families that cannot stop early. So the
    validation fold is never seen here: ``train`` fits outside the inner part and stops on it, and the caller then
    fits all its rows for a tenth more rounds than that. What the inner part is, `inner_part` says.

    Parameters
    ----------
    train : callable
        Takes a mask of the rows to learn from and one of the inner rows, gives the best number of rounds.
    y : ndarray, shape (n_rows,)
        The encoded target.
    fitting : Fitting
        The circumstances: task, seed, groups and times of the rows.
    learning_rate : float
        Sets the fixed number of rounds of small tables, and of those whose groups cannot be divided.

    Examples
    --------
    >>> import numpy as np
    >>> from noria.training.family import Fitting
    >>> choose_rounds(lambda learned, inner: 0, np.zeros(100), Fitting("regression", 1), learning_rate=0.05)
    100
    """
    stratify = fitting.task == "classification"
    part = inner_part(y, fitting.bonds, seed=fitting.seed, stratify=stratify) if len(y) >= FEWEST_ROWS else None
    return max(20, round(5 / learning_rate)) if part is None else int(1.1 * train(*part)) + 1
