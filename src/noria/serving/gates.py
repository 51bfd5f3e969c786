"""What an arm must hold to beside the champion: counters in, findings out. Nothing is read or done here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Literal, cast

from noria.serving.latency import BOUNDS_MS, quantile
from noria.serving.score_bins import chance, stability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.serving.tally import Sample

__all__ = ["Finding", "Gates", "Labelled", "State", "difference", "findings", "together"]

State = Literal["pass", "breach", "undecided"]

_Z = 3.09
"""One-sided level of 0.001: the gates are asked again and again, and each time might find something by chance."""


@dataclass(frozen=True)
class Gates:
    """The bounds. One that is None is not looked at.

    Attributes
    ----------
    min_requests : int
        Requests that an arm must have answered before anything is said of it.
    min_seconds : float
        Time that the rollout must have lasted before.
    errors : float or None
        By how much the share of failed requests may exceed the champion's.
    p99_ratio : float or None
        How many times the champion's 99th percentile of latency an arm's may be.
    psi : float or None
        Largest population stability index of the scores, in nats.
    metric_loss : float or None
        By how much the metric on labelled answers may be worse than the champion's.
    deadline_seconds : float
        Time after which a step that is still undecided is held.

    Examples
    --------
    >>> Gates().any, Gates(errors=0.01).any
    (False, True)
    """

    min_requests: int = 100
    min_seconds: float = 30.0
    errors: float | None = None
    p99_ratio: float | None = None
    psi: float | None = None
    metric_loss: float | None = None
    deadline_seconds: float = 3600.0

    @property
    def any(self) -> bool:
        """Whether anything is looked at."""
        return any(bound is not None for bound in (self.errors, self.p99_ratio, self.psi, self.metric_loss))

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Gates:
        """Read them back."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: bound for name, bound in value.items() if name in known})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Labelled:
    """How much better a metric is on an arm's labelled answers than on the champion's: higher is better.

    Attributes
    ----------
    metric : str
        Its name.
    difference, low, high : float
        Arm less champion, with an interval.
    rows : int
        Labelled answers of the arm.
    """

    metric: str
    difference: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Finding:
    """What one gate says of one arm.

    Attributes
    ----------
    arm, version : str, int
        Of whom.
    gate : str
        ``requests``, ``errors``, ``p99_ratio``, ``psi``, ``metric_loss``, and ``answers`` for an arm that was given up
        at its first failure.
    state : str
        ``pass``, ``breach`` or ``undecided``.
    value, bound : float or None
        What was measured, and what it may be.
    text : str
        One line for people.
    """

    arm: str
    version: int
    gate: str
    state: State
    value: float | None
    bound: float | None
    text: str

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Finding:
        """Read it back."""
        return cls(**cast("Mapping[str, str]", value))  # type: ignore[arg-type]


def findings(
    gates: Gates, arm: Sample, champion: Sample, *, seconds: float, labelled: Labelled | None
) -> list[Finding]:
    """Judge an arm beside the champion.

    Parameters
    ----------
    gates : Gates
        The bounds.
    arm, champion : Sample
        Counted since the rollout began.
    seconds : float
        How long that is.
    labelled : Labelled or None
        What the labels say, where some have come.
    """
    made: list[Finding] = []

    def add(gate: str, state: State, value: float | None, bound: float | None, text: str) -> None:
        made.append(Finding(arm.arm, arm.version, gate, state, value, bound, text))

    if not gates.any:
        return made
    if arm.requests < gates.min_requests or seconds < gates.min_seconds:
        text = f"{arm.requests} of {gates.min_requests} requests, {seconds:.0f} of {gates.min_seconds:.0f} s"
        add("requests", "undecided", arm.requests, gates.min_requests, text)
        return made
    if gates.errors is not None:
        add("errors", *_errors(arm, champion, gates.errors))
    if gates.p99_ratio is not None:
        add("p99_ratio", *_slowness(arm, champion, gates.p99_ratio))
    if gates.psi is not None:
        add("psi", *_scores(arm, champion, gates.psi))
    if gates.metric_loss is not None:
        add("metric_loss", *_labels(labelled, gates.metric_loss))
    return made


