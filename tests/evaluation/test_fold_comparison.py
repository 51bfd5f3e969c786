"""Comparisons over folds and many at once: against other implementations, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from noria.errors import WrongData
from noria.evaluation.account import account
from noria.evaluation.comparison import compare, paired
from noria.evaluation.delong import delong
from noria.evaluation.fold_comparison import against_winner, compare_folds
from noria.evaluation.judged import Prediction, judged
from noria.evaluation.metrics import get
from noria.evaluation.paired_tests import holm, mcnemar

A = np.array([0.82, 0.79, 0.85, 0.80, 0.83])
B = np.array([0.80, 0.78, 0.84, 0.80, 0.80])


def test_the_posterior_is_that_of_the_correlated_bayesian_t_test() -> None:
    # baycomp 1.0.3: CorrelatedTTest.probs(A, B, rope=0.01, runs=1)
    found = compare_folds(A - B, margin=0.01)
    wanted = (0.6856889442050865, 0.29685120245764407, 0.017459853337269404)
    assert (found.better, found.equivalent, found.worse) == pytest.approx(wanted, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=30).filter(lambda values: np.std(values) > 1e-3))
def test_without_shared_rows_it_is_the_t_test(values: list[float]) -> None:
    plain = stats.ttest_1samp(values, 0.0)
    found = compare_folds(values, test_share=0.0)
    assert found.t == pytest.approx(plain.statistic)
    assert found.p == pytest.approx(plain.pvalue)
    low, high = plain.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    corrected = compare_folds(values)
    assert abs(corrected.t) < abs(found.t) or found.t == 0
    assert corrected.better + corrected.equivalent + corrected.worse == pytest.approx(1.0)


def test_one_fold_says_nothing_and_equal_folds_say_all() -> None:
    with pytest.raises(WrongData, match="1 fold"):
        compare_folds([0.1])
    assert compare_folds([0.0, 0.0, 0.0]).verdict == "equivalent"
    assert compare_folds([0.1, 0.1, 0.1]).verdict == "better"


def _cross_validated(rng: np.random.Generator, n: int = 100, folds: int = 10, repeats: int = 5) -> np.ndarray:
    """Two equally good learners, nearest means on one noisy feature each: differences of accuracy, one a fold."""
    y = rng.random(n) < 0.5
    X = rng.normal(size=(n, 2)) + 0.5 * y[:, None]
    made = []
    for _ in range(repeats):
        for valid in np.array_split(rng.permutation(n), folds):
            kept = np.ones(n, bool)
            kept[valid] = False
            middle = (X[kept & y].mean(axis=0) + X[kept & ~y].mean(axis=0)) / 2
            right = ((X[valid] > middle) == y[valid][:, None]).mean(axis=0)
            made.append(right[0] - right[1])
    return np.array(made)


def test_equally_good_learners_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(3)
    trials = 150
    naive = corrected = 0
    for _ in range(trials):
        d = _cross_validated(rng)
        found = compare_folds(d, test_share=1 / 9)
        corrected += found.verdict == "better"
        naive += bool(stats.ttest_1samp(d, 0.0).pvalue < 0.05)
    assert corrected / trials <= 0.05
    assert naive / trials > 0.3  # why the correction is there


def test_a_challenger_as_good_as_the_champion_is_rarely_called_better() -> None:
    metric = get("roc_auc")
    trials, better, worse = 200, 0, 0
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        hit = rng.random(300) < 0.35
        both = 1.2 * hit + rng.normal(size=300)
        one, other = (1 / (1 + np.exp(-(both + 0.7 * rng.normal(size=300)))) for _ in range(2))
        rows = [
            judged(
                "classification", hit.astype(int),
                Prediction((p > 0.5).astype(int), np.column_stack([1 - p, p]), (0, 1)), positive=1,
            )
            for p in (one, other)
        ]  # fmt: skip
        found = compare(metric, *rows, resamples=250, seed=seed)
        better += found.verdict == "better"
        worse += found.verdict == "worse"
    assert better / trials <= 0.05
    assert worse / trials <= 0.05


def test_so_many_rows_find_the_detectable_difference_four_times_of_five() -> None:
    found, n = 0, 250
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(100, n))
    size = 2.80 * 1.0 / np.sqrt(n)  # a shift that 250 rows with a standard deviation of one should show in 80 %
    for errors in noise:
        champion, challenger = np.full(n, 10.0), np.full(n, 10.0) - size - errors
        one = paired("mae", np.zeros(n), Prediction(challenger), Prediction(champion), resamples=250)
        assert one.detectable == pytest.approx(size, rel=0.25)
        found += one.verdict == "better"
    assert 0.7 <= found / 100 <= 0.9


def test_mcnemar_and_holm_are_those_of_statsmodels() -> None:
    # statsmodels 0.15.0: mcnemar([[30, 12], [5, 40]], exact=True).pvalue
    truth = np.zeros(87, int)
    first = np.array([0] * 30 + [0] * 12 + [1] * 5 + [1] * 40)
    second = np.array([0] * 30 + [1] * 12 + [0] * 5 + [1] * 40)
    found = mcnemar(truth, first, second)
    assert (found.first, found.second) == (12, 5)
    assert found.p == pytest.approx(0.143463134765625)
    # multipletests([...], method="holm")[1]
    given_p = [0.01, 0.02, 0.03, 0.005, 0.5, 0.04]
    assert holm(given_p) == pytest.approx([0.05, 0.08, 0.09, 0.03, 0.5, 0.09])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_of_many_candidates_as_good_as_the_winner_hardly_any_is_called_worse() -> None:
    wolf = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        # Ten plain folds are correlated by about the share of rows they judge (Nadeau & Bengio, 2003).
        scores = 0.2 + 0.02 * (rng.normal(size=(12, 10)) + np.sqrt(1 / 9) * rng.normal(size=(12, 1)))
        table = [{"name": f"c{place}", "scores": each.tolist()} for place, each in enumerate(scores)]
        found = against_winner(table, "c0")
        wolf += any(said != "inconclusive" for said, _ in found.values())
    assert wolf <= 18  # 5 % of 200 are ten; more than 18 has a chance of one in a hundred


def test_the_other_tests_agree_with_the_bootstrap() -> None:
    rng = np.random.default_rng(9)
    hit = rng.random(600) < 0.4
    one = 1 / (1 + np.exp(-(1.5 * hit + rng.normal(size=600) - 0.7)))
    other = 1 / (1 + np.exp(-(0.9 * hit + rng.normal(size=600) - 0.5)))
    said = [Prediction((p > 0.5).astype(int), np.column_stack([1 - p, p]), (0, 1)) for p in (one, other)]
    found = paired("roc_auc", hit.astype(int), *said, positive=1)
    z, p = delong(hit, one, other).test()
    assert found.checks["delong"] == p
    assert found.p is not None
    assert found.difference is not None
    assert found.detectable is not None
    assert found.difference / (found.detectable / 2.80) == pytest.approx(z, rel=0.1)
    assert set(found.checks) == {"mcnemar", "delong"}
    assert paired("roc_auc", hit.astype(int), *said, positive=1, groups=np.arange(600) // 3).checks == {}


def test_candidates_beside_the_winner() -> None:
    table = [
        {"name": "best", "scores": [0.10, 0.11, 0.12, 0.10, 0.11]},
        {"name": "like it", "scores": [0.11, 0.11, 0.11, 0.11, 0.11]},
        {"name": "bad", "scores": [0.30, 0.32, 0.33, 0.29, 0.31]},
        {"name": "dropped", "scores": [0.4]},
        {"name": "failed"},
    ]
    found = against_winner(table, "best")
    assert {name: said for name, (said, _) in found.items()} == {"like it": "inconclusive", "bad": "worse"}
    assert against_winner(table, "nobody") == {}


def test_folds_that_all_agree_are_told_without_a_warning() -> None:
    found = compare_folds([4.75] * 5)
    assert (found.low, found.high, found.better) == (4.75, 4.75, 1.0)


def test_folds_forward_in_time_prove_less() -> None:
    # Five folds that judge after 1, 2, 3, 4 and 5 parts share more rows than the quarter of five plain folds says.
    forward = float(np.mean([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]))
    table = [
        {"name": "best", "scores": [0.10, 0.11, 0.12, 0.10, 0.11]},
        {"name": "other", "scores": [0.13, 0.14, 0.17, 0.12, 0.12]},
    ]
    d = np.array(table[1]["scores"]) - np.array(table[0]["scores"])
    t = d.mean() / np.sqrt((1 / 5 + forward) * d.var(ddof=1))
    said, p = against_winner(table, "best", test_share=forward)["other"]
    assert p == pytest.approx(2 * stats.t.sf(t, 4))
    assert said == "inconclusive"
    assert against_winner(table, "best")["other"][0] == "worse"


@pytest.mark.parametrize("apart", [0.5, -0.5, 1e300])
def test_folds_that_are_all_alike_overflow_nothing(apart: float) -> None:
    found = compare_folds([apart] * 4, margin=0.01)
    assert (found.better, found.equivalent, found.worse) == (float(apart > 0), 0.0, float(apart < 0))
    inside = compare_folds([0.25] * 4, margin=0.25)
    assert (inside.better, inside.equivalent, inside.worse) == (0.0, 1.0, 0.0)
    almost = compare_folds([0.5, 0.5, 0.5 + 1e-16, np.nextafter(0.5, 1)])
    assert almost.better == 1.0


@pytest.mark.parametrize(("recorded", "folds", "share"), [(0.4, 10, 0.4), (None, 10, 1 / 9), (None, None, 1 / 4)])
def test_the_account_leads_by_the_recorded_share(recorded: float | None, folds: int | None, share: float) -> None:
    scores = {"best": [0.10, 0.11, 0.12, 0.10, 0.11], "other": [0.13, 0.14, 0.17, 0.12, 0.12]}
    table = [
        {"name": name, "family": name, "params": {}, "scores": own, "mean": float(np.mean(own)), "status": "complete"}
        for name, own in scores.items()
    ]
    selection = {"winner": table[0], "table": table} | ({} if recorded is None else {"test_share": recorded})
    lead = account({"metric": "rmse", "selection": selection, "folds": folds}).lead
    assert lead is not None
    assert lead.p == compare_folds(np.array(scores["other"]) - np.array(scores["best"]), test_share=share).p
