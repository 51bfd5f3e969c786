"""Probabilities learned from classes in other shares than they come in, led back to how often they come.

A model that saw each class equally often answers as if each were equally likely. With Bayes' rule the share of training
is taken out and the true one put in: multiply by their ratio, divide by the sum. That is exact for a model that says
what its rows say. One that overfits (a forest that has seen each rare row twice) is moved too far; so the ratios are
then set such that the out-of-fold probabilities, given by models that had not seen the row, have the true mean.

References
----------
Saerens, M., Latinne, P. and Decaestecker, C. (2002). Adjusting the outputs of a classifier to new a priori
probabilities. Neural Computation 14(1), 21-41.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ratios_for", "shifted"]

_ROUNDS = 200


def shifted(proba: NDArray[np.float64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the probabilities under the true shares of the classes.

    Parameters
    ----------
    proba : ndarray of float64, shape (n_rows, n_classes)
        Under the shares of training.
    ratios : ndarray of float64, shape (n_classes,)
        True share by share of training, up to a factor; above zero.

    Examples
    --------
    >>> shifted(np.array([[0.5, 0.5]]), np.array([0.9, 0.1])).tolist()
    [[0.9, 0.1]]
    """
    made = proba * ratios
    total = made.sum(axis=1)[:, None]
    return np.asarray(np.divide(made, total, out=proba.copy(), where=total > 0))


def ratios_for(proba: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the ratios under which the mean probability of each class is its share.

    Parameters
    ----------
    proba : ndarray of float64, shape (n_rows, n_classes)
        Of rows that the models giving them had not seen.
    shares : ndarray of float64, shape (n_classes,)
        How often the classes come among these rows.

    Returns
    -------
    ndarray of float64, shape (n_classes,)
        The largest is 1. Ones where a class is never likely: no ratio helps there.

    Examples
    --------
    >>> ratios = ratios_for(np.array([[0.5, 0.5], [0.4, 0.6]]), np.array([0.9, 0.1]))
    >>> shifted(np.array([[0.5, 0.5], [0.4, 0.6]]), ratios).mean(axis=0).round(6).tolist()
    [0.9, 0.1]
    """
    ratios = np.ones(proba.shape[1])
    for _ in range(_ROUNDS):
        means = shifted(proba, ratios).mean(axis=0)
        if not ((means > 0) & (shares > 0)).all():
            return np.ones(proba.shape[1])
        if np.allclose(means, shares, rtol=1e-9, atol=0):
            break
        ratios = ratios * shares / means
        ratios = ratios / ratios.max()
    return ratios if np.isfinite(ratios).all() and (ratios > 0).all() else np.ones(proba.shape[1])
