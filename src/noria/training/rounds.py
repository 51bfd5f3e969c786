"""How many rounds a booster takes, chosen inside its own training rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from noria.training.inner import inner_part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from noria.training.family import Fitting

__all__ = ["CUT_SHORT", "FEWEST_ROWS", "MOST_ROUNDS", "PATIENCE", "Enough", "choose_rounds", "rounds_for"]

FEWEST_ROWS = 400
"""Below, the inner part is too small to say when to stop, and the number of rounds is fixed."""

MOST_ROUNDS = 1500
PATIENCE = 40
SEARCH_SHARE = 0.4
"""Of the time that a fit may take, for finding the rounds: the fit of all rows with them takes about as long again."""

CUT_SHORT = "fewer rounds than it would take, for lack of time: raise [model] budget"

_GROWTH = math.log(1.1) / math.log(1.25)


class Enough:
    """Says when the search for the rounds has to end, so that the fit with them can be done in time too.

    Parameters
    ----------
    seconds_left : callable
        For both.

    Examples
    --------
    >>> left = iter([10.0, 7.0, 5.0])
    >>> enough = Enough(lambda: next(left))
    >>> enough(), enough(), enough.was_said
    (False, True, True)
    """

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self._left = seconds_left
        self._kept = (1 - SEARCH_SHARE) * seconds_left()
        self.was_said = False

    def __call__(self) -> bool:
        """Ask; between rounds."""
        self.was_said = self.was_said or self._left() < self._kept
        return self.was_said


def choose_rounds(
    train: Callable[[NDArray[np.bool_], NDArray[np.bool_], Enough], int],
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
        Takes a mask of the rows to learn from, one of the inner rows, and when to look no further; gives the best
        number of rounds.
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
    >>> few, known = np.zeros(100), Fitting("regression", 1, rounds=70)
    >>> choose_rounds(lambda learned, inner, enough: 0, few, known, learning_rate=0.05)
    70
    >>> choose_rounds(lambda learned, inner, enough: 0, few, Fitting("regression", 1), learning_rate=0.05)
    100
    """
    if fitting.rounds is not None:
        return fitting.rounds
    stratify = fitting.task == "classification"
    part = inner_part(y, fitting.bonds, seed=fitting.seed, stratify=stratify) if len(y) >= FEWEST_ROWS else None
    if part is None:
        return max(20, round(5 / learning_rate))
    enough = Enough(fitting.seconds_left)
    found = train(*part, enough)
    if enough.was_said:
        warnings.warn(CUT_SHORT, stacklevel=2)
        return max(1, found)
    return int(1.1 * found) + 1


def rounds_for(rows: int, *, found: int, on: int) -> int:
    """Carry rounds that were found on some rows over to another number of rows.

    A quarter more rows take a tenth more rounds: measured for the step from four folds of five to all rows.

    Parameters
    ----------
    rows : int
        Rows to be learned from.
    found, on : int
        Rounds, and the rows they were found for.

    Examples
    --------
    >>> rounds_for(1000, found=100, on=800), rounds_for(800, found=100, on=800)
    (110, 100)
    """
    return max(1, round(found * math.pow(rows / on, _GROWTH)))
