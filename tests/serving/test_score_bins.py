"""Bins of scores against plain numbers, numpy and scipy."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noria.monitoring.distance import population_stability_index
from noria.serving.score_bins import chance, merged, score_bin, stability

COUNTS = st.dictionaries(st.integers(-50, 50), st.integers(1, 500), min_size=1, max_size=40)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_bins_are_in_the_order_of_the_scores(a: float, b: float) -> None:
    small, large = sorted((a, b))
    assert score_bin(small) <= score_bin(large)


@given(st.floats(1e-6, 1e6))
def test_a_bin_is_about_two_per_cent_wide(score: float) -> None:
    assert score_bin(score * 1.04) > score_bin(score)
    assert score_bin(score * 1.0001) - score_bin(score) in (0, 1)


def test_what_is_no_number_has_the_bin_of_zero() -> None:
    assert score_bin(float("nan")) == score_bin(0.0) == 0


@given(COUNTS, COUNTS)
def test_merging_loses_nobody_and_the_index_is_that_of_the_monitor(a: dict[int, int], b: dict[int, int]) -> None:
    before, after = merged(a, b)
    assert (sum(before), sum(after)) == (sum(a.values()), sum(b.values()))
    assert 1 <= len(before) == len(after) <= 10
    assert all(before)
    found = stability(a, b)
    assert found is not None
    assert found[0] == pytest.approx(population_stability_index(np.array(before), np.array(after)), abs=1e-12)


def test_classes_are_about_tenths_of_the_reference() -> None:
    scores = np.random.default_rng(1).beta(2, 5, 20_000)
    counts = Counter(map(score_bin, scores))
    before, _ = merged(counts, counts)
    assert len(before) == 10
    assert max(before) - min(before) < 0.03 * len(scores)


@pytest.mark.parametrize(("classes", "n", "m"), [(10, 200, 4000), (5, 100, 100), (2, 1000, 50)])
def test_chance_is_the_quantile_of_chi_squared(classes: int, n: int, m: int) -> None:
    exact = stats.chi2.ppf(0.999, classes - 1) * (1 / n + 1 / m)
    assert chance(classes, n, m) == pytest.approx(exact, rel=0.04)


def test_equal_scores_stay_below_chance_nearly_always() -> None:
    rng = np.random.default_rng(2)
    above = 0
    for _ in range(300):
        a, b = (Counter(map(score_bin, rng.beta(2, 5, n))) for n in (2000, 300))
        found = stability(a, b)
        assert found is not None
        above += found[0] > chance(found[1], 2000, 300)
    assert above <= 3


def test_nothing_to_compare_gives_nothing() -> None:
    assert stability({}, {1: 3}) is None
    assert stability({1: 3}, {}) is None
    assert chance(1, 10, 10) == 0.0
