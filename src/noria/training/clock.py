"""The time a search may take, and what still fits into it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Budget"]

HEADROOM = 0.97
"""A part of the budget is left for what cannot be foretold."""


@dataclass
class Budget:
    """A budget of seconds, or none.

    Parameters
    ----------
    seconds : float or None
        Wall time; None is unlimited.
    clock : callable
        Seconds, ever rising; passed in so that a test can turn it.
    reserve : float
        Seconds that are set aside.
    deadline : float
        When, by the clock, what runs now must have ended.

    Examples
    --------
    >>> ticks = iter([0.0, 4.0])
    >>> round(Budget(10, lambda: next(ticks)).left(), 6)
    5.7
    """

    seconds: float | None
    clock: Callable[[], float] = time.perf_counter
    reserve: float = 0.0
    deadline: float = float("inf")
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.clock()

    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.start

    def left(self) -> float:
        """Seconds left, less what the final fit will take; infinite without a budget."""
        if self.seconds is None:
            return float("inf")
        return HEADROOM * self.seconds - self.reserve - self.spent()

    def is_over(self) -> bool:
        """Whether what runs now has to end."""
        return self.allowed() <= 0

    def allowed(self) -> float:
        """Seconds that what runs now may still take."""
        return min(self.left(), self.deadline - self.clock())

    def fits(self, seconds: float) -> bool:
        """Whether work of about this length still fits, with a margin of 15 %."""
        return 1.15 * seconds <= self.left()

    def share(self) -> float:
        """The share spent, from 0 to 1; 0 without a budget."""
        return min(1.0, self.spent() / self.seconds) if self.seconds else 0.0
