"""Greedy selection of an ensemble out of the answers of models on rows they had not seen.

R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from libraries of models", ICML 2004: models
are added one by one, and may be added again; how often one was is its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["choose"]

MEMBERS = 4
ROUNDS = 25


def choose(
    answers: Sequence[NDArray[np.float64]],
    error: Callable[[NDArray[np.float64]], float],
    *,
    most: int = MEMBERS,
    rounds: int = ROUNDS,
    out_of_time: Callable[[], bool] = lambda: False,
) -> NDArray[np.int64]:
    """Say how often each model counts in the mean that errs least.

    Parameters
    ----------
    answers : sequence of ndarray
        What each model says of the same rows, out of fold: all of one shape.
    error : callable
        Judges such answers; lower is better.
    most : int
        Different models at most.
    rounds : int
        Models added at most, those counted that are added again.
    out_of_time : callable
        Asked before each round; when true, what has been found by then is given.

    Returns
    -------
    ndarray of int64, shape (n_models,)
        Zero for those that are left out. The mean of the rounds up to the best one, ties going to the fewer rounds.

    Examples
    --------
    >>> truth = np.array([1.0, 2.0, 3.0])
    >>> high, low = truth + [1, 0, 1], truth - [1, 0, 1]
    >>> choose([high, low, truth + 9], lambda said: float(np.abs(said - truth).mean()))
    array([1, 1, 0])
    """
    counts = np.zeros(len(answers), dtype=np.int64)
    best, best_error = counts, np.inf
    total = np.zeros_like(answers[0])
    for number in range(1, rounds + 1):
        if number > 1 and out_of_time():
            break
        full = (counts > 0).sum() >= most
        errors = [
            error((total + said) / number) if counts[place] or not full else np.inf
            for place, said in enumerate(answers)
        ]
        place = int(np.argmin(errors))
        counts = counts.copy()
        counts[place] += 1
        total = total + answers[place]
        if errors[place] < best_error:
            best, best_error = counts, errors[place]
    return best
