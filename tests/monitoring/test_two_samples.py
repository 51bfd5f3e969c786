"""The tests under the verdict, against scipy and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noria.monitoring.two_samples import calibrated, excess, outside, sampling

COUNTS = st.lists(st.integers(1, 60), min_size=3, max_size=12)


@given(COUNTS, st.data())
def test_any_change_is_the_chi_square_of_the_table(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(1, 60), min_size=len(first), max_size=len(first)))
    found = sampling(np.array(first), np.array(second), ordered=False)
    wanted = stats.chi2_contingency(np.array([first, second]), correction=False).pvalue
    assert found.p == pytest.approx(wanted, rel=1e-9, abs=1e-300)


@given(COUNTS, st.data())
def test_the_location_part_is_the_rank_sum_with_ties(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(1, 60), min_size=len(first), max_size=len(first)))
    groups = np.arange(len(first))
    x, y = np.repeat(groups, first), np.repeat(groups, second)
    test = stats.mannwhitneyu(y, x, use_continuity=False, method="asymptotic")
    z = sampling(np.array(first), np.array(second), ordered=True).location
    assert 2 * stats.norm.sf(abs(z)) == pytest.approx(test.pvalue, rel=1e-6, abs=1e-12)
    assert z > 0 or test.statistic <= len(x) * len(y) / 2 + 1e-9


@pytest.mark.parametrize("test", ["location", "scale"])
def test_components_are_standard_normal_without_a_shift(test: str) -> None:
    rng = np.random.default_rng(1)
    p = np.full(20, 0.05)
    z = [getattr(sampling(rng.multinomial(3000, p), rng.multinomial(400, p), ordered=True), test) for _ in range(2000)]
    assert stats.kstest(z, "norm").pvalue > 0.001


def test_p_values_are_never_too_small_without_a_shift() -> None:
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(12) * 5)
    found = np.array([sampling(rng.multinomial(3000, p), rng.multinomial(500, p), ordered=True).p for _ in range(3000)])
    for level in (0.2, 0.05, 0.01):
        assert (found <= level).mean() <= level + 3 * np.sqrt(level / 3000)


@pytest.mark.parametrize(("before", "rows", "now", "now_rows"), [(0, 4000, 3, 400), (12, 900, 9, 300), (1, 50, 5, 60)])
def test_excess_is_the_conditional_binomial(before: int, rows: int, now: int, now_rows: int) -> None:
    wanted = stats.binomtest(now, now + before, now_rows / (now_rows + rows), alternative="greater").pvalue
    assert excess(before, rows, now, now_rows) == pytest.approx(wanted, rel=1e-9)


def test_outside_matches_simulation() -> None:
    rng = np.random.default_rng(3)
    beyond = []
    for _ in range(4000):
        x, y = rng.random(300), rng.random(100)
        beyond.append(((y < x.min()) | (y > x.max())).sum())
    for k in (1, 2, 4):
        assert outside(k, 100, 300) == pytest.approx((np.array(beyond) >= k).mean(), abs=0.03)


def _windows(rng: np.random.Generator, k: int, n: int, wobble: float, shift: float = 0.0) -> list[np.ndarray]:
    edges = stats.norm.ppf(np.linspace(0, 1, 21)[1:-1])
    return [
        np.bincount(np.searchsorted(edges, rng.normal(shift + wobble * rng.normal(), 1, n)), minlength=20)
        for _ in range(k)
    ]


def test_a_stream_that_wobbles_is_not_condemned_for_its_size() -> None:
    rng = np.random.default_rng(4)
    plain, learned = [], []
    reference = _windows(rng, 1, 100_000, 0)[0]
    for _ in range(40):
        past = _windows(rng, 30, 10_000, 0.05)
        (now,) = _windows(rng, 1, 10_000, 0.05)
        plain.append(sampling(reference, now, ordered=True).p)
        learned.append(calibrated(past, now, ordered=True).p)
    assert (np.array(plain) < 0.01).mean() > 0.3
    assert (np.array(learned) < 0.01).mean() <= 0.1


def test_a_shift_beyond_the_wobble_is_found() -> None:
    rng = np.random.default_rng(5)
    past = _windows(rng, 30, 2000, 0.03)
    (now,) = _windows(rng, 1, 2000, 0.03, shift=0.3)
    assert calibrated(past, now, ordered=True).p < 1e-4


def test_windows_of_unequal_size_keep_their_level() -> None:
    rng = np.random.default_rng(6)
    found = []
    for _ in range(150):
        past = [_windows(rng, 1, int(n), 0.0)[0] for n in rng.integers(200, 3000, 30)]
        (now,) = _windows(rng, 1, int(rng.integers(200, 3000)), 0.0)
        found.append(calibrated(past, now, ordered=True).p)
    assert (np.array(found) < 0.05).mean() <= 0.1


def test_categories_are_calibrated_too() -> None:
    rng = np.random.default_rng(7)
    p = np.array([0.5, 0.3, 0.15, 0.05])
    past = [rng.multinomial(1000, p) for _ in range(30)]
    assert calibrated(past, rng.multinomial(1000, p), ordered=False).p > 0.001
    assert calibrated(past, rng.multinomial(1000, [0.4, 0.4, 0.15, 0.05]), ordered=False).p < 1e-4
