"""Intervals of shares: published tables, other implementations, and coverage of shares of dependent rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import relative_risk

from noria.evaluation.shares import Bounds, between_shares, ratio_of_shares, share_interval, wilson


def share(hits: int, n: int) -> Bounds:
    return hits / n, *wilson(hits, n)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 500), st.integers(0, 500), st.sampled_from([0.8, 0.95, 0.99]))
def test_it_is_the_interval_of_wilson(n: int, hits: int, level: float) -> None:
    wanted = stats.binomtest(min(hits, n), n).proportion_ci(level, "wilson")
    assert wilson(min(hits, n), n, level) == pytest.approx(wanted, abs=1e-12)
    rows = np.arange(n) < min(hits, n)
    assert share_interval(rows, level=level) == wilson(min(hits, n), n, level)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_differences_are_those_of_newcombes_table(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10.
    assert between_shares(share(*first), share(*second)) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None, max_examples=60)
@given(st.integers(20, 300), st.integers(20, 300), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_a_ratio_solves_the_quadratic_it_is_made_of(n: int, m: int, one: float, other: float) -> None:
    first, second = share(round(n * one), n), share(round(m * other), m)
    # An end theta is where (p1 - theta p2)^2 is the sum of squared distances to the ends of each share's interval.
    low, high = ratio_of_shares(first, second)
    for theta, near, far in ((low, first[1], second[2]), (high, first[2], second[1])):
        apart = (first[0] - theta * second[0]) ** 2
        assert apart == pytest.approx((first[0] - near) ** 2 + theta**2 * (second[0] - far) ** 2, abs=1e-9)
    assert low <= first[0] / second[0] <= high


def test_of_many_rows_a_ratio_is_that_of_relative_risks() -> None:
    wanted = relative_risk(1200, 6000, 3000, 7000).confidence_interval()
    assert ratio_of_shares(share(1200, 6000), share(3000, 7000)) == pytest.approx(tuple(wanted), rel=0.002)


@pytest.mark.parametrize(("top", "bottom"), [((0, 40), (1, 40)), ((1, 200), (2, 200)), ((0, 30), (30, 30))])
def test_a_ratio_of_rare_shares_has_ends(top: tuple[int, int], bottom: tuple[int, int]) -> None:
    low, high = ratio_of_shares(share(*top), share(*bottom))
    assert 0 <= low <= top[0] / top[1] / (bottom[0] / bottom[1]) < high < math.inf


def test_rows_told_several_times_are_worth_one() -> None:
    inside = np.repeat(np.arange(40) < 12, 5)
    whose = np.repeat(np.arange(40), 5)
    worth = 39 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 39)) ** 2  # 40 rows, one degree of freedom less
    assert share_interval(inside, whose) == pytest.approx(wilson(0.3 * worth, worth))


@pytest.mark.parametrize(("all_alike", "wanted"), [(True, wilson(8, 8)), (False, wilson(0, 8))])
def test_rows_that_are_all_alike_count_as_their_clusters(all_alike: bool, wanted: tuple[float, float]) -> None:
    assert share_interval(np.full(80, all_alike), np.arange(80) // 10) == wanted


def test_one_cluster_tells_next_to_nothing() -> None:
    assert share_interval(np.arange(50) % 2 == 0, np.zeros(50)) == (0.0, 1.0)


@pytest.mark.parametrize("mean", [0.5, 0.9, 0.98])
def test_the_true_share_of_dependent_rows_is_inside_as_often_as_said(mean: float) -> None:
    rng, held, plain = np.random.default_rng(2), 0, 0
    whose = np.repeat(np.arange(25), 12)
    for _ in range(400):
        inside = rng.random(300) < rng.beta(3 * mean, 3 * (1 - mean), 25)[whose]
        low, high = share_interval(inside, whose)
        held += low <= mean <= high
        low, high = share_interval(inside)
        plain += low <= mean <= high
    assert held >= 362  # of 4,000 it were 93 to 97 %; of 400 fewer than 362 has then a chance of one in a hundred
    assert plain < 340  # taken for independent, they are told too surely
