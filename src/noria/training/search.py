"""Selection: race the families' defaults, then refine the best of them while there is time.

The race is small and honest. Every family's default runs first; then the rest of the portfolio; then parameters are
drawn at random for the families that did best. A booster chooses its rounds inside its training rows, never on the
fold that judges it. With ``trials`` alone no decision looks at the clock, and the outcome repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from noria.errors import WrongArgument, WrongData
from noria.training.candidate import Candidate, Kind, Progress, Selection
from noria.training.caruana import MEMBERS, ROUNDS
from noria.training.clock import Budget
from noria.training.clusters import select_clusters
from noria.training.family import Family
from noria.training.final_fit import fit_mean, fit_others, fit_single
from noria.training.finalists import judgements, last_choice, mean_of_few
from noria.training.first_fold import first_fold
from noria.training.folds import judged_share
from noria.training.inner import Bonds
from noria.training.judging import judging_folds
from noria.training.model import Prediction
from noria.training.precedence import WORSE, in_turn, next_to_finish
from noria.training.racer import Racer, Track
from noria.training.refining import Tuning, drawer, further
from noria.training.rescue import nothing_complete, rescue
from noria.training.task import encode
from noria.training.trial import Bench, Follow, Matrices, Preparation, Shaping, threads_for

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.training.ensemble import EnsembleModel
    from noria.training.finalists import Mean, Prefer, Wanted
    from noria.training.fold_memory import Keeper
    from noria.training.folds import Fold
    from noria.training.model import TabularModel
    from noria.training.refining import Next
    from noria.training.space import Params
    from noria.training.task import Task
    from noria.training.work import Work

__all__ = ["Error", "Report", "Tuning", "select"]

Error = Callable[["NDArray[np.object_] | NDArray[np.float64]", Prediction], float]
"""The true targets and a `Prediction` in, an error out: lower is better."""

Report = Callable[[Progress], None]

PATIENCE = 25
"""Refined candidates in a row without a gain, after which the search ends though time is left."""

CHEAP_SHARE = 0.005
"""Share of the budget below which all folds are done: few rows in the first may say anything."""

UNAFFORDABLE = 200
"""Candidates in a row that there is no time for, after which none is looked for any more."""

RESERVE_SHARE = 0.4
"""Share of the budget that is kept for the final fits at most."""

MEAN_SHARE = 0.05
"""Share of it that is kept for finding the mean of a few."""


def select(
    X: pd.DataFrame,
    y: NDArray[np.object_] | NDArray[np.float64] | None,
    *,
    task: Task,
    families: Sequence[Family],
    prepare: Callable[[Family, pd.DataFrame], Preparation],
    error: Error | None,
    splitter: list[Fold],
    bonds: Bonds | None = None,
    budget_seconds: float | None = None,
    trials: int | None = None,
    seed: int = 0,
    report: Report | None = None,
    threads: int | None = None,
    shaping: Shaping | None = None,
    ensemble: Wanted = "auto",
    follow: Follow | None = None,
    prefer: Prefer = "best",
    tuning: Tuning | None = None,
    memory: Keeper | None = None,
    work: Callable[[Family], Work] | None = None,
    tempers: bool = False,
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
        Makes an unfitted preparation for a family and the rows it will learn from: those of a fold, in the end all.
        Equal for families of one encoding.
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
    shaping : Shaping, optional
        What is done to the rows that are learned from, and to no others; of a clustering nothing.
    ensemble : "auto", "always" or "never"
        Whether the mean of a few candidates may be the model: where it is better beyond chance, wherever it is better,
        or not at all. After balanced training it may not.
    follow : callable, optional
        Told about each epoch of the networks, see `noria.training.trial.Follow`.
    prefer : "best" or "glass_box"
        Whether what can be read wins where it is not clearly worse.
    tuning : Tuning, optional
        How parameters are refined.
    memory : Keeper, optional
        Keeps what each fold of a candidate gave, so that a search that was killed, or gets more time, goes on. It
        must be asked for the same rows, preparation, metric and seed only. Clusterings are judged anew.
    work : callable, optional
        Says for a family who does its fits on folds; left out, this process. The final fits are done here.
    tempers : bool
        Whether probabilities are brought to a temperature where that makes them err less, see
        `noria.training.temperature`: of use where the error asks how sure they are. Not after balanced training.
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
    pools, most = ThreadpoolController(), threads or threads_for(X.size)
    if task == "clustering":
        bench = Bench(task, None, Matrices(X, None, [], prepare), seed, threads)
        with pools.limit(limits=most):
            return select_clusters(bench, families, budget, trials, tell)
    if y is None or error is None or len(y) != len(X) or not splitter:
        raise WrongArgument("a supervised selection needs y of X's length, an error and folds", code="N-TRAIN-040")
    target = encode(y, task)
    splitter, notes = judging_folds(target, y, error, splitter)
    matrices = Matrices(X, target, splitter, prepare, shaping)
    bench = Bench(
        task, target, matrices, seed, threads, seconds_left=budget.allowed, bonds=bonds or Bonds(), follow=follow
    )
    tempers = tempers and matrices.shaping.balance == "none"
    does = {} if work is None else {"work": work}
    track = Track(bench, y, error, clock, memory, **does, left=budget.allowed, tempers=tempers)
    search = _Search(track, budget, trials, tell, tuning or Tuning(), ensemble, prefer)
    with pools.limit(limits=most):
        return replace(search.run(families), notes=notes, test_share=judged_share(splitter))


class _Search:
    """The state of one supervised selection."""

    def __init__(
        self,
        track: Track,
        budget: Budget,
        trials: int | None,
        tell: Report,
        tuning: Tuning,
        ensemble: Wanted,
        prefer: Prefer,
    ) -> None:
        self.track = track
        self.budget = budget
        self.limit = trials
        self.tell = tell
        self.tuning = tuning
        self.prefer: Prefer = prefer
        self.ensemble: Wanted = "never" if track.bench.matrices.shaping.balance != "none" else ensemble
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
        for some in in_turn(firsts) if self.budget.seconds is not None else (firsts,):
            self._race(some)
            self._finish()
        self._refine(asked)
        return self._conclude(baseline, firsts)

    # --- the three parts of the race -------------------------------------------------------------------------------

    def _race(self, firsts: Sequence[Racer]) -> None:
        """Run the first fold of each default, what is likely to be quick before what is not."""
        for racer in firsts:
            if first_fold(racer, self.racers, self.budget):
                self._reserve()
            if not racer.is_open:
                self._done(racer)

    def _finish(self) -> None:
        """Run the other folds of those that are worth it."""
        while (racer := next_to_finish(self.racers, self.budget)) is not None:
            self._complete(racer)
            self._done(racer)

    def _complete(self, racer: Racer) -> None:
        rest = (self.track.k - len(racer.scores)) * racer.per_further_fold
        best = self._best()
        self._reserve(racer)  # not for those that wait: of what is dear there is no saying yet whether it will stay
        if self.budget.seconds is not None:
            if best is not None and rest > 0.1 * self.budget.seconds and self._clearly_worse(racer, best):
                racer.stop("dropped", "clearly worse than the best on the first fold")
            elif not self.budget.fits(rest):
                racer.stop("skipped", f"the other folds would take about {rest:.0f} s: raise [model] budget")
        if racer.is_open:
            racer.run()
        self._reserve()

    def _clearly_worse(self, racer: Racer, best: Racer) -> bool:
        return racer.scores[0] - best.scores[0] > WORSE * abs(best.scores[0])

    def _refine(self, families: Sequence[Family]) -> None:
        """Try further parameters of the families that did best."""
        without_gain = too_dear = 0
        for following in self._further(families):
            family, params = following.family, following.params
            if self.limit is not None and self._counted() >= self.limit:
                self.stopped_by = f"{self.limit} trials"
                return
            if without_gain >= PATIENCE and self.limit is None:
                self.stopped_by = f"no gain in {PATIENCE} trials"
                return
            cost = min(racer.slowest for racer in self.racers if racer.candidate.family is family and racer.scores)
            if not self.budget.fits(2 * cost):
                too_dear += 1
                if self.budget.left() <= 2 * self._cheapest() or too_dear >= UNAFFORDABLE:
                    self.stopped_by = "the budget was spent"
                    return
                continue
            too_dear = 0
            racer = self._racer(family, params)
            best = self._best()
            racer.run(until=1)
            rest = (self.track.k - 1) * racer.per_further_fold
            is_cheap = self.budget.seconds is not None and rest <= CHEAP_SHARE * self.budget.seconds
            if racer.is_open and not is_cheap and not self._promising(racer, drawn=following.drawn):
                racer.stop("dropped", "not among the best on the first fold")
            if racer.is_open:
                self._complete(racer)
            gained = racer.status == "complete" and best is not None and racer.mean < best.mean
            without_gain = 0 if gained else without_gain + 1
            self._done(racer)
        if self.limit is not None and self._counted() >= self.limit:
            self.stopped_by = f"{self.limit} trials"

    def _further(self, families: Sequence[Family]) -> Iterator[Next]:
        """Give what comes after the defaults: the portfolio, and as much as budget or trials allow beyond it."""
        has_end = self.budget.seconds is not None or self.limit is not None
        return further(
            lambda: self._ranked(families),
            tried={racer.candidate.key for racer in self.racers},
            draw=drawer(self.tuning.sampler, self._known) if has_end else None,
            seed=self.track.bench.seed,
            past=self.tuning.past,
        )

    def _known(self, family: Family) -> list[tuple[Params, float]]:
        """Tell what was tried of a family; of what was dropped early, what it would have come to beside the best."""
        best = self._best()
        if best is None:
            return []
        begun = [r for r in self.racers if r.candidate.family.name == family.name and r.scores]
        return [(r.candidate.params, r.mean + best.mean - float(np.mean(best.scores[: len(r.scores)]))) for r in begun]

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

    def _reserve(self, current: Racer | None = None) -> None:
        """Keep time for the final fits of whoever may win: they have k/(k-1) times the rows of a fold.

        Those are all that are open, or beside the complete ones the one that is looked at.
        """
        open_ones = [r for r in self.racers if r.is_open] if current is None else [current]
        in_race = [r for r in (*open_ones, *(r for r in self.racers if r.status == "complete")) if r.scores]
        leaders = sorted(in_race, key=lambda racer: racer.mean)
        mean = 0.0
        if self.ensemble == "never":
            seconds = max((racer.per_further_fold for racer in leaders[:3]), default=0.0)
        else:
            seconds = sum(racer.per_further_fold for racer in leaders[:MEMBERS])
            mean = self.track.judging * judgements(self.track, len(self._complete_racers()))
        if self.budget.seconds is not None:
            wanted = 1.3 * seconds * self.track.growth + min(mean, MEAN_SHARE * self.budget.seconds)
            self.budget.reserve = min(wanted, RESERVE_SHARE * self.budget.seconds)

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
            left = self._left()
            held, self.budget.seconds = self.budget.seconds, None  # no deadline cuts what has to be done
            # What hung must not hang the search now: in another process it gets as long as all of it was to take.
            self.track.left = lambda: float("inf") if held is None else held
            rescue(firsts, left)
            self.budget.seconds = held
            self.stopped_by = "the budget was spent before any candidate was complete"
        contenders = sorted(self._complete_racers(), key=lambda racer: racer.mean)
        if not contenders and baseline is not None and baseline.status == "complete" and not firsts:
            contenders = [baseline]  # the baseline alone was asked for
        if not contenders:
            raise nothing_complete(self.racers)
        winner = contenders[0]
        mean = self._mean(contenders)
        kind, finalists = last_choice(contenders, mean, self.ensemble, self.prefer)
        if mean is not None and kind == "ensemble":
            model: TabularModel | EnsembleModel = fit_mean(mean)
            oof, won = mean.answers, mean.result()
        else:
            if kind == "glass box":
                winner = next(racer for racer in contenders if racer.candidate.family.is_glass)
            oof, model = fit_single(winner)
            won = winner.result()
        models = self._others(model, contenders, mean)
        if self.budget.seconds is not None and self.budget.spent() > self.budget.seconds:
            self.stopped_by += f" (and passed by {self.budget.spent() - self.budget.seconds:.1f} s)"
        # Of equals the one that was tried first wins, and stands first: a table that leaves it out tells nothing.
        results = [racer.result() for racer in self.racers] + ([won] if kind == "ensemble" else [])
        table = sorted(results, key=lambda each: (each.name != won.name, each.standing))
        return Selection(
            winner=won,
            model=model,
            table=tuple(table),
            oof=oof,
            baseline=baseline.result() if baseline is not None else None,
            stopped_by=self.stopped_by,
            seconds=self.budget.spent(),
            finalists=finalists,
            recalled=sum(racer.recalled for racer in self.racers),
            models=models,
        )

    def _others(
        self, chosen: TabularModel | EnsembleModel, contenders: list[Racer], mean: Mean | None
    ) -> Mapping[Kind, TabularModel | EnsembleModel]:
        """Fit the other finalists in a part of the time that is left."""
        glass = next((racer for racer in contenders if racer.candidate.family.is_glass), None)
        if mean is None and glass in (None, contenders[0]):
            return {}  # nobody to choose between
        share = 2 * self.track.growth
        return fit_others(chosen, contenders[0], glass, mean, fits=lambda seconds: share * seconds <= self._left())

    def _left(self) -> float:
        """Seconds to the end of the budget, nothing set aside."""
        return float("inf") if self.budget.seconds is None else self.budget.seconds - self.budget.spent()

    def _mean(self, contenders: list[Racer]) -> Mean | None:
        if self.ensemble == "never" or len(contenders) < 2:
            return None
        share = 1.15 * self.track.growth
        # What is found when the time is up must still fit, and a round of judging lies between.
        members = 1.1 * share * sum(racer.per_further_fold for racer in contenders[:MEMBERS])
        least = members + self.track.judging * judgements(self.track, len(contenders)) / ROUNDS
        return mean_of_few(
            contenders,
            out_of_time=lambda: self._left() < least,
            fits=lambda seconds: share * seconds <= self._left(),
        )
