"""One candidate running over the folds, and the record it leaves."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from noria.training.candidate import Candidate, CandidateResult, Status
from noria.training.family import OutOfTime
from noria.training.fold_memory import WORTH_SECONDS, Found
from noria.training.folds import judged_share
from noria.training.model import decoded
from noria.training.rounds import CUT_SHORT, FEWEST_ROWS, rounds_for
from noria.training.temperature import tempered
from noria.training.trial import Bench, Matrix, Notes, threads_for
from noria.training.work import Inline, Job, told

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from noria.training.family import Family
    from noria.training.fold_memory import Keeper
    from noria.training.model import Prediction
    from noria.training.temperature import Tempered
    from noria.training.work import Outcome, Work

__all__ = ["Racer", "Track"]

_INLINE = Inline()

Error = "Callable[[NDArray[np.object_] | NDArray[np.float64], Prediction], float]"

PROBE_ROWS = 10_000
"""With more training rows than this, a first fit of unknown length is tried on a part."""

STEEP_PROBE_ROWS = 3000
"""The same for families whose fit grows with the square of the rows."""

TOLD_SHARE = 0.65
"""Of the seconds of a fold that finds its rounds, what one takes that is told them: 0.44 to 0.61 were measured."""


@dataclass
class Track:
    """Where candidates run: the bench, the truth, how answers are judged, and what is known of earlier searches."""

    bench: Bench
    y: NDArray[np.object_] | NDArray[np.float64]
    error: Callable[[NDArray[np.object_] | NDArray[np.float64], Prediction], float]
    clock: Callable[[], float]
    memory: Keeper | None = None
    work: Callable[[Family], Work] = field(default=lambda family: _INLINE)
    left: Callable[[], float] = field(default=lambda: float("inf"))
    tempers: bool = False
    """Whether probabilities are brought to the temperature at which they err least."""
    judging: float = field(default=0.0, init=False)
    """Seconds that it takes to judge the answers on a fold."""

    @property
    def k(self) -> int:
        """Number of folds."""
        return len(self.bench.matrices.folds)

    @property
    def share(self) -> float:
        """Rows that judge for each that is learned from, in the mean of the folds."""
        return judged_share(self.bench.matrices.folds)

    @property
    def growth(self) -> float:
        """How many times the rows that the largest fold learns from all rows are."""
        return len(self.y) / max(1, *(len(train) for train, _ in self.bench.matrices.folds))

    def out_of_fold(self, answers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Give for each row the first answer about it, NaN where there is none, of those that the first folds have."""
        width = answers[0].shape[1:] if answers else ()
        made = np.full((len(self.y), *width), np.nan)
        judged = np.zeros(len(made), dtype=bool)
        for (_, valid), said in zip(self.bench.matrices.folds, answers, strict=False):
            new = ~judged[valid]
            made[valid[new]] = said[new]
            judged[valid] = True
        return made

    def tempered(
        self, answers: Sequence[NDArray[np.float64]], errors: Sequence[float]
    ) -> tuple[Tempered, list[float]] | None:
        """Bring the answers on the first folds to a temperature, if they then err less on folds that had no say in it.

        Parameters
        ----------
        answers : sequence of ndarray
            On each fold.
        errors : sequence of float
            Of them.

        Returns
        -------
        tuple of Tempered and list of float, or None
            The answers and their errors.
        """
        target = self.bench.target
        if not self.tempers or target is None or target.classes is None or not answers:
            return None
        rows = [valid for _, valid in self.bench.matrices.folds[: len(answers)]]
        made = tempered(answers, [np.asarray(target.values[valid], dtype=np.int64) for valid in rows])
        found = [
            float(self.error(self.y[valid], decoded(said, target.classes)))
            for valid, said in zip(rows, made.answers, strict=True)
        ]
        return (made, found) if np.mean(found) < np.mean(errors) else None


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
    found: tuple[int, int] | None = None
    """Rounds that the first fold of a booster or network found, and on how many rows."""
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Losses of a network on the first fold, epoch by epoch."""
    recalled: int = 0
    """Folds that an earlier search had done."""
    temperature: float | None = None
    """Of its probabilities, where one makes them err less, see `noria.training.temperature`."""
    as_said: list[tuple[float, NDArray[np.float64]]] = field(default_factory=list, repr=False)
    """Error and answers of each fold at no temperature."""
    _looked_up: dict[int, Found | None] = field(default_factory=dict, repr=False)

    @property
    def mean(self) -> float:
        """Mean error; infinite before the first fold."""
        return float(np.mean(self.scores)) if self.scores else float("inf")

    @property
    def slowest(self) -> float:
        """Seconds of the slowest fold."""
        return max(self.fold_seconds, default=0.0)

    @property
    def per_further_fold(self) -> float:
        """Seconds that one more fold takes at most, as far as the folds done tell.

        The first fold of a booster has looked for its rounds too. The others are told them, and so is the final fit.
        """
        if self.found is None or self.found[1] < FEWEST_ROWS or not self.fold_seconds:
            return self.slowest
        return max(self.fold_seconds[1:], default=TOLD_SHARE * self.fold_seconds[0])

    @property
    def is_open(self) -> bool:
        """Whether it may still run."""
        return self.status is None

    def run(self, until: int | None = None) -> None:
        """Do the next folds, up to and without ``until``; anything raised is recorded and ends the race for it."""
        last = self.track.k if until is None else until
        while self.is_open and len(self.scores) < last:
            # The first fold of a booster finds the rounds of the others; these may be done side by side.
            upto = min(last, 1) if not self.scores else last
            outcomes = self._outcomes(upto)
            while self.is_open and len(self.scores) < upto:
                self._next(outcomes)
            outcomes.close()
        self._temper()
        if self.is_open and len(self.scores) == self.track.k:
            self.status = "complete"

    def _next(self, outcomes: Generator[Outcome, None, None]) -> None:
        number, start = len(self.scores), self.track.clock()
        if known := self._recall(number):
            self._take(known)
            self.recalled += 1
            return
        taken = None
        try:
            made = next(outcomes)
            taken = made.seconds
            self._fold(number, made)
        except OutOfTime as error:
            self.stop("skipped", str(error) or "stopped in the middle of a fit: the budget was spent")
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001 - an estimator, often a user's own, may raise anything
            self.stop("failed", told(error))
        self.fold_seconds.append(self.track.clock() - start if taken is None else taken)
        self._keep(number)

    def _outcomes(self, upto: int) -> Generator[Outcome, None, None]:
        """Have the folds done that nobody has done before."""
        bench, family = self.track.bench, self.candidate.family
        numbers = [number for number in range(len(self.scores), upto) if not self._recall(number)]
        left = self.track.left()
        limit = max(1.0, left)

        def jobs() -> Iterator[Job]:
            for number in numbers:
                yield self._job(bench.matrices.fold(family, number, self.notes), number)

        yield from self.track.work(family).fits(bench, jobs(), limit)

    def _job(self, matrix: Matrix, number: int) -> Job:
        threads = self.track.bench.threads or threads_for(matrix.train.size)
        return Job(self.candidate, number, matrix, self.rounds(len(matrix.rows)), threads)

    def rounds(self, rows: int) -> int | None:
        """Give the rounds for so many rows, once a fold has found them: to find them takes as long as to use them."""
        return None if self.found is None else rounds_for(rows, found=self.found[0], on=self.found[1])

    def stop(self, status: Status, note: str) -> None:
        """End the race for this candidate."""
        self.status = status
        self.notes.add(note)

    def accept(self, *, whole: bool) -> None:
        """Take a candidate that there was no time for: on all folds, or on those it has done, on one at least."""
        self.status, self.notes = None, Notes()
        if whole or not self.scores:
            self.run(until=None if whole else 1)
        if self.scores and self.is_open:
            self.status = "complete"
            self.notes.add(f"judged on {len(self.scores)} of {self.track.k} folds: the budget was spent")

    def foretell(self) -> float:
        """Guess the seconds of the first fold from a fit on a part of it; 0 when the fold is small.

        The part is a tenth of the rows; fit time is taken to grow as a power of them that the family names.
        """
        rows, _ = self.track.bench.matrices.folds[0]
        if self.is_open and self._recall(0):
            return 0.0
        few = STEEP_PROBE_ROWS if self.candidate.family.growth > 1.5 else PROBE_ROWS
        if len(rows) <= few or not self.is_open:
            return 0.0
        part = np.random.default_rng(self.track.bench.seed).permutation(rows)[: max(500, len(rows) // 10)]
        start = self.track.clock()
        try:
            matrix = self.track.bench.matrices.rows(self.candidate.family, np.sort(part), part[:0], self.notes)
            work, left = self.track.work(self.candidate.family), self.track.left()
            limit = max(1.0, left)
            for _ in work.fits(self.track.bench, iter([replace(self._job(matrix, 0), followed=False)]), limit):
                pass
        except OutOfTime as error:
            self.stop("skipped", str(error) or "stopped in the middle of a fit: the budget was spent")
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001 - as above: the candidate is out, the others go on
            self.stop("failed", told(error))
        self.extra_seconds = self.track.clock() - start
        return float(self.extra_seconds * (len(rows) / len(part)) ** self.candidate.family.growth)

    def result(self) -> CandidateResult:
        """Give the record."""
        complete = self.status == "complete"
        heat = [] if self.temperature is None or not complete else [f"temperature {self.temperature:.2g}"]
        return CandidateResult(
            name=self.candidate.name,
            family=self.candidate.family.name,
            params=dict(self.candidate.params),
            scores=tuple(self.scores),
            mean=self.mean if complete else None,
            sd=float(np.std(self.scores, ddof=1)) if complete and len(self.scores) > 1 else None,
            seconds=sum(self.fold_seconds) + self.extra_seconds,
            status=self.status or "skipped",
            note="; ".join([*self.notes, *heat]),
            rounds=None if self.found is None else self.found[0],
            curve=self.curve,
            temperature=self.temperature,
        )

    def out_of_fold(self) -> NDArray[np.float64]:
        """Give for each row the first answer of a fold that judged it: one model's, that had not seen it."""
        return self.track.out_of_fold(self.answers)

    def _fold(self, number: int, made: Outcome) -> None:
        bench = self.track.bench
        _, valid = bench.matrices.folds[number]
        for note in made.notes:
            self.notes.add(note)
        if self.found is None and made.rounds is not None:
            self.found = made.rounds, len(bench.matrices.fold(self.candidate.family, number, self.notes).rows)
        if number == 0 and made.curve:
            self.curve = made.curve
            if made.seconds is not None:  # done elsewhere, where nobody could listen
                bench.retell(self.candidate, made.curve)
        prediction = cast("Prediction", made.prediction)
        answers = np.asarray(prediction.values if prediction.proba is None else prediction.proba)
        if answers.dtype.kind not in "fiu" or not np.isfinite(answers).all():
            self.stop("failed", "it answers with numbers that are not finite")
            return
        begun = self.track.clock()
        error = float(self.track.error(self.track.y[valid], prediction))
        self.track.judging = self.track.clock() - begun
        if not np.isfinite(error):
            self.stop("failed", f"the metric is {error} on fold {number + 1}")
            return
        self._judged(error, answers.astype(np.float64))

    def _judged(self, error: float, answers: NDArray[np.float64]) -> None:
        self.as_said.append((error, answers))
        self.scores.append(error)
        self.answers.append(answers)

    def _temper(self) -> None:
        """Bring what was said so far to the temperature that the answers ask for, or to none."""
        self.scores, self.answers = [error for error, _ in self.as_said], [said for _, said in self.as_said]
        is_baseline = self.candidate.family.name == "dummy"
        found = None if is_baseline else self.track.tempered(self.answers, self.scores)
        self.temperature = None
        if found is not None:
            made, self.scores = found
            self.temperature, self.answers = made.temperature, list(made.answers)

    def _recall(self, number: int) -> Found | None:
        """Look once what an earlier search found on a fold."""
        if number not in self._looked_up:
            self._looked_up[number] = self._look_up(number)
        return self._looked_up[number]

    def _look_up(self, number: int) -> Found | None:
        data = None if self.track.memory is None else self.track.memory.recall(self._part(number))
        found = None if data is None else Found.read(data)
        rows = len(self.track.bench.matrices.folds[number][1])
        return found if found is not None and len(found.answers) == rows else None

    def _take(self, found: Found) -> None:
        self._judged(found.error, found.answers)
        self.fold_seconds.append(found.seconds)
        self.found = self.found or found.rounds
        if found.curve:
            self.curve = found.curve
            self.track.bench.retell(self.candidate, found.curve)
        for note in found.notes:
            self.notes.add(note)

    def _keep(self, number: int) -> None:
        seconds = self.fold_seconds[-1]
        if self.track.memory is None or len(self.scores) <= number or seconds < WORTH_SECONDS:
            return
        if CUT_SHORT in self.notes:  # with more time it would say something else
            return
        rounds = self.found if number == 0 else None
        curve = self.curve if number == 0 else {}
        found = Found(*self.as_said[number], seconds, rounds, tuple(self.notes), curve)
        self.track.memory.keep(self._part(number), found.to_bytes(), seconds=seconds)

    def _part(self, number: int) -> dict[str, object]:
        threads = self.track.bench.threads or len(os.sched_getaffinity(0))
        # Later folds of a booster take the rounds of the first; sums of many threads depend on how many there are.
        return {
            "candidate": self.candidate.key,
            "fold": number,
            "rounds": list(self.found) if number and self.found else None,
            "threads": threads,
        }
