"""Selection without a target: groups that come back when the rows are drawn again, then groups that are apart.

References
----------
Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis 52, 258-271.
Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.
Journal of Computational and Applied Mathematics 20, 53-65.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_score

from noria.errors import WorkFailed, WrongData
from noria.training.candidate import Candidate, CandidateResult, Progress, Selection
from noria.training.clock import Budget
from noria.training.clustering import NOISE
from noria.training.family import Family
from noria.training.model import TabularModel, columns_of
from noria.training.space import sample
from noria.training.trial import Bench, Matrix, Notes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STABLE", "select_clusters", "separation"]

STABLE = 0.75
"""Adjusted Rand index from which a clustering counts as found again."""

DRAWS = 8
JUDGED_ROWS = 2000
"""Silhouettes take the square of the rows; beyond this many, a sample is judged."""

FEWEST_ROWS = 10


def select_clusters(
    bench: Bench,
    families: Sequence[Family],
    budget: Budget,
    trials: int | None,
    tell: Callable[[Progress], None],
) -> Selection:
    """Choose a clustering and fit it on every row.

    Each candidate is fitted on all rows and on draws of two thirds of them. A candidate's error is one less the mean
    silhouette of its draws; those found again (mean adjusted Rand index of at least `STABLE`) come first.
    """
    rows = len(bench.matrices.frame)
    if rows < FEWEST_ROWS:
        raise WrongData(
            f"{rows} rows cannot be clustered",
            why=f"at least {FEWEST_ROWS} are needed, and some hundreds to find anything",
            mend="collect more rows",
            code="N-TRAIN-050",
        )
    notes = Notes()
    first = next((family for family in families if family.name != "dummy"), families[0])
    matrix = bench.matrices.fold(first, -1, notes)
    if len(np.unique(matrix.train, axis=0)) < 3:
        raise WrongData(
            "the rows hold fewer than three different points, so there are no groups to find", code="N-TRAIN-051"
        )
    results: dict[str, CandidateResult] = {}
    candidates: dict[str, Candidate] = {}
    stopped_by = "every candidate of the portfolio was tried"
    counted = 0
    for candidate in _candidates(families, bench.seed, trials, rows):
        is_baseline = candidate.family.name == "dummy"
        longest = max((result.seconds for result in results.values()), default=0.0)
        if trials is not None and counted >= trials and not is_baseline:
            stopped_by = f"{trials} trials"
            break
        if not budget.fits(longest) and any(
            found.mean is not None for found in results.values() if found.family != "dummy"
        ):
            stopped_by = "the budget was spent"
            break
        result = _judge(bench, candidate, matrix, budget)
        counted += not is_baseline
        results[candidate.name], candidates[candidate.name] = result, candidate
        mean = f"{result.mean:.4f}" if result.mean is not None else result.status
        tell(Progress(max(budget.share(), counted / trials if trials else 0.0), f"{result.name}: {mean}", result))
    table = tuple(sorted(results.values(), key=_order))
    winner = next((result for result in table if result.mean is not None and result.family != "dummy"), None)
    baseline = results.get("dummy")
    if winner is None and len(families) == 1:
        winner = baseline
    if winner is None:
        raise WorkFailed(
            "no clustering could be completed",
            why="\n".join(f"{result.name}: {result.note}" for result in table if result.family != "dummy"),
            code="N-TRAIN-041",
        )
    chosen = candidates[winner.name]
    head = bench.fit(chosen, matrix, np.arange(rows), -1, notes)
    model = TabularModel(
        task="clustering",
        family=chosen.family.name,
        columns=columns_of(bench.matrices.frame),
        preparation=matrix.preparation,
        head=head,
        params=dict(chosen.params),
    )
    return Selection(winner, model, table, None, baseline, stopped_by, budget.spent())


def separation(X: NDArray[np.float64], labels: NDArray[np.generic]) -> float:
    """Give the mean silhouette of the rows that are not noise, times their share.

    Returns
    -------
    float
        From -1 to 1; 0 when there are not at least two groups, and two rows in one of them.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> round(separation(X, np.array([0, 0, 1, 1])), 2)
    0.99
    >>> separation(X, np.zeros(4))
    0.0
    """
    placed = labels != NOISE
    groups = len(np.unique(labels[placed]))
    if not 2 <= groups <= placed.sum() - 1:
        return 0.0
    return float(silhouette_score(X[placed], labels[placed]) * placed.mean())


def _candidates(families: Sequence[Family], seed: int, trials: int | None, rows: int) -> Iterator[Candidate]:
    names: dict[str, int] = {}
    tried: set[str] = set()
    longest = max(len(family.portfolio) for family in families)
    written = [(f, f.portfolio[rank]) for rank in range(longest) for f in families if rank < len(f.portfolio)]
    rng = np.random.default_rng([abs(seed), 2])
    open_families = [family for family in families if family.space]
    draws = max(0, (trials or 0) - len(written) + 1) if open_families else 0
    drawn = ((f, sample(f.space, rng)) for f in (open_families[n % len(open_families)] for n in range(5 * draws)))
    for source in (written, drawn):
        for family, params in source:
            key = f"{family.name} {sorted(params.items())}"
            count = params.get("k")
            if key in tried or (isinstance(count, int) and count >= rows):
                continue
            tried.add(key)
            number = names[family.name] = names.get(family.name, 0) + 1
            yield Candidate(family.name if number == 1 else f"{family.name}-{number}", family, dict(params))


def _judge(bench: Bench, candidate: Candidate, matrix: Matrix, budget: Budget) -> CandidateResult:
    start = budget.clock()
    notes = Notes()
    rows = len(matrix.train)
    rng = np.random.default_rng([abs(bench.seed), 3])
    judged = rng.permutation(rows)[:JUDGED_ROWS]
    empty = CandidateResult(candidate.name, candidate.family.name, dict(candidate.params))
    if candidate.family.most_rows is not None and rows > candidate.family.most_rows:
        note = f"its time grows too fast for {rows:,} rows (at most {candidate.family.most_rows:,})"
        return CandidateResult(empty.name, empty.family, empty.params, status="skipped", note=note)
    try:
        whole = bench.fit(candidate, matrix, np.arange(rows), -1, notes)
        labels = np.asarray(bench.ask(whole, matrix.train, notes).values)
        errors, agreements = [], []
        for draw in range(DRAWS):
            part = np.sort(rng.permutation(rows)[: max(3, 2 * rows // 3)])
            drawn = Matrix(matrix.train[part], matrix.valid, (), matrix.preparation)
            again = np.asarray(
                bench.ask(bench.fit(candidate, drawn, part, draw, notes), matrix.train[judged], notes).values
            )
            errors.append(1 - separation(matrix.train[judged], again))
            agreements.append(float(adjusted_rand_score(labels[judged], again)))
    except Exception as error:  # noqa: BLE001 - an estimator, often a user's own, may raise anything
        note = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200] if str(error).strip() else ''}"
        return CandidateResult(
            empty.name, empty.family, empty.params, seconds=budget.clock() - start, status="failed", note=note
        )
    clusters = len(np.unique(labels[labels != NOISE]))
    stability = float(np.mean(agreements))
    if clusters < 2 and candidate.family.name != "dummy":
        notes.add("it finds fewer than two groups")
    elif stability < STABLE:
        notes.add("not found again when the rows are drawn again")
    return CandidateResult(
        name=candidate.name,
        family=candidate.family.name,
        params=dict(candidate.params),
        scores=tuple(errors),
        mean=float(np.mean(errors)),
        sd=float(np.std(errors, ddof=1)),
        seconds=budget.clock() - start,
        note=str(notes),
        details={
            "silhouette": separation(matrix.train[judged], labels[judged]),
            "stability": stability,
            "clusters": clusters,
            "noise_share": float(np.mean(labels == NOISE)),
        },
    )


def _order(result: CandidateResult) -> tuple[bool, bool, bool, float]:
    """Complete, found again and not one group only, then the lowest error; the baseline where its error puts it."""
    details = result.details
    stable = details.get("stability", 0.0) >= STABLE and details.get("clusters", 0) >= 2
    return (result.mean is None, not stable, result.family == "dummy", result.mean if result.mean is not None else 0.0)
