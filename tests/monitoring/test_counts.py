"""Profiles and counts: exact bins, NaN apart, merging by addition, JSON there and back."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from streams import COLUMNS, answers, people, reference

from noria.errors import EmptyWindow
from noria.monitoring.counts import count, counts_from_json
from noria.monitoring.distance import (
    kolmogorov_smirnov,
    population_stability_index,
    shares,
    total_variation,
    wasserstein,
)
from noria.monitoring.drift import judge
from noria.monitoring.profile import learn
from noria.monitoring.reference import learn_reference, reference_from_json

NUMBERS = st.lists(
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(float("nan")), st.just(float("inf"))), max_size=60
)


SKETCH = learn("a", pa.array(np.random.default_rng(0).normal(0, 1e5, 900)), "float")


@given(NUMBERS, st.integers(0, 60))
def test_merging_windows_is_adding_them(values: list[float | None], at: int) -> None:
    profile = SKETCH
    column = pa.array(values, pa.float64())
    whole = count(profile, column)
    merged = count(profile, column.slice(0, at)) + count(profile, column.slice(at))
    assert merged.counts.tolist() == whole.counts.tolist()
    assert (merged.total, merged.squares) == pytest.approx((whole.total, whole.squares), rel=1e-9, abs=1e-6)
    for name in ("rows", "missing", "invalid", "below", "above", "low", "high"):
        assert getattr(merged, name) == getattr(whole, name)
    assert whole.known + whole.missing + whole.invalid == whole.rows


@given(st.lists(st.sampled_from(["a", "b", "new", None]), max_size=40), st.integers(0, 40))
def test_merging_categories_is_adding_them(values: list[str | None], at: int) -> None:
    profile = learn("c", pa.array(["a"] * 5 + ["b"] * 3), "category")
    column = pa.array(values, pa.string())
    assert (count(profile, column.slice(0, at)) + count(profile, column.slice(at))).to_json() == count(
        profile, column
    ).to_json()


def test_bins_of_a_profile_are_the_references_own_counts() -> None:
    values = pa.array(np.concatenate([np.zeros(700), np.random.default_rng(1).exponential(size=5000)]))
    profile = learn("a", values, "float")
    assert count(profile, values).counts.tolist() == profile.counts.tolist()
    # Zero holds 12 % of the rows and stands in a bin of its own.
    assert profile.counts[0] == 700
    assert profile.means[0] == 0


def test_nan_is_missing_and_not_a_large_number() -> None:
    profile = learn("a", pa.array([1.0, 2.0, None, float("nan")]), "float")
    assert (profile.known, profile.missing) == (2, 2)
    seen = count(profile, pa.array([float("nan"), 5.0, float("-inf"), None]))
    assert (seen.missing, seen.above, seen.invalid, seen.counts.sum()) == (3, 1, 0, 1)


def test_text_in_a_numeric_column_is_invalid_and_the_rest_is_counted() -> None:
    profile = learn("a", pa.array([1.0, 2.0, 3.0]), "float")
    seen = count(profile, pa.array(["2", "x", None]))
    assert (seen.known, seen.invalid, seen.missing) == (1, 1, 1)


@pytest.mark.parametrize(
    ("kept", "came"),
    [
        (pa.array([1, 2, 2]), pa.array([1.0, 2.0, 2.0])),
        (pa.array([True, False, False]), pa.array([True, False, False])),
        (pa.array(["x", "y", "y"]), pa.array(["x", "y", "y"]).dictionary_encode()),
    ],
)
def test_a_category_is_the_same_in_every_type(kept: pa.Array, came: pa.Array) -> None:
    profile = learn("c", kept, "category")
    seen = count(profile, came)
    assert seen.unseen == 0
    assert seen.counts.tolist() == profile.counts.tolist()


def test_a_personal_column_keeps_only_its_gaps() -> None:
    profile = learn("email", pa.array(["a@x", None]), "text", pii=True)
    assert "a@x" not in json.dumps(profile.to_json())
    assert count(profile, pa.array([None, None, "b"])).missing == 2


def test_a_reference_survives_json() -> None:
    known = reference(np.random.default_rng(2))
    plain = json.loads(json.dumps(known.to_json(), allow_nan=False))
    again = reference_from_json(plain)
    assert again.to_json() == known.to_json()
    window = known.count(answers(np.random.default_rng(3), 100))
    assert counts_from_json(json.loads(json.dumps(window.to_json()))).to_json() == window.to_json()
    assert again.count(answers(np.random.default_rng(3), 100)).to_json() == window.to_json()


def test_metrics_without_bounds_are_left_out() -> None:
    table = people(np.random.default_rng(4), 50)
    known = learn_reference(table, COLUMNS, metrics={"a": (0.5, 0.4, 0.6), "b": (0.5, float("nan"), 0.6)})
    assert list(known.metrics) == ["a"]


def test_distances_are_those_of_the_values() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(0, 1, 20_000), rng.normal(0.4, 1.3, 8_000)
    profile = learn("a", pa.array(x), "float")
    seen = count(profile, pa.array(y))
    assert kolmogorov_smirnov(profile.counts, seen.counts) == pytest.approx(stats.ks_2samp(x, y).statistic, abs=0.005)
    moved = wasserstein(profile.counts, seen.counts, profile.means, profile.sd)
    assert moved == pytest.approx(stats.wasserstein_distance(x, np.clip(y, x.min(), x.max())) / x.std(), abs=0.03)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(sum))
def test_nothing_is_far_from_itself(counts: list[int]) -> None:
    same = np.array(counts)
    for distance in (kolmogorov_smirnov, total_variation, population_stability_index):
        assert distance(same, same) == 0
    assert wasserstein(same, same, np.arange(len(same)), 1.0) == 0


def test_no_rows_have_no_shares() -> None:
    with pytest.raises(EmptyWindow):
        shares(np.zeros(3))


def test_infinite_values_that_the_reference_has_too_are_not_broken_input() -> None:
    rng = np.random.default_rng(1)

    def table(n: int, name: str) -> pa.Table:
        return pa.table({name: np.where(rng.random(n) < 0.05, np.inf, rng.normal(size=n))})

    known = learn_reference(table(3000, "ratio"), [("ratio", "float")])
    assert judge(known, known.count(table(1000, "x.ratio"))).flagged == ()


def test_the_largest_numbers_are_summed_up_all_the_same() -> None:
    values = np.concatenate([np.full(600, 1e300), np.full(400, -1e300), np.arange(24.0)])
    made = learn("x", pa.chunked_array([values]), "float").to_json()
    json.dumps(made, allow_nan=False)
    assert made["sd"] == pytest.approx(1e300 * np.std(values / 1e300))
