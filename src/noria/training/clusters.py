"""Selection without a target: groups that come back when the rows are drawn again, then groups that are apart.

References
----------
Calinski, T. and Harabasz, J. (1974). A dendrite method for cluster analysis. Communications in Statistics 3, 1-27.
Davies, D. L. and Bouldin, D. W. (1979). A cluster separation measure. IEEE PAMI 1, 224-227.
Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis 52, 258-271.
Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.
Journal of Computational and Applied Mathematics 20, 53-65.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score
from sklearn.metrics.pairwise import euclidean_distances

from noria.errors import WorkFailed, WrongData
from noria.training.candidate import Candidate, CandidateResult, Progress, Selection
from noria.training.clock import Budget
from noria.training.clustering import KMEANS, NOISE
from noria.training.family import Family
from noria.training.gap import gap_statistic
from noria.training.model import TabularModel, columns_of
from noria.training.space import sample
from noria.training.trial import Bench, Matrix, Notes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DISSOLVED", "STABLE", "found_again", "select_clusters", "separation"]

STABLE = 0.75
"""Adjusted Rand index from which a clustering, and Jaccard similarity from which a group, counts as found again."""

DISSOLVED = 0.6
"""Jaccard similarity below which a group is gone when the rows are drawn again."""

DRAWS = 20
HOPELESS = 0.5
"""Mean adjusted Rand index of the first draws below which the others are not worth their time."""
_FIRST = 6
JUDGED_ROWS = 1500
"""Silhouettes take the square of the rows; beyond this many, a sample is judged."""

FEWEST_ROWS = 10
_GAP_SECONDS = 5.0


def select_clusters(
    bench: Bench,
    families: Sequence[Family],
    budget: Budget,
    trials: int | None,
    tell: Callable[[Progress], None],
) -> Selection:
    """Choose a clustering and fit it on every row.

    Each candidate is fitted on all rows and on the different rows of bootstrap samples of them. Its error is one less
    the mean silhouette of these fits. Those found again come first: a mean adjusted Rand index of at least `STABLE`,
    and no group that is `DISSOLVED`.
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
    # Whatever a family is fitted on, all are judged in one space: complete numbers on one scale.
    space = bench.matrices.fold(KMEANS, -1, notes)
    matrices: dict[str, Matrix] = {KMEANS.encoding: space}
    if len(np.unique(space.train, axis=0)) < 3:
        raise WrongData(
            "the rows hold fewer than three different points, so there are no groups to find", code="N-TRAIN-051"
        )
    ground = _Ground.of(space.train, bench.seed)
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
        if candidate.family.encoding not in matrices:
            matrices[candidate.family.encoding] = bench.matrices.fold(candidate.family, -1, notes)
        result = _judge(bench, candidate, matrices[candidate.family.encoding], budget, ground)
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
    matrix = matrices[chosen.family.encoding]
    head = bench.fit(chosen, matrix, -1, notes)
    model = TabularModel(
        task="clustering",
        family=chosen.family.name,
        columns=columns_of(bench.matrices.frame),
        preparation=matrix.preparation,
        head=head,
        params=dict(chosen.params),
    )
    if winner.family != "dummy" and budget.fits(_GAP_SECONDS):
        told = gap_statistic(space.train[ground.judged], seed=bench.seed)
        winner = replace(winner, details={**winner.details, "gap_k": float(told.k)})
        table = tuple(winner if result.name == winner.name else result for result in table)
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
    return _separation(euclidean_distances(X), labels)


def _separation(distances: NDArray[np.float64], labels: NDArray[np.generic]) -> float:
    """Give it from the distances, which are the same for every candidate."""
    placed = labels != NOISE
    names, codes = np.unique(labels[placed], return_inverse=True)
    if not 2 <= len(names) <= placed.sum() - 1:
        return 0.0
    members = np.eye(len(names))[codes]
    sizes = members.sum(axis=0)
    sums = distances[np.ix_(placed, placed)] @ members
    own = np.arange(len(codes)), codes
    within = sums[own] / np.maximum(sizes[codes] - 1, 1)
    means = sums / sizes
    means[own] = np.inf
    between = means.min(axis=1)
    widest = np.maximum(within, between)
    of_row = np.divide(between - within, widest, out=np.zeros(len(codes)), where=(widest > 0) & (sizes[codes] > 1))
    return float(of_row.mean() * placed.mean())


