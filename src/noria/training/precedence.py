"""Whose other folds come next: who is good, and who is quick where time is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.training.clock import Budget
    from noria.training.racer import Racer

__all__ = ["WORSE", "in_turn", "next_to_finish"]

_ALIKE = 0.5
"""What having a complete one of its kin weighs: a mean of several gains less by another."""

WORSE = 0.35
"""A first fold worse than the best by this share of it ends a costly candidate."""


def in_turn(firsts: Sequence[Racer]) -> Iterator[Sequence[Racer]]:
    """Give the first of each kin, and once they have raced the others, those whose kin did well before.

    So that where time is short one of each kin is judged on all folds before another of the same begins: four boosters
    take as long as all else together.

    Parameters
    ----------
    firsts : sequence of Racer
        With the default parameters of each family, in the order of the catalogue.
    """
    leaders: dict[str, Racer] = {}
    for racer in firsts:
        leaders.setdefault(_kin(racer), racer)
    yield list(leaders.values())
    rest = [racer for racer in firsts if racer is not leaders[_kin(racer)]]
    yield sorted(rest, key=lambda racer: min(leaders[_kin(racer)].scores[:1], default=float("inf")))


def _kin(racer: Racer) -> str:
    family = racer.candidate.family
    return family.kin or family.name


def next_to_finish(racers: Sequence[Racer], budget: Budget) -> Racer | None:
    """Choose among those that have done their first fold who does the others next.

    Without a budget that is who erred least. With one, a first fold that is worse by `WORSE` weighs as much as all the
    time that is left: a single fold does not tell near ones apart, and of two that are near, the one that takes a
    third of the time leaves room for another, and for a mean of several: best of others than its kin.

    Parameters
    ----------
    racers : sequence of Racer
        All, also those that are complete or out.
    budget : Budget
        Of the search.
    """
    waiting = [racer for racer in racers if racer.is_open and racer.scores]
    best = min((racer.scores[0] for racer in racers if racer.scores), default=0.0)
    left = budget.left()
    kin = {_kin(racer) for racer in racers if racer.status == "complete"}

    def weight(racer: Racer) -> float:
        if budget.seconds is None:
            return racer.mean
        worse = (racer.scores[0] - best) / max(WORSE * abs(best), 1e-12)
        track = racer.track
        folds = track.k - len(racer.scores) + track.growth  # the final fit is one more
        alike = _ALIKE if _kin(racer) in kin else 0.0
        return worse + alike + folds * racer.per_further_fold / max(left, 1e-3)

    return min(waiting, key=weight, default=None)
