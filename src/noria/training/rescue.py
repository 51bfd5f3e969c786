"""A search must end with a model, however little time there was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from noria.errors import WorkFailed

if TYPE_CHECKING:
    from noria.training.racer import Racer

__all__ = ["nothing_complete", "rescue"]


def rescue(racers: Sequence[Racer], left_seconds: float) -> None:
    """Complete the best of what was begun, or else the quickest of what was not.

    Parameters
    ----------
    racers : sequence of Racer
        None of them complete.
    left_seconds : float
        Until the budget is spent; nothing else is heeded of it.
    """
    if not racers:
        return
    track = racers[0].track
    rows, k, growth = len(track.bench.matrices.folds[0][0]), track.k, track.growth
    open_ones = [
        racer
        for racer in racers
        if racer.status in (None, "skipped", "dropped") and rows <= (racer.candidate.family.most_rows or rows)
    ]
    begun = sorted((racer for racer in open_ones if racer.scores), key=lambda racer: racer.mean)
    in_time = [racer for racer in begun if racer.per_further_fold * growth <= left_seconds]
    # What was kept for the final fit of the slowest may do for all folds of a quick one.
    whole = [racer for racer in in_time if (k - len(racer.scores) + growth) * racer.per_further_fold <= left_seconds]
    slow = [racer for racer in open_ones if racer not in in_time]
    slow.sort(key=lambda racer: (not racer.scores, racer.slowest, racer.extra_seconds))
    for racer in [*whole, *in_time, *slow]:
        racer.accept(whole=racer in whole)
        if racer.status == "complete":
            break


def nothing_complete(racers: Sequence[Racer]) -> WorkFailed:
    """Say why there is no model after all."""
    lines = [f"{result.name}: {result.status}, {result.note}" for result in (racer.result() for racer in racers)]
    return WorkFailed(
        "no candidate could be completed",
        why="\n".join(line for line in lines if not line.startswith("dummy")),
        mend="raise [model] budget, or mend what the candidates say above",
        code="N-TRAIN-041",
    )