def together(found: Sequence[Finding]) -> State:
    """Say what several findings come to: one breach is a breach, and nothing undecided passes.

    Examples
    --------
    >>> together([])
    'pass'
    """
    states = {each.state for each in found}
    return "breach" if "breach" in states else "undecided" if "undecided" in states else "pass"


def difference(hits: int, n: int, others: int, m: int, z: float = _Z) -> tuple[float, float, float]:
    """Give the difference of two shares with its interval.

    Examples
    --------
    >>> [round(each, 4) for each in difference(56, 70, 48, 80, z=1.959964)]
    [0.2, 0.0524, 0.3339]

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions: comparison of
    eleven methods. Statistics in Medicine 17 (method 10).
    """
    p, q = hits / n, others / m
    low, high = _wilson(hits, n, z)
    other_low, other_high = _wilson(others, m, z)
    gap = p - q
    return gap, gap - math.hypot(p - low, other_high - q), gap + math.hypot(high - p, q - other_low)


def _wilson(hits: int, n: int, z: float) -> tuple[float, float]:
    p, square = hits / n, z * z
    middle = (p + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


_Told = tuple[State, float | None, float | None, str]


def _errors(arm: Sample, champion: Sample, bound: float) -> _Told:
    # A champion that nobody has asked yet has failed nobody either.
    gap, low, _ = difference(arm.failed, arm.requests, champion.failed, max(champion.requests, 1))
    text = f"{arm.failed} of {arm.requests} failed, {champion.failed} of {champion.requests} of the champion's"
    # Beyond the bound but not proven: it does not go back for that, nor does it go on.
    return ("breach" if low > bound else "undecided" if gap > bound else "pass"), gap, bound, text


def _slowness(arm: Sample, champion: Sample, bound: float) -> _Told:
    ours, theirs = quantile(arm.histogram, 0.99), quantile(champion.histogram, 0.99)
    if ours is None or not theirs or champion.requests < arm.requests // 100:
        return "undecided", None, bound, "the champion has answered too few to compare with"
    ratio = ours / theirs
    slow = _slower(arm.histogram, bound * theirs)
    low, _ = _wilson(slow, arm.requests, _Z)
    text = f"p99 {ours:.3g} ms, the champion's {theirs:.3g} ms"
    return ("breach" if ratio > bound and low > 0.01 else "pass"), ratio, bound, text


def _slower(histogram: Sequence[int], milliseconds: float) -> int:
    """Count the requests that were surely slower: those of the buckets that lie above as a whole."""
    return sum(
        count
        for place, count in enumerate(histogram)
        if (BOUNDS_MS[place - 1] if place else 0.0) >= milliseconds or place > len(BOUNDS_MS)
    )


def _scores(arm: Sample, champion: Sample, bound: float) -> _Told:
    found = stability(champion.scores, arm.scores)
    n, m = sum(champion.scores.values()), sum(arm.scores.values())
    if found is None:
        return "undecided", None, bound, "there are no scores to compare"
    index, classes = found
    noise = chance(classes, n, m)
    text = f"PSI {index:.3f} of {m} scores against {n}; {noise:.3f} comes by chance"
    return ("breach" if index > bound + noise else "pass"), index, bound, text


def _labels(labelled: Labelled | None, bound: float) -> _Told:
    if labelled is None:
        return "undecided", None, bound, "no labels yet"
    loss = -labelled.difference
    text = (
        f"{labelled.metric} {labelled.difference:+.4f} [{labelled.low:+.4f}, {labelled.high:+.4f}] "
        f"on {labelled.rows} labelled answers"
    )
    if labelled.high < -bound:
        return "breach", loss, bound, text
    return ("pass" if labelled.low > -bound else "undecided"), loss, bound, text