def found_again(labels: NDArray[np.generic], again: NDArray[np.generic]) -> dict[int, float]:
    """Give for each group the best Jaccard similarity among the groups of another clustering of the same rows.

    Examples
    --------
    >>> found_again(np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0]))
    {0: 0.6666666666666666, 1: 0.6666666666666666}
    """
    found: dict[int, float] = {}
    for group in np.unique(labels[labels != NOISE]):
        ours = labels == group
        others = [again == other for other in np.unique(again[again != NOISE])]
        found[int(group)] = max((float((ours & one).sum() / (ours | one).sum()) for one in others), default=0.0)
    return found


@dataclass(frozen=True)
class _Ground:
    """What every candidate is judged on: some rows, where they are, how far apart, and which rows each draw has."""

    judged: NDArray[np.int64]
    points: NDArray[np.float64]
    distances: NDArray[np.float64]
    draws: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, X: NDArray[np.float64], seed: int) -> _Ground:
        rng = np.random.default_rng([abs(seed), 3])
        judged = rng.permutation(len(X))[:JUDGED_ROWS]
        draws = tuple(np.unique(rng.integers(0, len(X), len(X))) for _ in range(DRAWS))
        return cls(judged, X[judged], euclidean_distances(X[judged]), draws)


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


def _judge(bench: Bench, candidate: Candidate, matrix: Matrix, budget: Budget, ground: _Ground) -> CandidateResult:
    start = budget.clock()
    notes = Notes()
    rows = len(matrix.train)
    empty = CandidateResult(candidate.name, candidate.family.name, dict(candidate.params))
    if candidate.family.most_rows is not None and rows > candidate.family.most_rows:
        note = f"its time grows too fast for {rows:,} rows (at most {candidate.family.most_rows:,})"
        return replace(empty, status="skipped", note=note)
    judged = matrix.train[ground.judged]
    errors: list[float] = []
    agreements: list[float] = []
    similar: list[dict[int, float]] = []
    try:
        whole = bench.fit(candidate, matrix, -1, notes)
        labels = np.asarray(bench.ask(whole, judged, notes).values)
        for draw, part in enumerate(ground.draws):
            if draw >= _FIRST and (np.mean(agreements) < HOPELESS or budget.left() <= 0):
                notes.add(f"judged by {draw} draws of {DRAWS}")
                break
            drawn = Matrix(matrix.train[part], matrix.valid, matrix.categorical, matrix.preparation, part)
            again = np.asarray(bench.ask(bench.fit(candidate, drawn, draw, notes), judged, notes).values)
            errors.append(1 - _separation(ground.distances, again))
            agreements.append(float(adjusted_rand_score(labels, again)))
            similar.append(found_again(labels, again))
    except Exception as error:  # noqa: BLE001 - an estimator, often a user's own, may raise anything
        note = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200] if str(error).strip() else ''}"
        return replace(empty, seconds=budget.clock() - start, status="failed", note=note)
    details = _details(ground, labels, agreements, similar)
    if details["clusters"] < 2 and candidate.family.name != "dummy":
        notes.add("it finds fewer than two groups")
    elif details["stability"] < STABLE:
        notes.add("not found again when the rows are drawn again")
    elif details["dissolved"]:
        notes.add(f"{details['dissolved']:.0f} of its groups are not found again when the rows are drawn again")
    return replace(
        empty,
        scores=tuple(errors),
        mean=float(np.mean(errors)),
        sd=float(np.std(errors, ddof=1)),
        seconds=budget.clock() - start,
        note=str(notes),
        details=details,
    )


def _details(
    ground: _Ground,
    labels: NDArray[np.generic],
    agreements: Sequence[float],
    similar: Sequence[dict[int, float]],
) -> dict[str, float]:
    placed = labels != NOISE
    groups = len(np.unique(labels[placed]))
    jaccard = {group: float(np.mean([each[group] for each in similar])) for group in similar[0]}
    made = {
        "silhouette": _separation(ground.distances, labels),
        "stability": float(np.mean(agreements)),
        "clusters": float(groups),
        "noise_share": float(np.mean(~placed)),
        "dissolved": float(sum(value < DISSOLVED for value in jaccard.values())),
        **{f"jaccard.{group}": value for group, value in jaccard.items()},
    }
    if 2 <= groups < placed.sum():
        made["davies_bouldin"] = float(davies_bouldin_score(ground.points[placed], labels[placed]))
        made["calinski_harabasz"] = float(calinski_harabasz_score(ground.points[placed], labels[placed]))
    return made


def _order(result: CandidateResult) -> tuple[bool, bool, bool, float]:
    """Complete, found again and not one group only, then the lowest error; the baseline where its error puts it."""
    details = result.details
    stable = (
        details.get("stability", 0.0) >= STABLE and details.get("clusters", 0) >= 2 and not details.get("dissolved")
    )
    return (result.mean is None, not stable, result.family == "dummy", result.mean if result.mean is not None else 0.0)
