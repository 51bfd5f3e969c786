"""How a new champion takes over the requests: at once, by growing shares, or unheard beside the old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from blake3 import blake3

from noria.serving.gates import Gates

if TYPE_CHECKING:
    from datetime import datetime

    from noria.registry.aliases import AliasMove

__all__ = ["ArmName", "Rollout", "Standing", "Strategy", "bucket"]

Strategy = Literal["direct", "canary", "shadow", "ab", "blue-green"]

ArmName = str
"""``live``, ``canary``, ``shadow``, or as an A/B test calls its arms; what is called ``shadow`` was heard by nobody."""


@dataclass(frozen=True)
class Rollout:
    """A strategy with its steps.

    Attributes
    ----------
    strategy : str
        ``direct`` at once; ``canary`` by growing shares; ``shadow`` unheard beside the old one, then at once;
        ``blue-green`` the same, and the old one stays loaded; ``ab`` both for as long as wanted.
    steps : tuple of int
        Percentages of a canary.
    hold_seconds : float
        How long each step, or the shadow, lasts at least.
    shares : tuple of (str, int)
        Names and percentages of an A/B test's arms, the champion first.
    key : str
        Column whose value decides the arm; empty: the id of the request does.
    gates : Gates
        What a new version must hold to beside the old one.

    Examples
    --------
    >>> rollout = Rollout("canary", (5, 25, 100), 600.0)
    >>> [rollout.share(age) for age in (0.0, 599.0, 600.0, 1200.0)]
    [5, 5, 25, 100]
    """

    strategy: Strategy = "direct"
    steps: tuple[int, ...] = (100,)
    hold_seconds: float = 0.0
    shares: tuple[tuple[str, int], ...] = (("a", 50), ("b", 50))
    key: str = ""
    gates: Gates = field(default_factory=Gates)

    def share(self, age: float) -> int:
        """Give the percentage of requests the new version answers `age` seconds after it was loaded."""
        if self.strategy == "ab":
            return sum(share for _, share in self.shares[1:])
        if self.strategy in ("shadow", "blue-green"):
            return 100 if age >= self.hold_seconds else 0
        if self.strategy != "canary" or not self.steps:
            return 100
        step = int(age // self.hold_seconds) if self.hold_seconds > 0 else len(self.steps)
        return self.steps[step] if step < len(self.steps) else 100

    def standing(self, moves: Sequence[AliasMove], now: datetime) -> Standing:
        """Say how far the moves of an alias, oldest first, have been rolled out by now.

        A process that has just begun asks this: what it did before it was killed is in its memory no more.
        """
        live: int | None = None
        growing: AliasMove | None = None
        for move in moves:
            if growing is not None and self.share((move.at - growing.at).total_seconds()) >= 100:
                live, growing = growing.new, None
            if live is None or move.kind == "rollback":
                live, growing = move.new, None
            elif move.new == live:
                growing = None
            elif growing is None or move.new != growing.new:
                growing = move
        if growing is None:
            return Standing(live)
        age = max(0.0, (now - growing.at).total_seconds())
        return Standing(growing.new) if self.share(age) >= 100 else Standing(live, growing.new, age)


@dataclass(frozen=True)
class Standing:
    """How far a rollout has come: who answers, and who grows beside it since when.

    Attributes
    ----------
    live, growing : int or None
        Numbers of versions; `growing` is None where none is under way.
    age : float
        Seconds since the growing one was given.
    """

    live: int | None = None
    growing: int | None = None
    age: float = 0.0


def bucket(key: str, salt: str) -> int:
    """Put a key into one of 10,000 buckets, the same one every time.

    A growing canary takes buckets from the low end, so that nobody is moved to and fro.

    Examples
    --------
    >>> bucket("customer 7", "3") == bucket("customer 7", "3")
    True
    """
    return int.from_bytes(blake3(f"{salt}|{key}".encode()).digest(8), "big") % 10_000
