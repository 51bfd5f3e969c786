"""One candidate running over the folds, and the record it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from noria.errors import NoriaError
from noria.training.candidate import Candidate, CandidateResult, Status
from noria.training.family import OutOfTime
from noria.training.trial import Bench, Notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from noria.training.model import Prediction

__all__ = ["Racer", "Track"]

Error = "Callable[[NDArray[np.object_] | NDArray[np.float64], Prediction], float]"

PROBE_ROWS = 10_000
"""With more training rows than this, a first fit of unknown length is tried on a part."""

STEEP_PROBE_ROWS = 3000
"""The same for families whose fit grows with the square of the rows."""


@dataclass
class Track:
    """Where candidates run: the bench, the truth and how answers are judged."""

    bench: Bench
    y: NDArray[np.object_] | NDArray[np.float64]
    error: Callable[[NDArray[np.object_] | NDArray[np.float64], Prediction], float]
    clock: Callable[[], float]

    @property
    def k(self) -> int:
        """Number of folds."""
        return len(self.bench.matrices.folds)


@dataclass
class Racer:
    """A candidate and what it has done so far."""

    candidate: Candidate
    track: Track
    scores: list[float] = field(default_factory=list)
    fold_seconds: list[float] = field(default_factory=list)
    answers: list[NDArray[np.float64]] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    status: Status | None = None
    extra_seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Mean error; infinite before the first fold."""
        return float(np.mean(self.scores)) if self.scores else float("inf")

    @property
    def slowest(self) -> float:
        """Seconds of the slowest fold."""
        return max(self.fold_seconds, default=0.0)

    @property
    def is_open(self) -> bool:
        """Whether it may still run."""
        return self.status is None

    def run(self, until: int | None = None) -> None:
        """Do the next folds, up to and without ``until``; anything raised is recorded and ends the race for it."""
        last = self.track.k if until is None else until
        while self.is_open and len(self.scores) < last:
            start = self.track.clock()
            try:
                self._fold(len(self.scores))
            except OutOfTime:
                self.stop("skipped", "stopped in the middle of a fit: the budget was spent")
            except (KeyboardInterrupt, SystemExit, GeneratorExit):
                raise
            except NoriaError as error:
                self.stop("failed", f"{error.what} ({error.why})" if error.why else error.what)
            except Exception as error:  # noqa: BLE001 - an estimator, often a user's own, may raise anything
                self.stop("failed", f"{type(error).__name__}: {_first_line(error)}")
            self.fold_seconds.append(self.track.clock() - start)
        if self.is_open and len(self.scores) == self.track.k:
            self.status = "complete"

    def stop(self, status: Status, note: str) -> None:
        """End the race for this candidate."""
        self.status = status
        self.notes.add(note)

    def reopen(self) -> None:
        """Let a candidate that was skipped for want of time run after all."""
        self.status = None
        self.notes = Notes()
        self.notes.add("finished beyond the budget: nothing else was complete")

    def foretell(self) -> float:
        """Guess the seconds of the first fold from a fit on a part of it; 0 when the fold is small.

        The part is a tenth of the rows; fit time is taken to grow as a power of them that the family names.
        """
        rows, _ = self.track.bench.matrices.folds[0]
        few = STEEP_PROBE_ROWS if self.candidate.family.growth > 1.5 else PROBE_ROWS
        if len(rows) <= few or not self.is_open:
            return 0.0
        part = np.random.default_rng(self.track.bench.seed).permutation(rows)[: max(500, len(rows) // 10)]
        start = self.track.clock()
        try:
            matrix = self.track.bench.matrices.rows(self.candidate.family, np.sort(part), part[:0], self.notes)
            self.track.bench.fit(self.candidate, matrix, np.sort(part), 0, self.notes)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001 - as in run: the candidate is out, the others go on
            self.stop("failed", f"{type(error).__name__}: {_first_line(error)}")
        self.extra_seconds = self.track.clock() - start
        return float(self.extra_seconds * (len(rows) / len(part)) ** self.candidate.family.growth)

    def result(self) -> CandidateResult:
        """Give the record."""
        complete = self.status == "complete"
        return CandidateResult(
            name=self.candidate.name,
            family=self.candidate.family.name,
            params=dict(self.candidate.params),
            scores=tuple(self.scores),
            mean=self.mean if complete else None,
            sd=float(np.std(self.scores, ddof=1)) if complete and len(self.scores) > 1 else None,
            seconds=sum(self.fold_seconds) + self.extra_seconds,
            status=self.status or "skipped",
            note=str(self.notes),
        )

    def out_of_fold(self) -> NDArray[np.float64]:
        """Put the folds' answers back into the order of the rows, averaged where folds overlap."""
        n_rows = len(self.track.y)
        width = self.answers[0].shape[1:] if self.answers else ()
        total, count = np.zeros((n_rows, *width)), np.zeros(n_rows)
        for (_, valid), made in zip(self.track.bench.matrices.folds, self.answers, strict=True):
            total[valid] += made
            count[valid] += 1
        count[count == 0] = np.nan
        return np.asarray(total / count.reshape((n_rows,) + (1,) * len(width)))

    def _fold(self, number: int) -> None:
        bench = self.track.bench
        train, valid = bench.matrices.folds[number]
        matrix = bench.matrices.fold(self.candidate.family, number, self.notes)
        estimator = bench.fit(self.candidate, matrix, train, number, self.notes)
        prediction = bench.ask(estimator, matrix.valid, self.notes)
        made = np.asarray(prediction.values if prediction.proba is None else prediction.proba)
        if made.dtype.kind not in "fiu" or not np.isfinite(made).all():
            self.stop("failed", "it answers with numbers that are not finite")
            return
        error = float(self.track.error(self.track.y[valid], prediction))
        if not np.isfinite(error):
            self.stop("failed", f"the metric is {error} on fold {number + 1}")
            return
        self.scores.append(error)
        self.answers.append(made.astype(np.float64))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else "no message"
