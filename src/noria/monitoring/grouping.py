"""Fewer, fuller bins for the test: 256 bins describe, some twenty decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from noria.monitoring.profile import FeatureProfile

__all__ = ["TEST_BINS", "group", "regroup"]

TEST_BINS = 20
_LEAST_EXPECTED = 5.0


def group(profile: FeatureProfile, rows: int, *, bins: int = TEST_BINS) -> np.ndarray:
    """Assign each bin of a profile to a group that the test can use.

    Numeric: neighbours are merged until each group holds 1/`bins` of the reference. Category: the most frequent
    levels stand alone, the others together. No group expects fewer than five of the window's rows or holds fewer of
    the reference's: the chi-square tail is wrong below that, and a level seen once was chosen for having been seen.
    What is merged depends on the reference and the window's size only, never on the window's values, so the test
    stays honest.

    Parameters
    ----------
    profile : FeatureProfile
        Reference.
    rows : int
        Rows of the smallest window in the test.
    bins : int
        Groups wanted at most.

    Returns
    -------
    ndarray of int, shape (n_bins,)
        Group of each bin, counted from 0.
    """
    total = max(profile.known, 1)
    least = _LEAST_EXPECTED / max(min(rows, total), 1)
    weights = profile.counts / total
    if profile.kind == "numeric":
        return _neighbours(weights, max(1 / bins, least))
    alone = [i for i in range(len(weights) - 1) if weights[i] >= least][:bins]
    groups = np.full(len(weights), len(alone), dtype=np.int64)
    groups[alone] = np.arange(len(alone))
    rest = 1 - weights[alone].sum()
    if alone and rest < least:
        # Too little is left for a group of its own: it joins the rarest that stands alone.
        groups[groups == len(alone)] = len(alone) - 1
    return groups


def regroup(counts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Add the counts up by group.

    Examples
    --------
    >>> regroup(np.array([1, 2, 3, 4]), np.array([0, 0, 1, 1])).tolist()
    [3.0, 7.0]
    """
    return np.bincount(groups, weights=counts, minlength=int(groups.max(initial=0)) + 1)


def _neighbours(weights: np.ndarray, target: float) -> np.ndarray:
    groups = np.empty(len(weights), dtype=np.int64)
    current, held = 0, 0.0
    # Rounding must not split off a group for want of 1e-17.
    enough = target * (1 - 1e-9)
    for position, weight in enumerate(weights):
        groups[position] = current
        held += weight
        if held >= enough:
            current, held = current + 1, 0.0
    if held > 0 or groups[-1] == current:
        last = max(current - 1, 0)
        groups[groups == current] = last
    return groups
