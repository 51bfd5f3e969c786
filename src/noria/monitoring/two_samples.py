"""The tests under the drift verdict: two sets of counts, with or without a history that says what is normal.

`sampling` asks whether the window could be a sample of the reference: right when nothing is known of how much the
windows of this stream differ by themselves. `calibrated` learns that from past windows, so that a stream which always
wobbles a little is not condemned for having many rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Change", "calibrated", "excess", "outside", "sampling"]


@dataclass(frozen=True)
class Change:
    """What a test found.

    Parameters
    ----------
    p : float
        Chance of at least this much without a shift.
    location : float
        Standardised shift of the mean rank; above 0 the values are higher. 0 for categories.
    scale : float
        Standardised change of spread; above 0 the values are wider.
    kind : str
        Which part said it loudest: ``any``, ``location`` or ``scale``.
    """

    p: float
    location: float = 0.0
    scale: float = 0.0
    kind: str = "any"


def sampling(reference: np.ndarray, window: np.ndarray, *, ordered: bool) -> Change:
    """Test two sets of counts against sampling alone.

    Three parts, each with its share of the level: any change (chi-square), a shift of the mean rank
    (Wilcoxon's rank sum with ties), a change of spread (the next orthonormal polynomial of the ranks).

    Parameters
    ----------
    reference, window : ndarray, shape (n_groups,)
        Rows per group; neither may sum to zero.
    ordered : bool
        Whether the groups have an order; without one only the first part applies.

    Examples
    --------
    >>> sampling(np.array([500, 500]), np.array([50, 50]), ordered=True).p
    1.0
    >>> sampling(np.array([500, 500]), np.array([80, 20]), ordered=True).p < 1e-6
    True

    References
    ----------
    Wilcoxon, F. (1945). Individual comparisons by ranking methods. Biometrics Bulletin 1.
    Rayner, J. C. W. & Best, D. J. (1989). Smooth Tests of Goodness of Fit. Oxford University Press.
    """
    n, size = float(window.sum()), float(reference.sum())
    pooled = (window + reference) / (n + size)
    used = pooled > 0
    difference = (window / n - reference / size)[used]
    pooled = pooled[used]
    if len(pooled) < 2:
        return Change(1.0)
    spread = 1 / n + 1 / size
    p_any = float(special.chdtrc(len(pooled) - 1, (difference**2 / pooled).sum() / spread))
    if not ordered:
        return Change(p_any)
    # Ranks are dealt out without putting back, hence S/(S-1), as in the rank-sum test with ties.
    spread *= (n + size) / (n + size - 1)
    g1, g2 = _components(pooled)
    location = float(g1 @ difference / np.sqrt(spread))
    p_location = float(2 * special.ndtr(-abs(location)))
    if g2 is None:
        return _loudest(p_any, p_location, 1.0, location, 0.0)
    scale = float(g2 @ difference / np.sqrt(spread))
    return _loudest(p_any, p_location, float(2 * special.ndtr(-abs(scale))), location, scale)


def calibrated(past: Sequence[np.ndarray], window: np.ndarray, *, ordered: bool) -> Change:
    """Test a window against what past windows did to each other.

    Each past window is compared with the others together; how far they are apart, beyond what sampling explains,
    is how much this stream wobbles. Windows may differ in size.

    Parameters
    ----------
    past : sequence of ndarray, each of shape (n_groups,)
        Rows per group of at least two past windows without an alarm.
    window : ndarray, shape (n_groups,)
        Rows per group of the window to judge.
    ordered : bool
        Whether the groups have an order.

    Notes
    -----
    With windows of one size the statistic for any change is that of the sheet: T / max(mean T, f) against F with
    min(2 mean²/var, groups - 1) and K times as many degrees of freedom. Unequal sizes enter through
    f = 1/n + 1/N: the wobble is what is left of each statistic after sampling, τ² = max(0, mean(x - sampling)).
    """
    history = np.asarray(past, dtype=np.float64)
    k, groups = history.shape
    total = history.sum(axis=0)
    if groups < 2 or not window.sum():
        return Change(1.0)
    before = [_distance(row, total - row, ordered=ordered) for row in history]
    now = _distance(window, total, ordered=ordered)
    f = np.array([d.spread for d in before])
    sampled = (groups - 1) * f
    t = np.array([d.any for d in before])
    expected = (groups - 1) * now.spread + max(0.0, float((t - sampled).mean()))
    p_any = _f_tail(now.any / expected, t / f, groups - 1, k)
    if not ordered:
        return Change(p_any)
    m = np.array([d.location for d in before])
    wobble = max(0.0, float((m**2 - f).mean()))
    location = now.location / np.sqrt(now.spread + wobble)
    p_location = float(2 * special.stdtr(k, -abs(location)))
    h = np.array([d.scale for d in before]) ** 2 / f
    scale = now.scale / np.sqrt(now.spread * max(float(h.mean()), 1.0))
    return _loudest(p_any, p_location, _f_tail(scale**2, h, 1, k), float(location), float(scale))


def excess(before: int, before_rows: int, now: int, now_rows: int) -> float:
    """Chance of at least `now` events, when events are rare and come as often as before.

    Exact for two Poisson counts: given their sum, the second is binomial.

    Parameters
    ----------
    before, before_rows : int
        Events in the reference, of so many rows.
    now, now_rows : int
        Events in the window, of so many rows.

    Examples
    --------
    >>> excess(0, 4000, 0, 400)
    1.0
    >>> excess(0, 4000, 8, 400) < 1e-7
    True

    References
    ----------
    Przyborowski, J. & Wilenski, H. (1940). Homogeneity of results in testing samples from Poisson series.
    Biometrika 31.
    """
    if now == 0 or now_rows == 0:
        return 1.0
    share = now_rows / (now_rows + before_rows)
    # P(X >= now) of a binomial, as an incomplete beta function: right for any size.
    return float(special.betainc(now, before + 1, share))


def outside(now: int, now_rows: int, before_rows: int) -> float:
    """Chance that at least `now` rows lie beyond the two ends of the reference's range without a shift.

    The reference's smallest and largest value are two of the pooled rows; how many rows lie beyond them is
    negative binomial with two failures.

    References
    ----------
    Wilks, S. S. (1941). Determination of sample sizes for setting tolerance limits.
    Annals of Mathematical Statistics 12.
    """
    if now == 0 or now_rows == 0:
        return 1.0
    share = now_rows / (now_rows + before_rows)
    return float(min(1.0, np.exp(now * np.log(share)) * (1 + now * (1 - share))))


@dataclass(frozen=True)
class _Distance:
    any: float
    location: float
    scale: float
    spread: float


def _distance(window: np.ndarray, others: np.ndarray, *, ordered: bool) -> _Distance:
    n, size = float(window.sum()), float(others.sum())
    if not n or not size:
        return _Distance(0.0, 0.0, 0.0, 1.0)
    expected = (others + 0.5) / (others + 0.5).sum()
    difference = window / n - expected
    change = float((difference**2 / expected).sum())
    spread = 1 / n + 1 / size
    if not ordered:
        return _Distance(change, 0.0, 0.0, spread)
    g1, g2 = _components(expected)
    return _Distance(change, float(g1 @ difference), 0.0 if g2 is None else float(g2 @ difference), spread)


def _components(p: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Orthonormal polynomials of the mid-ranks under p, of degree one and two."""
    u = np.cumsum(p) - p / 2
    g1 = u - p @ u
    g1 = g1 / np.sqrt(p @ g1**2)
    if len(p) < 3:
        return g1, None
    g2 = 6 * u**2 - 6 * u + 1
    g2 = g2 - p @ g2
    g2 = g2 - (p @ (g1 * g2)) * g1
    length = np.sqrt(p @ g2**2)
    return g1, g2 / length if length > 1e-9 else None


def _f_tail(ratio: float, past: np.ndarray, degrees: int, k: int) -> float:
    variance = float(past.var(ddof=1))
    mean = float(past.mean())
    freedom = min(2 * mean**2 / variance, degrees) if variance > 0 else float(degrees)
    return float(special.fdtrc(freedom, freedom * k, max(ratio, 0.0))) if freedom > 0 else 1.0


def _loudest(p_any: float, p_location: float, p_scale: float, location: float, scale: float) -> Change:
    parts = {"any": p_any, "location": p_location, "scale": p_scale}
    kind = min(parts, key=lambda name: parts[name])
    return Change(min(1.0, 3 * parts[kind]), location, scale, kind)
