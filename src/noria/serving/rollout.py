"""How a new champion takes over the requests: at once, by growing shares, or unheard beside the old one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from blake3 import blake3

__all__ = ["Arm", "Rollout", "bucket"]

Strategy = Literal["direct", "canary", "shadow", "blue-green"]
Arm = Literal["live", "canary", "shadow"]


@dataclass(frozen=True)
class Rollout:
    """A strategy with its steps.

    Examples
    --------
    >>> rollout = Rollout("canary", (5, 25, 100), 600.0)
    >>> [rollout.share(age) for age in (0.0, 599.0, 600.0, 1200.0)]
    [5, 5, 25, 100]
    """

    strategy: Strategy = "direct"
    steps: tuple[int, ...] = (100,)
    hold_seconds: float = 0.0

    def share(self, age: float) -> int:
        """Give the percentage of requests the new version answers `age` seconds after it was loaded."""
        if self.strategy == "shadow":
            return 100 if age >= self.hold_seconds else 0
        if self.strategy != "canary" or not self.steps:
            return 100
        step = int(age // self.hold_seconds) if self.hold_seconds > 0 else len(self.steps)
        return self.steps[step] if step < len(self.steps) else 100


def bucket(key: str, salt: str) -> int:
    """Put a key into one of 10,000 buckets, the same one every time.

    A growing canary takes buckets from the low end, so that nobody is moved to and fro.

    Examples
    --------
    >>> bucket("customer 7", "3") == bucket("customer 7", "3")
    True
    """
    return int.from_bytes(blake3(f"{salt}|{key}".encode()).digest(8), "big") % 10_000
