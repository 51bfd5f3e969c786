"""One number that makes the probabilities of a model as sure as its answers on rows it had not seen allow.

A forest that is right nearly always still says 0.6, as its trees seldom agree; a booster that was fitted too long says
0.99 and is wrong one time in ten. Dividing the logarithms of the probabilities by a temperature, above one for who is
too sure and below for who is not sure enough, mends both and changes no row's likeliest class. The temperature that a
fold is judged with is fitted on the other folds, so that a candidate is not judged by rows that tuned it.

References
----------
Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). On calibration of modern neural networks. ICML, 1321-1330.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COLDEST", "FLOOR", "HOTTEST", "Tempered", "temper", "temperature_for", "tempered"]

FLOOR = 1e-4
"""What a class is given at least before the temperature: a forest none of whose trees saw it says zero."""

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures that are looked at."""

_STEPS = 50
_ENOUGH = 1e-6
_ROWS = 20_000
"""One number needs no more rows than these."""


def temper(proba: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Give the probabilities at a temperature.

    Parameters
    ----------
    proba : ndarray of float64, shape (n_rows, n_classes)
        Each row adds up to one.
    temperature : float
        Above one: less sure; below one: surer.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_classes)
        Their ``1 / temperature``-th powers, made to add up to one again.

    Examples
    --------
    >>> temper(np.array([[0.6, 0.3, 0.1]]), 0.5).round(3).tolist()
    [[0.783, 0.196, 0.022]]
    """
    told = np.log(np.maximum(proba, FLOOR)) / temperature
    made = np.exp(told - told.max(axis=1)[:, None])
    return np.asarray(made / made.sum(axis=1)[:, None])


def temperature_for(proba: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Find the temperature under which the true classes are likeliest.

    Newton's method finds its inverse, in which the log-likelihood is concave. A weak pull towards one (as of a normal
    distribution of the inverse around it with standard deviation one) keeps few or perfectly told rows from going to an
    end.

    Parameters
    ----------
    proba : ndarray of float64, shape (n_rows, n_classes)
        Of rows that the models giving them had not seen.
    truth : ndarray of int64, shape (n_rows,)
        Number of each row's class.

    Examples
    --------
    >>> proba = np.array([[0.6, 0.4], [0.6, 0.4], [0.4, 0.6]] * 50)
    >>> round(temperature_for(proba, np.array([0, 0, 1] * 50)), 2)  # always right, and never sure
    0.17
    >>> round(temperature_for(proba, np.array([0, 1, 1] * 50)), 2)  # right two times in three, and says 0.6
    0.62
    """
    if len(proba) > _ROWS:
        rows = np.random.default_rng(0).permutation(len(proba))[:_ROWS]
        proba, truth = proba[rows], truth[rows]
    told = np.log(np.maximum(proba, FLOOR))
    said = told[np.arange(len(truth)), truth].sum()
    inverse = 1.0
    for _ in range(_STEPS):
        share = np.exp(inverse * (told - told.max(axis=1)[:, None]))
        share /= share.sum(axis=1)[:, None]
        mean = (share * told).sum(axis=1)
        slope = said - mean.sum() - (inverse - 1.0)
        bend = (share * told**2).sum() - (mean**2).sum() + 1.0
        # A step may at most halve or double it: far from its end the curve is not the parabola that Newton sees.
        step = float(np.clip(inverse + slope / bend, inverse / 2, inverse * 2))
        step = float(np.clip(step, 1 / HOTTEST, 1 / COLDEST))
        if abs(step - inverse) < _ENOUGH * inverse:
            return 1.0 / step
        inverse = step
    return 1.0 / inverse


@dataclass(frozen=True)
class Tempered:
    """What a candidate said on its folds, at temperatures.

    Parameters
    ----------
    temperature : float
        Of all folds together: that of the model.
    answers : tuple of ndarray
        Of each fold, at the temperature of the others; of a single one at its own.
    """

    temperature: float
    answers: tuple[NDArray[np.float64], ...]


def tempered(answers: Sequence[NDArray[np.float64]], truth: Sequence[NDArray[np.int64]]) -> Tempered:
    """Temper the answers on each fold by what the others tell.

    Parameters
    ----------
    answers : sequence of ndarray, each of shape (n_rows of the fold, n_classes)
        Probabilities.
    truth : sequence of ndarray of int64
        Number of the class of each of these rows.

    Examples
    --------
    >>> fold = np.array([[0.6, 0.4], [0.4, 0.6]] * 20)
    >>> made = tempered([fold, fold], [np.array([0, 1] * 20)] * 2)
    >>> round(made.temperature, 2), made.answers[0][0].round(2).tolist()
    (0.2, [0.83, 0.17])
    """
    whole = temperature_for(np.concatenate(answers), np.concatenate(truth))
    if len(answers) == 1:
        return Tempered(whole, (temper(answers[0], whole),))
    made = []
    for number, said in enumerate(answers):
        others = [place for place in range(len(answers)) if place != number]
        known = temperature_for(
            np.concatenate([answers[place] for place in others]), np.concatenate([truth[place] for place in others])
        )
        made.append(temper(said, known))
    return Tempered(whole, tuple(made))
