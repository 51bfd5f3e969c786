"""Who may begin: the first fold of each candidate, and how long it may take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.training.clock import Budget
    from noria.training.racer import Racer

__all__ = ["first_fold"]

RACE_SHARE = 0.45
"""Share of the budget that a first fold which is foretold may take."""

FIRST_SHARE = 0.1
FIRST_SECONDS = 2.0
"""Share of the budget, and seconds, that one first fold may take; what is slower would leave nothing for the others."""

UNKNOWN_SHARE = 0.5
"""Share of what is left that the first of all may take, where it is a class of the user's own."""


def first_fold(racer: Racer, racers: Sequence[Racer], budget: Budget) -> bool:
    """Do the first fold of a candidate, if there is time for it; say whether it was begun.

    Once somebody has a score, nobody may take more than a part of the budget: boosters and networks end there, and
    what is fitted in another process is ended.

    Parameters
    ----------
    racer : Racer
        That has done nothing yet.
    racers : sequence of Racer
        All there are so far.
    budget : Budget
        Of the search.
    """
    family, track = racer.candidate.family, racer.track
    rows = len(track.bench.matrices.folds[0][0])
    if family.most_rows is not None and rows > family.most_rows:
        racer.stop("skipped", f"its time grows too fast for {rows:,} training rows (at most {family.most_rows:,})")
        return False
    most = _most_seconds(racer, racers, budget)
    try:
        budget.deadline = budget.clock() + most
        if budget.seconds is not None and not _fits(racer, racers, budget, budget.seconds):
            return False
        budget.deadline = budget.clock() + most
        racer.run(until=1)
        return True
    finally:
        budget.deadline = float("inf")


def _most_seconds(racer: Racer, racers: Sequence[Racer], budget: Budget) -> float:
    if budget.seconds is None:
        return float("inf")
    if any(r.scores for r in racers if r.candidate.family.name != "dummy"):
        return max(FIRST_SECONDS, FIRST_SHARE * budget.seconds) + racer.candidate.family.startup_seconds
    # Before anybody has a score, only what may hang is bound to leave time for the others.
    return UNKNOWN_SHARE * budget.left() if racer.candidate.family.is_own else float("inf")


def _fits(racer: Racer, racers: Sequence[Racer], budget: Budget, seconds: float) -> bool:
    family = racer.candidate.family
    started = any(other.scores and other.candidate.family.modules == family.modules for other in racers)
    startup = 0.0 if started else family.startup_seconds
    if startup and not budget.fits(2 * startup):
        racer.stop("skipped", f"starting its libraries takes about {startup:.0f} s: raise [model] budget")
        return False
    if not any(other.scores for other in racers):
        return True
    foretold = racer.foretell()
    if not racer.is_open:
        return False
    if not budget.fits(foretold) or (foretold and foretold > RACE_SHARE * seconds):
        late = foretold < 1 and budget.left() < 1
        why = "the budget was spent before its turn" if late else f"one fold would take about {foretold:.0f} s"
        racer.stop("skipped", f"{why}: raise [model] budget")
        return False
    return True
