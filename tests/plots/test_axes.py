"""Ticks and their texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.plots.axes import finite, numeric_axis, share_axis, tick_texts, ticks, time_axis


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 9))
def test_ticks_are_inside_evenly_spaced_and_about_as_many_as_asked(low: float, span: float, count: int) -> None:
    high = low + span
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        return
    found = ticks(low, high, count)
    assert all(low - 1e-6 * span <= value <= high + 1e-6 * span for value in found)
    assert len(found) <= 2 * count + 2
    if span > 1e-4 * abs(low):
        steps = [b - a for a, b in pairwise(found)]
        assert all(step == pytest.approx(steps[0], rel=1e-3) for step in steps)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_an_axis_holds_its_values(values: list[float]) -> None:
    axis = numeric_axis(values)
    assert axis.low <= min(values)
    assert max(values) <= axis.high
    assert axis.low < axis.high


def test_texts_have_the_same_decimals() -> None:
    assert tick_texts([0.7, 0.75, 0.8]) == ["0.70", "0.75", "0.80"]
    assert tick_texts([0, 500, 1000]) == ["0", "500", "1,000"]
    assert tick_texts([0, 2_500_000]) == ["0", "2.5M"]
    assert tick_texts([0, 2e-5]) == ["0", "2e-05"]


def test_shares_start_at_zero_and_end_at_one() -> None:
    assert share_axis().ticks[-1] == (1.0, "100 %")
    small = share_axis([0.02, 0.07])
    assert small.low == 0
    assert small.high < 0.1


@pytest.mark.parametrize(
    "span",
    [timedelta(seconds=10), timedelta(hours=3), timedelta(days=1), timedelta(days=45), timedelta(days=400),
     timedelta(days=9000)],
)  # fmt: skip
def test_time_has_a_few_ticks_whatever_the_span(span: timedelta) -> None:
    start = datetime(2023, 12, 30, 22, 15, tzinfo=UTC)
    axis = time_axis([start, start + span])
    assert 2 <= len(axis.ticks) <= 9
    assert len({text for _, text in axis.ticks}) == len(axis.ticks)


def test_one_moment_has_an_axis() -> None:
    assert time_axis([datetime(2024, 1, 1, tzinfo=UTC)]).ticks


def test_only_finite_values_count() -> None:
    assert finite([1, None, float("nan"), float("inf")]) == [1.0]
