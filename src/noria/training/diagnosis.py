"""What is found out about a winner once it is chosen: does it overfit, would more rows help, would more penalty.

Nothing here has a say in the choice: it comes after the final fit, in the time that the search has left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from noria.training.candidate import Candidate
from noria.training.clock import Budget
from noria.training.ensemble import EnsembleModel
from noria.training.family import OutOfTime
from noria.training.judging import judging_folds
from noria.training.learning_curve import Judge, LearningCurve, learning_curve
from noria.training.racer import Track
from noria.training.regularisation import Penalty, RegularisationPath, paths_of, regularisation_path
from noria.training.replay import Member
from noria.training.task import encode
from noria.training.trial import Bench, Matrices, threads_for

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.candidate import CandidateResult, Selection
    from noria.training.family import Family
    from noria.training.folds import Fold
    from noria.training.inner import Bonds
    from noria.training.search import Error
    from noria.training.task import Task
    from noria.training.trial import Preparation, Shaping

__all__ = ["Diagnosis", "diagnose", "without_diagnosis"]

DIAGNOSIS_SHARE = 0.1
"""Share of the budget that the search leaves for the diagnosis."""

MOST_FOLDS = 10
"""Of folds that are drawn anew many times, so many are looked at: further ones share their rows with these."""

CURVE_SHARE = 0.7
"""Share of the diagnosis that the learning curve may take where a path is to follow."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Parameters
    ----------
    curve : LearningCurve or None
        Of the winner.
    paths : tuple of RegularisationPath
        Of the best model that can be read: along its own penalty first.
    notes : tuple of str
        What was left out, and what libraries warned of.
    seconds : float
        Spent on it.
    """

    curve: LearningCurve | None
    paths: tuple[RegularisationPath, ...]
    notes: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "curve": None if self.curve is None else self.curve.to_json(),
            "paths": [each.to_json() for each in self.paths],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


def without_diagnosis(budget_seconds: float | None) -> float | None:
    """Give the part of a budget that is the search's.

    Examples
    --------
    >>> without_diagnosis(60.0)
    54.0
    """
    return None if budget_seconds is None else (1 - DIAGNOSIS_SHARE) * budget_seconds


def diagnose(
    selection: Selection,
    X: pd.DataFrame,
    y: NDArray[np.object_] | NDArray[np.float64],
    *,
    task: Task,
    families: Sequence[Family],
    prepare: Callable[[Family, pd.DataFrame], Preparation],
    error: Error,
    splitter: list[Fold],
    bonds: Bonds,
    seed: int = 0,
    shaping: Shaping | None = None,
    seconds: float | None = None,
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Diagnosis:
    """Fit the winner on parts of the folds, and the best readable model along its penalty.

    Parameters
    ----------
    selection : Selection
        Of a classification or regression.
    X, y, task, families, prepare, error, splitter, bonds, seed, shaping, threads
        As `noria.training.search.select` had them: then the fits on whole folds are those of the race, to the bit.
    seconds : float, optional
        What it may take; without, all of it is done.
    clock : callable
        Seconds, ever rising.
    """
    budget = Budget(seconds, clock)
    target = encode(y, task)
    folds, _ = judging_folds(target, y, error, splitter)
    matrices = Matrices(X.reset_index(drop=True), target, folds[:MOST_FOLDS], prepare, shaping)
    bench = Bench(task, target, matrices, seed, threads, seconds_left=budget.left, bonds=bonds)
    judge = Judge(Track(bench, y, error, clock))
    known = {family.name: family for family in families}
    table = {row.name: row for row in selection.table}
    read = [table[each.name] for each in selection.finalists if each.kind == "glass box"]
    wanted = [(row, one) for row in read for one in paths_of(_candidate(row, known), len(target.classes or ()))]
    members = [_member(table[name], known, weight) for name, weight in _who_won(selection)]
    took = sum(_seconds(table[each.candidate.name]) for each in members)
    paths: list[RegularisationPath] = []
    with ThreadpoolController().limit(limits=threads or threads_for(X.size)):
        budget.reserve = (1 - CURVE_SHARE) * seconds if seconds is not None and wanted else 0.0
        together = selection.winner.temperature if len(members) > 1 else None
        curve = learning_curve(judge, members, budget, took, together)
        budget.reserve = 0.0
        notes = _left_out(curve, judge.track.k)
        for row, penalty in wanted:
            made, said = _followed(judge, row, _candidate(row, known), penalty, budget)
            paths += [] if made is None else [made]
            notes += [said] if said else []
    if len(folds) > MOST_FOLDS:
        notes.append(f"looked at in {MOST_FOLDS} of {len(folds)} folds")
    if not judge.tells_of_training:
        notes.append('errors on training rows tell nothing: balance = "under" left most of one class out of them')
    return Diagnosis(
        curve=curve if curve.sizes else None,
        paths=tuple(paths),
        notes=(*notes, *filter(None, str(judge.notes).split("; "))),
        seconds=budget.spent(),
    )


def _followed(
    judge: Judge, row: CandidateResult, candidate: Candidate, penalty: Penalty, budget: Budget
) -> tuple[RegularisationPath | None, str]:
    """Give the path, and what there is to say of it."""
    named = f"the {penalty.name} path of {penalty.family.title}"
    try:
        made = regularisation_path(judge, candidate, row.scores, penalty, budget, _seconds(row), row.temperature)
    except OutOfTime:
        made = None
    except Exception as error:  # noqa: BLE001 - a library may refuse a value; the run has its model
        return None, f"{named} broke off: {str(error).partition(chr(10))[0][:120]}"
    folds = min(judge.track.k, len(row.scores))
    if made is None:
        return None, f"{named} was left out: the budget was spent"
    done = len(made.base)
    return made, "" if done == folds else f"{named} is of {done} of {folds} folds: the budget was spent"


def _left_out(curve: LearningCurve, k: int) -> list[str]:
    """Say what the clock cut of a learning curve."""
    if not curve.sizes:
        return ["the learning curve was left out: the budget was spent"]
    whole, part = len(curve.sizes[-1].valid), min(len(size.valid) for size in curve.sizes)
    notes = []
    if whole < k:
        notes.append(f"training and validation errors are of {whole} of {k} folds: the budget was spent")
    if curve.planned == 1:
        notes.append("no learning curve: the parts of a fold would hold too few rows, or too few of a class")
    elif len(curve.sizes) == 1:
        notes.append("the learning curve was left out: the budget was spent")
    elif part < whole:
        notes.append(f"the learning curve is of {part} of {k} folds: the budget was spent")
    return notes


def _who_won(selection: Selection) -> list[tuple[str, float]]:
    model = selection.model
    if isinstance(model, EnsembleModel):
        return list(zip(selection.winner.params, model.weights, strict=True))
    return [(selection.winner.name, 1.0)]


def _seconds(row: CandidateResult) -> float:
    return row.seconds / max(1, len(row.scores))


def _candidate(row: CandidateResult, known: Mapping[str, Family]) -> Candidate:
    return Candidate(row.name, known[row.family], row.params)


def _member(row: CandidateResult, known: Mapping[str, Family], weight: float) -> Member:
    return Member(_candidate(row, known), weight, row.rounds, temperature=row.temperature)
