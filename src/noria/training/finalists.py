"""Who is in the last choice: the best single candidate, the best mean of a few, the best that can be read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.training.candidate import CandidateResult, Finalist, Kind
from noria.training.caruana import ROUNDS, choose
from noria.training.ensemble import mean_of
from noria.training.model import decoded
from noria.training.temperature import temper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from noria.training.racer import Racer, Track

__all__ = ["Mean", "Prefer", "Wanted", "judgements", "last_choice", "mean_of_few"]

Prefer = Literal["best", "glass_box"]
"""The lowest error, or what can be read where it is not clearly worse."""

Wanted = Literal["auto", "always", "never"]
"""Whether an ensemble may win: where it is better beyond chance, wherever it is better, or not at all."""

LEAN = 0.7
"""Temperature at which members are looked for too: about what the mean of a few gets in the end."""

POOL = 12
"""Candidates that may be members: more would let chance choose."""


@dataclass(frozen=True)
class Mean:
    """A mean of a few candidates.

    Parameters
    ----------
    racers : tuple of Racer
        Its members.
    weights : tuple of float
        What each counts.
    scores : tuple of float
        Error of each fold.
    answers : ndarray
        What it says out of fold.
    temperature : float or None
        Of the mean of the probabilities: a mean of models that are as sure as they may be is less sure than it may be.

    References
    ----------
    Ranjan, R. and Gneiting, T. (2010). Combining probability forecasts. J. Royal Statistical Society B 72(1), 71-91.
    """

    racers: tuple[Racer, ...]
    weights: tuple[float, ...]
    scores: tuple[float, ...]
    answers: NDArray[np.float64]
    temperature: float | None = None

    def result(self) -> CandidateResult:
        """Give the record."""
        return CandidateResult(
            name="ensemble",
            family="ensemble",
            params=self.shares(),
            scores=self.scores,
            mean=float(np.mean(self.scores)),
            sd=_sd(self.scores),
            seconds=0.0,  # its members' own
            note="the mean of what they say"
            + ("" if self.temperature is None else f"; temperature {self.temperature:.2g}"),
            temperature=self.temperature,
        )

    def shares(self) -> dict[str, float]:
        """Give what each member counts, adding up to 1."""
        total = sum(self.weights)
        named = zip(self.racers, self.weights, strict=True)
        return {racer.candidate.name: round(weight / total, 4) for racer, weight in named}


def mean_of_few(
    racers: Sequence[Racer], *, out_of_time: Callable[[], bool], fits: Callable[[float], bool]
) -> Mean | None:
    """Find the mean of a few complete candidates that errs least on rows none of them had seen.

    Parameters
    ----------
    racers : sequence of Racer
        Complete candidates, the best first.
    out_of_time : callable
        Asked while it is looked for.
    fits : callable
        Takes the seconds that the members' folds took, says whether their final fits still fit.

    Returns
    -------
    Mean or None
        None where one candidate alone is best, or no two can be fitted in the time that is left.
    """
    track = racers[0].track
    pool = _pool([racer for racer in racers if len(racer.answers) == track.k])
    found = [_found(track, pool, lean, out_of_time, fits) for lean in ((1.0, LEAN) if track.tempers else (1.0,))]
    best = min((mean for mean in found if mean is not None), key=lambda mean: np.mean(mean.scores), default=None)
    return best if best is not None and np.mean(best.scores) < racers[0].mean else None


def judgements(track: Track, complete: int) -> int:
    """Count how often answers on a fold are judged until the mean of a few among the complete candidates is found."""
    return track.k * ROUNDS * min(complete, POOL) * (2 if track.tempers else 1)


def _found(
    track: Track, pool: list[Racer], lean: float, out_of_time: Callable[[], bool], fits: Callable[[float], bool]
) -> Mean | None:
    """Find a mean of at least two whose members can all be fitted; at a temperature while it is looked for."""
    target, folds = track.bench.target, [valid for _, valid in track.bench.matrices.folds]
    classes = None if target is None else target.classes
    places = np.cumsum([0, *map(len, folds)])

    def errors(said: NDArray[np.float64]) -> list[float]:
        parts = (said[low:high] for low, high in pairwise(places))
        return [track.error(track.y[valid], decoded(part, classes)) for valid, part in zip(folds, parts, strict=True)]

    def error(said: NDArray[np.float64]) -> float:
        return float(np.mean(errors(said if lean == 1 else temper(said, lean))))

    answers = [np.concatenate(racer.answers) for racer in pool]
    while len(pool) > 1:
        counts = choose(answers, error, out_of_time=out_of_time)
        members = [place for place in np.argsort(-counts, kind="stable") if counts[place]]
        if len(members) < 2:
            return None
        if not fits(sum(pool[place].per_further_fold for place in members)):
            costly = max(members, key=lambda place: pool[place].per_further_fold)
            pool, answers = pool[:costly] + pool[costly + 1 :], answers[:costly] + answers[costly + 1 :]
            continue
        weights = tuple(float(counts[place]) for place in members)
        said = mean_of([answers[place] for place in members], weights)
        scores, parts, temperature = errors(said), np.split(said, places[1:-1]), None
        if (cooler := track.tempered(parts, scores)) is not None:
            made, scores = cooler
            parts, temperature = list(made.answers), made.temperature
        few = tuple(pool[place] for place in members)
        return Mean(few, weights, tuple(scores), track.out_of_fold(parts), temperature)
    return None


def last_choice(
    racers: Sequence[Racer], mean: Mean | None, wanted: Wanted, prefer: Prefer = "best"
) -> tuple[Kind, tuple[Finalist, ...]]:
    """Say which of the finalists is the model, and give all of them with the reason.

    The gain of an ensemble is taken for real where, over the folds, it is more than its own standard error. A glass
    box that is preferred may err one standard error more than the best: of the mean difference over the folds,
    corrected for what their training rows have in common (Nadeau and Bengio 2003).

    Parameters
    ----------
    racers : sequence of Racer
        Complete candidates, the best first.
    mean : Mean, optional
        The best mean of a few.
    wanted : Wanted
        ``[model] ensemble``.
    prefer : Prefer
        ``[model] prefer``.
    """
    single, share = racers[0], racers[0].track.share
    glass = next((racer for racer in racers if racer.candidate.family.is_glass), None)
    gains = np.zeros(1) if mean is None else np.array(single.scores) - np.array(mean.scores)
    gain = float(gains.mean())
    error = float(gains.std(ddof=1) / math.sqrt(len(gains))) if len(gains) > 1 else math.inf
    real = mean is not None and (wanted == "always" or (wanted == "auto" and gain > error))
    best = mean.scores if mean is not None and real else single.scores
    behind, margin = (0.0, 0.0) if glass is None else _behind(glass.scores, best, share)
    readable = glass is not None and prefer == "glass_box" and behind <= margin
    kind: Kind = "glass box" if readable and glass is not single else "ensemble" if real and not readable else "single"
    said = f"{gain:.4g} ± {error:.2g} less error than {single.candidate.name}, over the folds"
    alone = f"the ensemble has {said}" if real else "the best single"
    found = [_finalist(single, "single", chosen=kind == "single", why=alone)]
    if mean is not None:
        made = mean.result()
        why = said if real else f"{said}: not more than chance gives"
        found.append(Finalist("ensemble", "ensemble", mean.shares(), made.mean, made.sd, kind == "ensemble", why))
    if glass is not None:
        why = f"{behind:.4g} more error than the best"
        if glass is single and not real:
            why = "the best single can be read"
        elif prefer == "glass_box":
            why += f", {'no' if readable else ''} more than one standard error ({margin:.2g})".replace("  ", " ")
        chosen = kind == "glass box" or (glass is single and kind == "single")
        found.append(_finalist(glass, "glass box", chosen=chosen, why=why))
    return kind, tuple(found)


def _behind(scores: Sequence[float], best: Sequence[float], share: float) -> tuple[float, float]:
    """Give how much more error that is over the folds, and its corrected standard error."""
    more = np.array(scores) - np.array(best)
    if len(more) < 2:
        return float(more.mean()), 0.0
    return float(more.mean()), float(math.sqrt((1 / len(more) + share) * more.var(ddof=1)))


def _finalist(racer: Racer, kind: Literal["single", "glass box"], *, chosen: bool, why: str) -> Finalist:
    name = racer.candidate.name
    return Finalist(kind, name, {name: 1.0}, racer.mean, _sd(racer.scores), chosen, why)


def _pool(racers: Sequence[Racer]) -> list[Racer]:
    """Take the best, and the best of each other family."""
    families: set[str] = set()
    first: list[Racer] = []
    rest: list[Racer] = []
    for racer in racers:
        (rest if racer.candidate.family.name in families else first).append(racer)
        families.add(racer.candidate.family.name)
    wanted = {id(racer) for racer in [*first, *rest][:POOL]} | {id(racer) for racer in racers[:4]}
    return [racer for racer in racers if id(racer) in wanted]


def _sd(scores: Sequence[float]) -> float | None:
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else None
