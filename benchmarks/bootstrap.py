"""A bootstrap interval of the AUC: noria against scipy.stats.bootstrap, on the same rows and the same resamples.

Run:  python benchmarks/bootstrap.py        (figures: benchmarks/bootstrap.txt)

CPU seconds of this process. Both resample whole rows 1,000 times and give the 95 % percentile interval; the same seed
draws the same rows in both, so the intervals must agree to the last digit, and this is asserted. scipy is given
scikit-learn's roc_auc_score first, then a rank formula written by hand, which is its fastest honest use.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

from noria.evaluation.judged import Prediction, judged
from noria.evaluation.metrics import get
from noria.evaluation.resampling import distribution, draw, interval

RESAMPLES = 1000


def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    hit = rng.random(n) < 0.3
    return hit, 1 / (1 + np.exp(-(hit + rng.normal(size=n) - 0.6)))


def ours(hit: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    said = Prediction(score > 0.5, np.column_stack([1 - score, score]), (False, True))
    rows = judged("classification", hit, said)
    low, high = interval(distribution({"": get("roc_auc").prepare(rows)}, draw(rows.n, RESAMPLES, seed=1))[""])
    assert low is not None
    assert high is not None
    return low, high


def by_ranks(hit: np.ndarray, score: np.ndarray) -> float:
    hit = hit.astype(bool)
    n = int(hit.sum())
    return float((stats.rankdata(score)[hit].sum() - n * (n + 1) / 2) / (n * (len(hit) - n)))


def scipys(
    statistic: Callable[[np.ndarray, np.ndarray], float], hit: np.ndarray, score: np.ndarray
) -> tuple[float, float]:
    found = stats.bootstrap(
        (hit, score), statistic, paired=True, vectorized=False, n_resamples=RESAMPLES, method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def cpu(
    work: Callable[..., tuple[float, float]], *given: object, repeats: int = 1
) -> tuple[float, tuple[float, float]]:
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        result = work(*given)
        spent.append(time.process_time() - start)
    return sorted(spent)[len(spent) // 2], result


def main() -> None:
    warnings.simplefilter("ignore")
    print("command: python benchmarks/bootstrap.py")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    print("   rows  noria s  scipy with sklearn s  ratio  scipy with ranks s  ratio  interval")
    for n in (200, 1_000, 10_000, 50_000):
        hit, score = sample(n)
        fast, one = cpu(ours, hit, score, repeats=3)
        slow, two = cpu(scipys, roc_auc_score, hit, score)
        ranks, three = cpu(scipys, by_ranks, hit, score)
        assert np.allclose(one, two, rtol=0, atol=1e-12)
        assert np.allclose(one, three, rtol=0, atol=1e-12)
        told = f"{one[0]:.4f} to {one[1]:.4f}"
        print(f"{n:>7,} {fast:>8.3f} {slow:>21.3f} {slow / fast:>6.1f} {ranks:>19.3f} {ranks / fast:>6.1f}  {told}")


if __name__ == "__main__":
    main()
