from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from noria.training.boosting import LightGBM
from noria.training.family import Fitting
from noria.training.inner import Bonds, inner_part
from noria.training.rounds import FEWEST_ROWS, Enough, choose_rounds


def test_the_inner_part_is_stratified_and_repeats() -> None:
    y = np.array([0] * 900 + [1] * 100)
    seen: list[np.ndarray] = []

    def train(learned: np.ndarray, inner: np.ndarray, enough: Enough) -> int:
        np.testing.assert_array_equal(learned, ~inner)
        seen.append(inner)
        return 100

    rounds = [choose_rounds(train, y, Fitting("classification", 1), learning_rate=0.1) for _ in range(2)]
    assert rounds == [111, 111]
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] & (y == 1)).sum() == 20
    assert seen[0].sum() == 200


def test_a_booster_stops_before_it_learns_noise_by_heart() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(FEWEST_ROWS * 3, 5))
    y = X[:, 0] + 3 * rng.normal(size=len(X))
    head = LightGBM({"learning_rate": 0.1}, Fitting("regression", 1)).fit(X, y)
    assert head.rounds < 200
    assert head.booster is not None
    assert head.booster.current_iteration() == head.rounds


def days(numbers: np.ndarray) -> np.ndarray:
    return np.datetime64("2026-01-01") + numbers.astype("timedelta64[D]")


def test_the_newest_rows_say_when_to_stop_and_the_gap_parts_them() -> None:
    moments = np.random.default_rng(0).permutation(500)
    learned, inner = inner_part(moments, Bonds.of(None, days(moments), timedelta(days=7)), seed=1, stratify=False)
    assert (inner.sum(), moments[inner].min(), moments[learned].max()) == (100, 400, 392)


@pytest.mark.parametrize("timed", [False, True])
def test_groups_are_learned_from_or_stopped_by(timed: bool) -> None:
    groups = np.random.default_rng(0).integers(0, 60, 600)
    y = np.random.default_rng(1).integers(0, 2, 600)
    bonds = Bonds.of(groups.astype(object), days(groups) if timed else None)
    learned, inner = inner_part(y, bonds, seed=1, stratify=True)
    assert not set(groups[learned]) & set(groups[inner])
    assert 0.15 < inner.mean() < 0.25
    assert learned.mean() > 0.7
    assert not timed or groups[learned].max() < groups[inner].min()


def test_groups_that_are_always_there_are_kept_whole_though_times_are_not() -> None:
    groups = np.tile(np.arange(20), 30)  # each day has rows of all: nothing earlier is of others than the newest
    bonds = Bonds.of(groups.astype(object), days(np.repeat(np.arange(30), 20)))
    learned, inner = inner_part(np.zeros(600), bonds, seed=1, stratify=False)
    assert inner.sum() == 120
    assert not set(groups[learned]) & set(groups[inner])


def test_a_rare_class_is_on_both_sides_where_it_can_be() -> None:
    y = np.zeros(1000, dtype=np.int64)
    y[::50] = 1
    for seed in range(20):
        learned, inner = inner_part(y, Bonds.of(np.arange(1000) // 5), seed=seed, stratify=True)
        assert (y[inner].sum(), y[learned].sum()) == (4, 16)
    late = np.where(np.arange(1000) > 900, 1, 0)  # of a class that came last, the earlier rows teach nothing
    learned, inner = inner_part(late, Bonds.of(None, days(np.arange(1000))), seed=1, stratify=True)
    assert 0 < late[learned].sum() < late.sum()


def test_two_groups_cannot_be_divided_and_the_rounds_are_fixed() -> None:
    fitting = Fitting("regression", 1, bonds=Bonds.of(np.arange(600) % 2))
    assert choose_rounds(lambda learned, inner, enough: 1 / 0, np.zeros(600), fitting, learning_rate=0.1) == 50


@pytest.mark.parametrize("bond", ["groups", "times"])
def test_neighbours_do_not_tell_a_booster_to_learn_them_by_heart(bond: str) -> None:
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(200), 10)
    X = rng.normal(size=(200, 4))[of] + 0.01 * rng.normal(size=(2000, 4))
    if bond == "times":
        X[:, 1] = np.arange(2000)  # what is true today is not true in a week, and the clock is a feature
    y = 0.5 * X[:, 0] + rng.normal(size=200)[of]
    bonds = Bonds.of(of) if bond == "groups" else Bonds.of(None, days(of))
    bound, free = (
        LightGBM({"learning_rate": 0.1}, Fitting("regression", 1, bonds=each)).fit(X, y).rounds
        for each in (bonds, Bonds())
    )
    assert bound < 60
    assert free > 5 * bound
