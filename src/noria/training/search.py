"""Selection: race the families' defaults, then refine the best of them while there is time.

The race is small and honest. Every family's default runs first; then the rest of the portfolio; then parameters are
drawn at random for the families that did best. A booster chooses its rounds inside its training rows, never on the
fold that judges it. With ``trials`` alone no decision looks at the clock, and the outcome repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from noria.errors import WorkFailed, WrongArgument, WrongData
from noria.training.candidate import Candidate, CandidateResult, Progress, Selection
from noria.training.clock import Budget
from noria.training.clusters import select_clusters
from noria.training.family import Family
from noria.training.inner import Bonds
from noria.training.model import Prediction, TabularModel, columns_of
from noria.training.racer import Racer, Track
from noria.training.space import sample
from noria.training.task import encode
from noria.training.trial import Bench, Matrices, Preparation, threads_for

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.folds import Fold
    from noria.training.task import Task

__all__ = ["Error", "Report", "select"]

Error = Callable[["NDArray[np.object_] | NDArray[np.float64]", Prediction], float]
"""The true targets and a `Prediction` in, an error out: lower is better."""

Report = Callable[[Progress], None]

WORSE = 0.35
"""A first fold worse than the best by this share of it ends a costly candidate."""

PATIENCE = 25
"""Refined candidates in a row without a gain, after which the search ends though time is left."""

RACE_SHARE = 0.45
"""Share of the budget that first folds may take."""


def select(
    X: pd.DataFrame,
    y: NDArray[np.object_] | NDArray[np.float64] | None,
    *,
    task: Task,
    families: Sequence[Family],
    prepare: Callable[[Family], Preparation],
    error: Error | None,
    splitter: list[Fold],
    bonds: Bonds | None = None,
    budget_seconds: float | None = None,
    trials: int | None = None,
    seed: int = 0,
    report: Report | None = None,
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Selection:
    """Choose the best candidate by cross-validation and fit it on every row.

    Parameters
    ----------
    X : pandas.DataFrame, shape (n_rows, n_features)
        Raw features of the training rows: numbers float64 with NaN, categories strings, timestamps datetime64.
    y : ndarray, shape (n_rows,), or None
        Labels or values; None for clustering.
    task : Task
        What is learned.
    families : sequence of Family
        Candidates, see `noria.training.families.resolve`.
    prepare : callable
        Makes an unfitted preparation for a family; equal for families of one encoding.
    error : callable or None
        Judges a fold, lower is better; unused for clustering.
    splitter : list of (train, valid)
        Row numbers, see `noria.training.folds.folds`; unused for clustering.
    bonds : Bonds, optional
        Groups and times of the rows, where the folds keep to them: then so does what a booster stops on.
    budget_seconds : float, optional
        Wall time for all of it, the final fit included.
    trials : int, optional
        Candidates to try, the baseline not counted: the stop that repeats exactly. With neither, the portfolio runs.
    seed : int
        For everything that draws.
    report : callable, optional
        Told about each candidate finished with.
    threads : int, optional
        Threads a fit may use; chosen by the size of the data when left out.
    clock : callable
        Seconds, ever rising.

    Returns
    -------
    Selection
        The winner, its fitted model, the table of every candidate, out-of-fold answers.

    Raises
    ------
    WrongData
        One class, a constant target, no rows, or folds that do not fit the rows.
    WorkFailed
        No candidate but the baseline could be completed.
    """
    budget = Budget(budget_seconds, clock)
    tell = report or (lambda progress: None)
    if len(X) == 0 or X.shape[1] == 0:
        raise WrongData(
            f"there is nothing to train on: {len(X)} rows, {X.shape[1]} features",
            mend="noria check    see what the checks and the settings left",
            code="N-TRAIN-001",
        )
    X = X.reset_index(drop=True)
    limit = ThreadpoolController().limit(limits=threads or threads_for(X.size))
    if task == "clustering":
        bench = Bench(task, None, Matrices(X, None, [], prepare), seed, threads)
        with limit:
            return select_clusters(bench, families, budget, trials, tell)
    if y is None or error is None or len(y) != len(X) or not splitter:
        raise WrongArgument("a supervised selection needs y of X's length, an error and folds", code="N-TRAIN-040")
    target = encode(y, task)
    matrices = Matrices(X, target, splitter, prepare)
    expired = lambda: budget.left() <= 0  # noqa: E731 - one line of the bench
    bench = Bench(task, target, matrices, seed, threads, out_of_time=expired, bonds=bonds or Bonds())
    search = _Search(Track(bench, y, error, clock), budget, trials, tell)
    with limit:
        return search.run(families)


class _Search:
    """The state of one supervised selection."""

    def __init__(self, track: Track, budget: Budget, trials: int | None, tell: Report) -> None:
        self.track = track
        self.budget = budget
        self.limit = trials
        self.tell = tell
        self.racers: list[Racer] = []
        self.names: dict[str, int] = {}
        self.stopped_by = "every candidate of the portfolio was tried"

    def run(self, families: Sequence[Family]) -> Selection:
        baseline = None
        for family in (family for family in families if family.name == "dummy"):
            baseline = self._racer(family, family.portfolio[0], counted=False)
            baseline.run()
            self._done(baseline)
        asked = [family for family in families if family.name != "dummy"]
        firsts = [self._racer(family, family.portfolio[0]) for family in asked[: self.limit]]
        self._race(firsts)
        self._finish(firsts)
        self._refine(asked)
        return self._conclude(baseline, firsts)

    # --- the three parts of the race -------------------------------------------------------------------------------

    def _race(self, firsts: list[Racer]) -> None:
        """Run the first fold of each default, what is likely to be quick before what is not."""
        for racer in firsts:
            if self._admit(racer):
                racer.run(until=1)
                self._reserve()
            if not racer.is_open:
                self._done(racer)

    def _admit(self, racer: Racer) -> bool:
        family = racer.candidate.family
        rows = len(self.track.bench.matrices.folds[0][0])
        if family.most_rows is not None and rows > family.most_rows:
            racer.stop("skipped", f"its time grows too fast for {rows:,} training rows (at most {family.most_rows:,})")
            return False
        if self.budget.seconds is None:
            return True
        started = any(other.scores and other.candidate.family.modules == family.modules for other in self.racers)
        startup = 0.0 if started else family.startup_seconds
        if startup and not self.budget.fits(2 * startup):
            racer.stop("skipped", f"starting its libraries takes about {startup:.0f} s: raise [model] budget")
            return False
        if not any(other.scores for other in self.racers):
            return True
        foretold = racer.foretell()
        if not racer.is_open:
            return False
        if not self.budget.fits(foretold) or (foretold and foretold > RACE_SHARE * self.budget.seconds):
            racer.stop("skipped", f"one fold would take about {foretold:.0f} s: raise [model] budget")
            return False
        return True

    def _finish(self, firsts: list[Racer]) -> None:
        """Run the other folds, the best first folds first."""
        for racer in sorted((racer for racer in firsts if racer.is_open), key=lambda racer: racer.mean):
            self._complete(racer)
            self._done(racer)

    def _complete(self, racer: Racer) -> None:
        rest = (self.track.k - len(racer.scores)) * racer.slowest
        best = self._best()
        if self.budget.seconds is not None:
            if best is not None and rest > 0.1 * self.budget.seconds and self._clearly_worse(racer, best):
                racer.stop("dropped", "clearly worse than the best on the first fold")
                return
            if not self.budget.fits(rest):
                racer.stop("skipped", f"the other folds would take about {rest:.0f} s: raise [model] budget")
                return
        racer.run()
        self._reserve()

    def _clearly_worse(self, racer: Racer, best: Racer) -> bool:
        return racer.scores[0] - best.scores[0] > WORSE * abs(best.scores[0])

    def _refine(self, families: Sequence[Family]) -> None:
        """Try further parameters of the families that did best."""
        without_gain = 0
        for family, params in self._further(families):
            if self.limit is not None and self._counted() >= self.limit:
                self.stopped_by = f"{self.limit} trials"
                return
            if without_gain >= PATIENCE and self.limit is None:
                self.stopped_by = f"no gain in {PATIENCE} trials"
                return
            cost = min(racer.slowest for racer in self.racers if racer.candidate.family is family and racer.scores)
            if not self.budget.fits(2 * cost):
                if self.budget.left() <= 2 * self._cheapest():
                    self.stopped_by = "the budget was spent"
                    return
                without_gain += 1
                continue
            racer = self._racer(family, params)
            best = self._best()
            racer.run(until=1)
            if racer.is_open and not self._promising(racer, drawn=params not in family.portfolio):
                racer.stop("dropped", "not among the best on the first fold")
            if racer.is_open:
                self._complete(racer)
            gained = racer.status == "complete" and best is not None and racer.mean < best.mean
            without_gain = 0 if gained else without_gain + 1
            self._done(racer)
        if self.limit is not None and self._counted() >= self.limit:
            self.stopped_by = f"{self.limit} trials"

    def _further(self, families: Sequence[Family]) -> Iterator[tuple[Family, dict[str, object]]]:
        tried = {_key(racer.candidate.family, racer.candidate.params) for racer in self.racers}
        ranked = self._ranked(families)
        for rank in range(1, max((len(family.portfolio) for family in ranked), default=0)):
            for family in ranked:
                if rank < len(family.portfolio):
                    tried.add(_key(family, family.portfolio[rank]))
                    yield family, dict(family.portfolio[rank])
        if self.budget.seconds is None and self.limit is None:
            return
        rng = np.random.default_rng([abs(self.track.bench.seed), 1])
        misses = 0
        while misses < 100:  # a space of a few values is soon exhausted
            leaders = [family for family in self._ranked(families) if family.space][:3]
            if not leaders:
                return
            shares = np.array([0.5, 0.3, 0.2][: len(leaders)])
            family = leaders[int(rng.choice(len(leaders), p=shares / shares.sum()))]
            params = sample(family.space, rng)
            if _key(family, params) in tried:
                misses += 1
                continue
            tried.add(_key(family, params))
            yield family, params

    # --- what is known so far --------------------------------------------------------------------------------------

    def _racer(self, family: Family, params: object, *, counted: bool = True) -> Racer:
        number = self.names[family.name] = self.names.get(family.name, 0) + 1
        name = family.name if number == 1 else f"{family.name}-{number}"
        racer = Racer(Candidate(name, family, dict(params)), self.track)  # type: ignore[call-overload]
        self.racers.append(racer)
        return racer

    def _complete_racers(self) -> list[Racer]:
        return [r for r in self.racers if r.status == "complete" and r.candidate.family.name != "dummy"]

    def _best(self) -> Racer | None:
        return min(self._complete_racers(), key=lambda racer: racer.mean, default=None)

    def _ranked(self, families: Sequence[Family]) -> list[Family]:
        best: dict[str, float] = {}
        for racer in self._complete_racers():
            name = racer.candidate.family.name
            best[name] = min(best.get(name, float("inf")), racer.mean)
        return sorted((family for family in families if family.name in best), key=lambda family: best[family.name])

    def _promising(self, racer: Racer, *, drawn: bool) -> bool:
        best = self._best()
        if not drawn:  # what the portfolio names is known to be worth more than one look
            return best is None or not self._clearly_worse(racer, best)
        firsts = sorted(other.scores[0] for other in self._complete_racers())[:4]
        return not firsts or racer.scores[0] <= float(np.median(firsts))

    def _counted(self) -> int:
        return sum(racer.candidate.family.name != "dummy" for racer in self.racers)

    def _cheapest(self) -> float:
        return min((racer.slowest for racer in self._complete_racers()), default=0.0)

    def _reserve(self) -> None:
        """Keep time for the final fit of whoever may win: it has k/(k-1) times the rows of a fold."""
        leaders = sorted((r for r in self.racers if r.scores), key=lambda racer: racer.mean)[:3]
        slowest = max((racer.slowest for racer in leaders), default=0.0)
        if self.budget.seconds is not None:
            self.budget.reserve = min(1.3 * slowest * self.track.k / (self.track.k - 1), 0.5 * self.budget.seconds)

    def _done(self, racer: Racer) -> None:
        result = racer.result()
        done = self.budget.share()
        if self.limit:
            done = max(done, min(1.0, self._counted() / self.limit))
        mean = f"{result.mean:.4f}" if result.mean is not None else result.status
        self.tell(Progress(done, f"{result.name}: {mean}", result))

    # --- the end ---------------------------------------------------------------------------------------------------

    def _conclude(self, baseline: Racer | None, firsts: list[Racer]) -> Selection:
        if self._best() is None:
            self._rescue(firsts)
        contenders = sorted(self._complete_racers(), key=lambda racer: racer.mean)
        if not contenders and baseline is not None and baseline.status == "complete" and not firsts:
            contenders = [baseline]  # the baseline alone was asked for
        if not contenders:
            raise _nothing(self.racers)
        winner = contenders[0]
        model = self._refit(winner)
        if self.budget.seconds is not None and self.budget.spent() > self.budget.seconds:
            self.stopped_by += f" (and passed by {self.budget.spent() - self.budget.seconds:.1f} s)"
        # Of equals the one that was tried first wins, and stands first: a table that leaves it out tells nothing.
        results = [racer.result() for racer in self.racers]
        table = sorted(results, key=lambda each: (each.name != winner.candidate.name, _order(each)))
        return Selection(
            winner=winner.result(),
            model=model,
            table=tuple(table),
            oof=winner.out_of_fold(),
            baseline=baseline.result() if baseline is not None else None,
            stopped_by=self.stopped_by,
            seconds=self.budget.spent(),
        )

    def _rescue(self, firsts: list[Racer]) -> None:
        """Finish the quickest candidate although the budget is spent: a run must end with a model."""
        begun = [racer for racer in firsts if racer.scores and racer.status in (None, "skipped", "dropped")]
        for racer in sorted(begun, key=lambda racer: racer.slowest):
            self.budget.seconds, spent = None, self.budget.seconds
            racer.reopen()
            racer.run()
            self.budget.seconds = spent
            self.stopped_by = "the budget was spent before any candidate was complete"
            if racer.status == "complete":
                return

    def _refit(self, winner: Racer) -> TabularModel:
        bench, notes = self.track.bench, winner.notes
        matrix = bench.matrices.fold(winner.candidate.family, -1, notes)
        head = bench.fit(winner.candidate, matrix, np.arange(len(self.track.y)), -1, notes)
        return TabularModel(
            task=bench.task,
            family=winner.candidate.family.name,
            columns=columns_of(bench.matrices.frame),
            preparation=matrix.preparation,
            head=head,
            classes=bench.target.classes if bench.target is not None else None,
            params=dict(winner.candidate.params),
        )


def _key(family: Family, params: object) -> str:
    return f"{family.name} {sorted(dict(params).items(), key=str)}"  # type: ignore[call-overload]


def _order(result: CandidateResult) -> tuple[bool, float, str]:
    return (result.mean is None, result.mean if result.mean is not None else 0.0, result.name)


def _nothing(racers: Sequence[Racer]) -> WorkFailed:
    lines = [f"{result.name}: {result.status}, {result.note}" for result in (racer.result() for racer in racers)]
    return WorkFailed(
        "no candidate could be completed",
        why="\n".join(line for line in lines if not line.startswith("dummy")),
        mend="raise [model] budget, or mend what the candidates say above",
        code="N-TRAIN-041",
    )
