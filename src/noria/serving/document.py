"""A deployment as an immutable, numbered document: which versions answer whom, and what they must hold to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast

from noria.serving.gates import Gates

if TYPE_CHECKING:
    from datetime import datetime

    from noria.serving.rollout import Strategy

__all__ = ["WHOLE", "Arm", "Change", "Document", "Mode", "Phase", "arms_from_json", "assign"]

WHOLE = 10_000
"""Weights are counted in parts of this: one for each bucket of `noria.serving.rollout.bucket`."""

Mode = Literal["live", "shadow"]
"""Heard, or answered to nobody."""

Phase = Literal["steady", "rolling", "paused"]
"""Nothing is tried; a version is tried; it is tried, and nothing moves by itself."""

Change = Literal["start", "step", "promote", "rollback", "pause", "resume", "hold", "note"]
"""What made a document of the one before. ``hold`` is a pause that nobody asked for; a ``note`` changes no arm."""


@dataclass(frozen=True)
class Arm:
    """One version in a deployment.

    Attributes
    ----------
    version : int
        Its number.
    weight : int
        Parts of `WHOLE` of the requests that it answers; 0 for a shadow, and for a version that only stands by.
    mode : str
        ``live`` or ``shadow``.
    name : str
        What predictions and counters call it.
    """

    version: int
    weight: int
    mode: Mode = "live"
    name: str = "live"

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {"version": self.version, "weight": self.weight, "mode": self.mode, "name": self.name}


@dataclass(frozen=True)
class Document:
    """How an endpoint is deployed. Never changed: what changes is which number is the newest.

    Attributes
    ----------
    number : int
        The generation: 1, 2, 3 … for each endpoint.
    arms : tuple of Arm
        The first is the champion, against which the others are judged; it answers whom no other arm takes.
    strategy : str
        How the candidate grows; ``direct`` where nothing is tried.
    phase : str
        See `Phase`.
    key : str
        Column whose value decides the arm; empty: the id of the request does.
    salt : str
        Makes other buckets of the same keys for another rollout, so that not always the same customers are first.
    gates : Gates
        What the arms must hold to.
    steps : tuple of int
        Percentages of a canary.
    step : int
        Which of them it is at.
    hold_seconds : float
        How long a step, or a shadow, lasts at least.
    change : str
        What made it of the one before.
    made_by, reason : str
        Who, and why.
    at : datetime
        When it was made.
    began, since : datetime
        When the rollout, and the step, began. Earlier than `at` where a clock went on before there was a document.
    first : int
        Number of the document with which the rollout began: counters from there on are its own.
    fallback : int
        Number of the document that a rollback goes back to; 0: none.
    move : int
        Id of the last move of the alias that is taken in.
    evidence : tuple of mapping
        What the gates found when they made this document.
    """

    number: int
    arms: tuple[Arm, ...]
    at: datetime
    strategy: Strategy = "direct"
    phase: Phase = "steady"
    key: str = ""
    salt: str = ""
    gates: Gates = field(default_factory=Gates)
    steps: tuple[int, ...] = ()
    step: int = 0
    hold_seconds: float = 0.0
    change: Change = "start"
    made_by: str = ""
    reason: str = ""
    began: datetime | None = None
    since: datetime | None = None
    first: int = 0
    fallback: int = 0
    move: int = 0
    evidence: tuple[Mapping[str, object], ...] = ()

    @property
    def champion(self) -> Arm:
        """The arm that the others are judged against."""
        return self.arms[0]

    @property
    def candidates(self) -> tuple[Arm, ...]:
        """The arms that are tried: heard by some, or a shadow. A version that stands by is none."""
        return tuple(arm for arm in self.arms[1:] if arm.weight or arm.mode == "shadow")

    @property
    def candidate(self) -> Arm | None:
        """The one that takes over when the rollout ends well."""
        return self.candidates[0] if self.candidates else None

    @property
    def due(self) -> datetime:
        """When the present step has lasted long enough."""
        return (self.since or self.at) + timedelta(seconds=self.hold_seconds)

    @property
    def deadline(self) -> datetime:
        """When a step that is still undecided is held."""
        seconds = max(self.hold_seconds, self.gates.deadline_seconds)
        return (self.since or self.at) + timedelta(seconds=seconds)

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {
            "number": self.number,
            "arms": [arm.to_json() for arm in self.arms],
            "strategy": self.strategy,
            "phase": self.phase,
            "key": self.key,
            "salt": self.salt,
            "gates": self.gates.to_json(),
            "steps": list(self.steps),
            "step": self.step,
            "hold_seconds": self.hold_seconds,
            "change": self.change,
            "made_by": self.made_by,
            "reason": self.reason,
            "at": self.at.isoformat(),
            "began": (self.began or self.at).isoformat(),
            "since": (self.since or self.at).isoformat(),
            "first": self.first,
            "fallback": self.fallback,
            "move": self.move,
            "evidence": [dict(each) for each in self.evidence],
        }


def assign(arms: Sequence[Arm], place: int) -> Arm:
    """Give the arm that a bucket belongs to.

    All but the first take buckets from the low end, one after the other; the first has the rest. So a canary that
    grows takes buckets from the champion, and no key that it has is moved away again.

    Examples
    --------
    >>> arms = (Arm(1, 9500), Arm(2, 500, name="canary"))
    >>> [assign(arms, place).version for place in (0, 499, 500, 9999)]
    [2, 2, 1, 1]
    """
    upper = 0
    for arm in arms[1:]:
        if arm.mode == "live":
            upper += arm.weight
            if place < upper:
                return arm
    return arms[0]


def arms_from_json(value: object) -> tuple[Arm, ...]:
    """Read arms back."""
    rows = cast("Sequence[Mapping[str, object]]", value)
    return tuple(
        Arm(int(str(row["version"])), int(str(row["weight"])), cast("Mode", row["mode"]), str(row["name"]))
        for row in rows
    )
