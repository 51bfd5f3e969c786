"""Who does the fits of a search: this process, others beside it, or a cluster. What comes out is the same."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noria.errors import NoriaError
from noria.training.family import OutOfTime
from noria.training.model import Prediction
from noria.training.trial import Notes

if TYPE_CHECKING:
    from noria.training.candidate import Candidate
    from noria.training.trial import Bench, Matrix

__all__ = [
    "FitFailed", "Inline", "Job", "Outcome", "Work", "died", "perform", "perform_apart", "slim", "told",
    "without_others",
]  # fmt: skip


class FitFailed(Exception):
    """A fit in another process failed; the message is made for people."""


@dataclass(frozen=True)
class Job:
    """One fit of one candidate.

    Parameters
    ----------
    candidate : Candidate
        What is fitted.
    number : int
        The fold.
    matrix : Matrix
        Its rows.
    rounds : int or None
        Rounds of a booster, where they are known.
    threads : int
        That it may use.
    followed : bool
        Whether the epochs of a network are told.
    """

    candidate: Candidate
    number: int
    matrix: Matrix
    rounds: int | None
    threads: int
    followed: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a fit gave.

    Parameters
    ----------
    prediction : Prediction or None
        About the rows that judge; None where there are none.
    rounds : int or None
        That a booster found.
    notes : tuple of str
        What the libraries had to say.
    seconds : float or None
        That it took where it ran; None where whoever asked has waited for it.
    curve : mapping of str to tuple of float
        Losses of a network, epoch by epoch.
    """

    prediction: Prediction | None
    rounds: int | None
    notes: tuple[str, ...]
    seconds: float | None = None
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Work(Protocol):
    """Does fits."""

    def fits(self, bench: Bench, jobs: Iterator[Job], limit_seconds: float) -> Iterator[Outcome]:
        """Give the outcomes in order; each may raise what the fit raised, and ends the others then.

        Parameters
        ----------
        bench : Bench
            What the fits share.
        jobs : iterator of Job
            Asked for the next when there is a hand free.
        limit_seconds : float
            What takes longer is ended, where that is possible.
        """

    def close(self) -> None:
        """Let go of what was started."""


class Inline:
    """Does fits here, one after the other, when they are asked for."""

    def fits(self, bench: Bench, jobs: Iterator[Job], limit_seconds: float) -> Iterator[Outcome]:
        """See `Work`."""
        for job in jobs:
            yield perform(bench, job)

    def close(self) -> None:
        """See `Work`; there is nothing."""


def perform(bench: Bench, job: Job) -> Outcome:
    """Fit a candidate, and ask it about the rows that judge."""
    notes = Notes()
    estimator = bench.fit(job.candidate, job.matrix, job.number, notes, job.rounds, followed=job.followed)
    rounds = getattr(estimator, "rounds", None)
    found = rounds if isinstance(rounds, int) and rounds > 0 else None
    prediction = None
    if len(job.matrix.valid):
        prediction = bench.ask(estimator, job.matrix.valid, notes, job.matrix.ratios)
    return Outcome(prediction, found, tuple(notes), curve=getattr(estimator, "curve", {}))


def perform_apart(bench: Bench, job: Job, deadline: float) -> Outcome | FitFailed | None:
    """Do the same in another process: errors come back as words, and None where the time was up.

    Parameters
    ----------
    bench : Bench
        Without the matrices of the other folds.
    job : Job
        The fit.
    deadline : float
        By `time.monotonic`, which all processes of a machine share; boosters look at it.
    """
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy

    here = replace(bench, threads=job.threads, seconds_left=lambda: deadline - time.monotonic())
    start = time.perf_counter()
    try:
        with ThreadpoolController().limit(limits=job.threads) if job.threads else nullcontext():
            made = perform(here, job)
    except OutOfTime:
        return None
    except Exception as error:  # noqa: BLE001 - an estimator, often a user's own, may raise anything
        return FitFailed(told(error))
    plain = made.prediction
    if plain is not None and plain.proba is not None:
        plain = Prediction(plain.values, np.asarray(plain.proba, dtype=np.float64), plain.classes)
    return replace(made, prediction=plain, seconds=time.perf_counter() - start)


def told(error: BaseException) -> str:
    """Say in one line what a fit raised."""
    if isinstance(error, FitFailed):
        return str(error)
    if isinstance(error, NoriaError):
        return f"{error.what} ({error.why})" if error.why else error.what
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else 'no message'}"


def without_others(bench: Bench) -> Bench:
    """Give the bench as it travels: the rows of a fit go with its job."""
    return replace(bench, matrices=None, seconds_left=_endless, follow=None)  # type: ignore[arg-type] # no fit looks at them


def _endless() -> float:
    return float("inf")


def slim(job: Job) -> Job:
    """Give the job as it travels: what prepared its rows stays here."""
    return replace(job, matrix=replace(job.matrix, preparation=None))  # type: ignore[arg-type] # no fit looks at it


def died(why: str, tries: int) -> FitFailed:
    """Say that the process of a fit ended."""
    often = "" if tries < 2 else f", {tries} times"
    return FitFailed(f"its process {why}{often}: most often that is a lack of memory, or a crash in compiled code")
