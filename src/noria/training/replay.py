"""The winner of a selection fitted again as it was then: no race, no clock, the same rows, seeds and parameters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from noria.errors import WorkFailed
from noria.training.final_fit import fit_mean, fit_single
from noria.training.finalists import Mean
from noria.training.judging import judging_folds
from noria.training.model import TabularModel, columns_of
from noria.training.racer import Racer, Track
from noria.training.trial import Bench, Matrices, Notes, threads_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.training.candidate import Candidate
    from noria.training.ensemble import EnsembleModel
    from noria.training.folds import Fold
    from noria.training.model import Prediction

__all__ = ["Member", "Replay", "replay", "replay_clusters"]

Error = Callable[["NDArray[np.object_] | NDArray[np.float64]", "Prediction"], float]


@dataclass(frozen=True)
class Member:
    """A candidate as it is on record.

    Parameters
    ----------
    candidate : Candidate
        Family and parameters, which its seeds come from.
    weight : float
        What it counts; 1 where it won alone.
    rounds : int or None
        Rounds that its first fold found, of a booster.
    folds : int or None
        On how many folds it was judged, where time did not do for all.
    temperature : float or None
        Of its probabilities.
    cut_short : bool
        Whether its rounds are as many as there was time for: to find them anew would give others.
    """

    candidate: Candidate
    weight: float = 1.0
    rounds: int | None = None
    folds: int | None = None
    temperature: float | None = None
    cut_short: bool = False


@dataclass(frozen=True)
class Replay:
    """A winner fitted again.

    Parameters
    ----------
    model : TabularModel or EnsembleModel
        On every row.
    scores : tuple of tuple of float
        For each member its error on each fold, where the folds were fitted too.
    """

    model: TabularModel | EnsembleModel
    scores: tuple[tuple[float, ...], ...] = ()


def replay(
    bench: Bench,
    members: Sequence[Member],
    *,
    y: NDArray[np.object_] | NDArray[np.float64],
    error: Error,
    splitter: list[Fold],
    folds: bool = False,
    temperature: float | None = None,
) -> Replay:
    """Fit a winner as the selection did.

    A booster takes the rounds on record, carried over to all rows as then; with ``folds`` it finds them anew, unless
    they were cut short by the time. No
    deadline cuts a fit, so nothing depends on how fast the machine is.

    Parameters
    ----------
    bench : Bench
        Of the selection, but for the folds: the same rows, seed and preparation.
    members : sequence of Member
        One, or those of an ensemble in their order.
    y, error : ndarray and callable
        Truth and how a fold is judged.
    splitter : list of (train, valid)
        The folds before those are left out that cannot judge.
    folds : bool
        Also fit every fold; always done where classes were balanced, as probabilities are led back by them.
    temperature : float, optional
        Of the mean of several members, as it is on record.

    Raises
    ------
    WorkFailed
        A fit that succeeded then fails now.
    """
    matrices = bench.matrices
    if bench.target is not None:
        kept, _ = judging_folds(bench.target, y, error, splitter)
        matrices = Matrices(matrices.frame, bench.target, kept, matrices.prepare, matrices.shaping)
    bench = Bench(bench.task, bench.target, matrices, bench.seed, bench.threads, bonds=bench.bonds)
    tempers = any(member.temperature is not None for member in members)
    track = Track(bench, y, error, time.perf_counter, tempers=tempers)
    all_folds = folds or matrices.shaping.balance != "none"
    racers = [Racer(member.candidate, track) for member in members]
    with ThreadpoolController().limit(limits=bench.threads or threads_for(matrices.frame.size)):
        for racer, member in zip(racers, members, strict=True):
            if member.rounds is not None and (member.cut_short or not all_folds):
                first = matrices.fold(member.candidate.family, 0, racer.notes)
                racer.found = member.rounds, len(first.rows)
            if all_folds:
                racer.run(until=member.folds)
                _demand(racer, member.folds or track.k)
            racer.temperature = member.temperature if not all_folds else racer.temperature
        model: TabularModel | EnsembleModel
        if len(racers) == 1:
            _, model = fit_single(racers[0])
        else:
            weights = tuple(member.weight for member in members)
            model = fit_mean(Mean(tuple(racers), weights, (), np.empty(0), temperature))
    return Replay(model, tuple(tuple(racer.scores) for racer in racers) if all_folds else ())


def replay_clusters(bench: Bench, candidate: Candidate) -> Replay:
    """Fit a clustering as the selection did."""
    notes = Notes()
    with ThreadpoolController().limit(limits=bench.threads or threads_for(bench.matrices.frame.size)):
        matrix = bench.matrices.fold(candidate.family, -1, notes)
        head = bench.fit(candidate, matrix, -1, notes)
    columns = columns_of(bench.matrices.frame)
    family, params = candidate.family.name, dict(candidate.params)
    return Replay(TabularModel(bench.task, family, columns, matrix.preparation, head, params=params))


def _demand(racer: Racer, folds: int) -> None:
    if len(racer.scores) < min(folds, racer.track.k):
        raise WorkFailed(
            f"{racer.candidate.name} could be fitted then and cannot be now",
            why=str(racer.notes),
            mend="look at what changed since: libraries, or the code of an estimator of your own",
            code="N-TRAIN-070",
        )
