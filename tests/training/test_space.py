from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import WrongSetting
from noria.training.space import Choice, Uniform, read_space, sample


@given(st.integers(0, 2**20), st.integers(1, 50), st.integers(1, 50), st.booleans(), st.booleans())
def test_draws_stay_inside(seed: int, low: int, more: int, log: bool, integer: bool) -> None:
    value = Uniform(low, low + more, log=log, integer=integer).draw(np.random.default_rng(seed))
    assert low <= value <= low + more
    assert isinstance(value, int) == integer


def test_both_ends_of_whole_numbers_are_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {Uniform(1, 3, integer=True).draw(rng) for _ in range(60)} == {1, 2, 3}


def test_draws_repeat() -> None:
    space = {"C": Uniform(0.1, 10, log=True), "kind": Choice(("a", "b"))}
    assert sample(space, np.random.default_rng(3)) == sample(space, np.random.default_rng(3))


def test_whole_bounds_mean_whole_numbers() -> None:
    made = read_space({"k": {"low": 1, "high": 9}, "c": {"low": 1.0, "high": 9.0}}, "mine")
    assert made["k"] == Uniform(1, 9, integer=True)
    assert made["c"] == Uniform(1.0, 9.0)


@pytest.mark.parametrize(
    "written",
    [
        3,
        "abc",
        [],
        {"low": 1},
        {"low": 0, "high": 1, "log": True},
        {"from": 1, "to": 2},
        {"low": 1.0, "high": float("inf")},
        {"low": 0.5, "high": 3, "integer": True},
    ],
)
def test_what_is_no_dimension_is_refused(written: object) -> None:
    with pytest.raises(WrongSetting):
        read_space({"C": written}, "mine")
