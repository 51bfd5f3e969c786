"""Whether a window has drifted from its reference, with a bound on false alarms.

Fixed thresholds cry at small windows and plain p-values condemn every large one. Here every feature is tested
for its values, its missing share and what the reference never had; Benjamini and Hochberg's rule holds the false
alarms of the whole window to the level; and a change must be large enough to matter.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.monitoring.distance import (
    kolmogorov_smirnov,
    population_stability_index,
    total_variation,
    wasserstein,
)
from noria.monitoring.grouping import group, regroup
from noria.monitoring.two_samples import Change, calibrated, excess, outside, sampling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noria.monitoring.counts import FeatureCounts, WindowCounts
    from noria.monitoring.profile import FeatureProfile
    from noria.monitoring.reference import Reference

__all__ = [
    "CALIBRATED_EFFECT",
    "HISTORY",
    "UNCALIBRATED_EFFECT",
    "Aspect",
    "DriftResult",
    "Finding",
    "benjamini_hochberg",
    "judge",
]

Aspect = Literal["values", "missing", "unseen", "outside", "invalid"]

HISTORY = 30
"""Past windows without an alarm that it takes to know how much a stream wobbles by itself."""
CALIBRATED_EFFECT = 0.02
UNCALIBRATED_EFFECT = 0.1
_ALL_BUT_NEVER = 0.01
_FULL = 100  # a past window of half as many rows, or half of what is judged, is full enough to say what is normal


@dataclass(frozen=True)
class Finding:
    """One feature's change in one respect.

    Parameters
    ----------
    name : str
        Feature, or ``prediction``.
    aspect : str
        ``values``: their distribution; ``missing``, ``invalid``: share of rows without a usable value;
        ``unseen``: categories the reference never had; ``outside``: numbers beyond its range.
    kind : str
        ``numeric`` or ``category``.
    effect : float
        Kolmogorov-Smirnov distance (numeric), total variation (category) or difference of the shares; 0 to 1.
    p : float
        Chance of at least this without a shift.
    flagged : bool
        Part of the alarm.
    detail : str
        What changed, in words.
    before, now : float or None
        The shares, for every aspect but ``values``.
    psi, w1 : float or None
        Population stability index on ten bins; mean move in standard deviations. Descriptive only.
    sampled : bool
        Whether its values were judged by sampling alone, as too few past windows held enough of them to say what is
        normal: only a large effect is flagged then.
    """

    name: str
    aspect: Aspect
    kind: str
    effect: float
    p: float
    flagged: bool = False
    detail: str = ""
    before: float | None = None
    now: float | None = None
    psi: float | None = None
    w1: float | None = None
    sampled: bool = False

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class DriftResult:
    """The verdict on one window.

    Parameters
    ----------
    findings : tuple of Finding
        Smallest p first.
    calibrated : bool
        Whether past windows said what is normal; otherwise only sampling was, and only large effects are flagged.
    rows : int
        Rows of the window.
    level : float
        False discovery rate asked for.
    least_effect : float
        Effect a change must have to be flagged.
    """

    findings: tuple[Finding, ...]
    calibrated: bool
    rows: int
    level: float
    least_effect: float

    @property
    def flagged(self) -> tuple[Finding, ...]:
        """Everything that is part of the alarm."""
        return tuple(finding for finding in self.findings if finding.flagged)

    @property
    def drifted(self) -> bool:
        """Whether the distribution of a feature or of the prediction has moved."""
        return any(finding.aspect in ("values", "outside") for finding in self.flagged)

    @property
    def broken(self) -> bool:
        """Whether the input looks broken: values are missing, unreadable or of a kind never seen."""
        return any(finding.aspect in ("missing", "invalid", "unseen") for finding in self.flagged)

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "calibrated": self.calibrated,
            "rows": self.rows,
            "level": self.level,
            "least_effect": self.least_effect,
        }


def judge(
    reference: Reference, window: WindowCounts, *, history: Sequence[WindowCounts] = (), level: float = 0.01
) -> DriftResult:
    """Compare a window with the reference.

    Parameters
    ----------
    reference : Reference
        Of the version that answered.
    window : WindowCounts
        Counted in the reference's bins.
    history : sequence of WindowCounts
        Past windows of the same version without an alarm. With at least 30 the test is calibrated on them.
    level : float
        False discovery rate over everything tested in the window.

    Returns
    -------
    DriftResult

    References
    ----------
    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate.
    Journal of the Royal Statistical Society B 57.
    """
    ready = len(history) >= HISTORY
    past = list(history) if ready else []
    least_effect = CALIBRATED_EFFECT if ready else UNCALIBRATED_EFFECT
    findings: list[Finding] = []
    for name, profile in reference.features.items():
        findings += _feature(profile, window.features[name], [w.features[name] for w in past])
    if reference.prediction is not None and window.prediction is not None:
        before = [w.prediction for w in past if w.prediction is not None]
        findings += _feature(reference.prediction, window.prediction, before)
    discovered = benjamini_hochberg(np.array([finding.p for finding in findings]), level)
    judged = [
        Finding(**{**asdict(finding), "flagged": bool(found and finding.effect >= _least(finding, least_effect))})
        for finding, found in zip(findings, discovered, strict=True)
    ]
    judged.sort(key=lambda finding: (not finding.flagged, finding.p, -finding.effect))
    return DriftResult(tuple(judged), ready, window.rows, level, least_effect)


def benjamini_hochberg(p: np.ndarray, level: float) -> np.ndarray:
    """Say which of many tests are discoveries, so that at most `level` of the discoveries are false on average.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.001, 0.8, 0.015, 0.6]), 0.05).tolist()
    [True, False, True, False]
    """
    if not len(p):
        return np.zeros(0, dtype=bool)
    order = np.argsort(p, kind="stable")
    under = p[order] <= level * np.arange(1, len(p) + 1) / len(p)
    found = np.zeros(len(p), dtype=bool)
    if under.any():
        found[order[: np.flatnonzero(under)[-1] + 1]] = True
    return found


def _least(finding: Finding, least_effect: float) -> float:
    if finding.sampled:
        return UNCALIBRATED_EFFECT
    # What the reference all but never had does not wobble: a new gap of 2 % is broken input, calibrated or not.
    rare = finding.before is not None and finding.before < _ALL_BUT_NEVER
    return CALIBRATED_EFFECT if rare else least_effect


def _feature(profile: FeatureProfile, window: FeatureCounts, past: Sequence[FeatureCounts]) -> Iterator[Finding]:
    if profile.kind != "withheld" and profile.known:
        yield _values(profile, window, past)
    yield _share(profile, "missing", window, past)
    if profile.kind == "numeric" and profile.known:
        yield _share(profile, "invalid", window, past)
        yield _outside(profile, window)
    if profile.kind == "category" and not profile.truncated and profile.known:
        yield _unseen(profile, window)


def _values(profile: FeatureProfile, window: FeatureCounts, past: Sequence[FeatureCounts]) -> Finding:
    ordered = profile.kind == "numeric"
    if not window.known:
        return Finding(profile.name, "values", profile.kind, 0.0, 1.0, detail="no values")
    # A past window of a few rows would leave one group, in which nothing can move.
    known = [counts for counts in past if 2 * counts.known >= min(window.known, _FULL)]
    ready = len(known) >= HISTORY
    smallest = min([window.known, *(counts.known for counts in known)] if ready else [window.known])
    groups = group(profile, smallest)
    before, now = regroup(profile.counts, groups), regroup(_with_tail(profile, window), groups)
    if ready:
        change = calibrated([regroup(_with_tail(profile, counts), groups) for counts in known], now, ordered=ordered)
    else:
        change = sampling(before, now, ordered=ordered)
    effect = kolmogorov_smirnov(before, now) if ordered else total_variation(before, now)
    ten = group(profile, window.known, bins=10)
    return Finding(
        profile.name,
        "values",
        profile.kind,
        effect,
        change.p,
        detail=_numeric_detail(profile, window, change) if ordered else _category_detail(profile, window),
        psi=population_stability_index(regroup(profile.counts, ten), regroup(window.counts, ten)),
        w1=wasserstein(profile.counts, window.counts, profile.means, profile.sd) if ordered else None,
        sampled=not ready,
    )


def _with_tail(profile: FeatureProfile, window: FeatureCounts) -> np.ndarray:
    """Give a window's counts, and beside the rare categories those as rare that the reference missed by chance.

    The reference's levels hold all of its rows, but never all of another sample's: of a column with a long tail, ever
    some rows bring a level that is new. Left out, all others would seem to come more often. More than chance brings
    (Good and Turing's estimate) is left to the test for unseen categories.

    References
    ----------
    Good, I. J. (1953). The population frequencies of species and the estimation of population parameters.
    Biometrika 40.
    """
    if profile.kind != "category" or not window.unseen or not profile.known:
        return window.counts
    expected = profile.singletons / profile.known * (window.known + window.unseen)
    counts = window.counts.copy()
    counts[-1] += min(window.unseen, int(expected + 3 * np.sqrt(expected)))
    return counts


def _share(
    profile: FeatureProfile,
    aspect: Literal["missing", "invalid"],
    window: FeatureCounts,
    past: Sequence[FeatureCounts],
) -> Finding:
    events = profile.missing if aspect == "missing" else 0
    seen = window.missing if aspect == "missing" else window.invalid
    share, before = seen / max(window.rows, 1), events / max(profile.rows, 1)
    rows_before, events_before = profile.rows, events
    if len(past) >= HISTORY:
        rows_before = sum(counts.rows for counts in past)
        events_before = sum(counts.missing if aspect == "missing" else counts.invalid for counts in past)
    expected = window.rows * events_before / max(rows_before, 1)
    rest = window.rows - expected
    if min(expected, rest) < 5:
        p = min(
            1.0,
            2
            * min(
                excess(events_before, rows_before, seen, window.rows),
                excess(rows_before - events_before, rows_before, window.rows - seen, window.rows),
            ),
        )
    elif len(past) >= HISTORY:
        counted = [
            np.array([c.missing, c.rows - c.missing] if aspect == "missing" else [c.invalid, c.rows - c.invalid])
            for c in past
        ]
        p = calibrated(counted, np.array([seen, window.rows - seen]), ordered=False).p
    else:
        p = sampling(np.array([events, profile.rows - events]), np.array([seen, window.rows - seen]), ordered=False).p
    detail = f"{_percent(before)} → {_percent(share)} {aspect}" if seen or events else ""
    return Finding(profile.name, aspect, profile.kind, abs(share - before), p, detail=detail, before=before, now=share)


def _unseen(profile: FeatureProfile, window: FeatureCounts) -> Finding:
    share = window.unseen / max(window.rows, 1)
    before = profile.singletons / profile.known
    p = excess(profile.singletons, profile.known, window.unseen, window.known + window.unseen)
    detail = f"{_percent(share)} of a category never seen, {_percent(before)} expected" if window.unseen else ""
    return Finding(
        profile.name, "unseen", profile.kind, max(share - before, 0.0), p, detail=detail, before=before, now=share
    )


def _outside(profile: FeatureProfile, window: FeatureCounts) -> Finding:
    rows = window.below + window.above
    share = rows / max(window.rows, 1)
    p = outside(rows, window.known, profile.known)
    side = "above" if window.above >= window.below else "below"
    detail = f"{_percent(share)} beyond the reference's range, mostly {side}" if rows else ""
    return Finding(profile.name, "outside", profile.kind, share, p, detail=detail, now=share)


def _percent(share: float) -> str:
    return f"{share:.2%}" if 0 < share < _ALL_BUT_NEVER else f"{share:.1%}"


def _numeric_detail(profile: FeatureProfile, window: FeatureCounts, change: Change) -> str:
    reference_mean = float(profile.counts @ profile.means / max(profile.known, 1))
    mean = window.mean
    shown = f"mean {_short(reference_mean)} → {_short(mean)}" if mean is not None else ""
    if change.kind == "scale":
        return f"{'wider' if change.scale > 0 else 'narrower'}; {shown}"
    if change.kind == "location":
        return f"{'higher' if change.location > 0 else 'lower'}; {shown}"
    return shown


def _category_detail(profile: FeatureProfile, window: FeatureCounts) -> str:
    difference = window.counts / window.known - profile.counts / profile.known
    position = int(np.abs(difference).argmax())
    name = profile.levels[position] if position < len(profile.levels) else "other"
    before, now = profile.counts[position] / profile.known, window.counts[position] / window.known
    return f"{'more' if difference[position] > 0 else 'fewer'} {name!r}: {before:.1%} → {now:.1%}"


def _short(number: float) -> str:
    return f"{number:.4g}"
