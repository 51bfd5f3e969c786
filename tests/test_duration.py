"""Durations are read in one way everywhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.duration import checked_duration, parse_duration
from noria.errors import WrongSetting


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("60s", 60), ("2m", 120), ("1.5h", 5400), ("1d", 86400), ("2w", 1209600), ("0s", 0),
     ("1m 30s", 90), ("1m30s", 90), (" 7 d ", 604800)],
)  # fmt: skip
def test_what_is_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds
    assert checked_duration(text) == text


@pytest.mark.parametrize(
    "text", ["", "60", "s", "-3s", "3 days", "1m and 2s", "2M", "1e3s", "1..5h", "nan s", "inf", "٣s", "1,5h", "1s\n2"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(WrongSetting, match="is no duration"):
        parse_duration(text)
    with pytest.raises(ValueError, match="write a number and a unit"):
        checked_duration(text)


@pytest.mark.parametrize("text", ["5219w", "99999999999999999999w", "9" * 400 + "s"])
def test_what_is_too_long(text: str) -> None:
    with pytest.raises(WrongSetting, match="hundred years"):
        parse_duration(text)


@given(st.integers(0, 10**5), st.sampled_from(["s", "m", "h"]))
def test_parts_add_up(number: int, unit: str) -> None:
    one = parse_duration(f"{number}{unit}")
    assert parse_duration(f"{number}{unit} {number}{unit}") == 2 * one
    assert one >= timedelta(0)
