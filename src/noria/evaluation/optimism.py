"""How much of a winner's score is the luck of having been chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Optimism", "selection_optimism"]


@dataclass(frozen=True)
class Optimism:
    """What choosing among candidates flatters.

    Parameters
    ----------
    error : float
        The winner's mean error, as the selection reports it.
    corrected : float
        Mean error of whoever wins some of the units, on the others.
    low, high : float
        95 % of the resamples lie between.
    candidates, units : int
        How many were chosen among, judged on how many folds or rows.
    """

    error: float
    corrected: float
    low: float
    high: float
    candidates: int
    units: int

    @property
    def flattery(self) -> float:
        """How much too low the reported error is expected to be."""
        return self.corrected - self.error


def selection_optimism(errors: ArrayLike, *, seed: int = 7, resamples: int = 1000) -> Optimism | None:
    """Choose on resampled units and judge the choice on the units left out.

    Parameters
    ----------
    errors : array, shape (n_candidates, n_units)
        Error of each candidate on each fold; or on each row, where out-of-fold answers were kept.
    seed, resamples : int
        Of the bootstrap.

    Returns
    -------
    Optimism or None
        None where there is nothing to choose among, or fewer than three units.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> alike = rng.normal(0.3, 0.1, (40, 10))  # forty equally good candidates, ten folds
    >>> found = selection_optimism(alike)
    >>> round(found.error, 2), round(found.corrected, 2)
    (0.21, 0.27)

    References
    ----------
    Tsamardinos, I., Greasidou, E. and Borboudakis, G. (2018). Bootstrapping the out-of-sample predictions for
    efficient and accurate cross-validation. Machine Learning 107, 1895-1922.
    """
    given = np.asarray(errors, dtype=np.float64)
    if given.ndim != 2 or len(given) < 2 or given.shape[1] < 3:
        return None
    candidates, units = given.shape
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(units, np.full(units, 1 / units), size=resamples)
    # What all candidates share, such as a hard fold, would only add noise: judged is how far each is from the mean.
    shared = given.mean(axis=0)
    apart = given - shared
    chosen = (apart @ counts.T).argmin(axis=0)
    left_out = counts == 0
    usable = left_out.any(axis=1)
    judged = (apart[chosen[usable]] * left_out[usable]).sum(axis=1) / left_out[usable].sum(axis=1)
    whole = float(shared.mean())
    low, high = np.percentile(judged, [2.5, 97.5])
    return Optimism(
        error=float(given.mean(axis=1).min()),
        corrected=whole + float(judged.mean()),
        low=whole + float(low),
        high=whole + float(high),
        candidates=candidates,
        units=units,
    )
