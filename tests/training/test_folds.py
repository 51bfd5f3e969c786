from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import WrongData
from noria.training.folds import folds, judged_share


@given(
    st.integers(4, 80),
    st.integers(2, 8),
    st.integers(0, 99),
    st.sampled_from(["classification", "regression", "groups"]),
)
def test_every_row_is_judged_once(n: int, k: int, seed: int, kind: str) -> None:
    y = np.arange(n) % 2 if kind != "regression" else np.linspace(0, 1, n)
    groups = np.arange(n) // 2 if kind == "groups" else None
    made = folds(y, n_rows=n, task="regression" if kind != "classification" else kind, k=k, seed=seed, groups=groups)
    judged = np.concatenate([valid for _, valid in made])
    assert sorted(judged) == list(range(n))
    for train, valid in made:
        assert set(train) | set(valid) == set(range(n))
        assert not set(train) & set(valid)
        if groups is not None:
            assert not set(groups[train]) & set(groups[valid])


def test_times_judge_the_future_by_the_past() -> None:
    times = np.datetime64("2026-01-01") + np.random.default_rng(0).permutation(50).astype("timedelta64[D]")
    for train, valid in folds(None, n_rows=50, task="regression", k=5, times=times):
        assert times[train].max() < times[valid].min()


def test_a_gap_parts_what_is_learned_from_what_is_judged() -> None:
    times = np.datetime64("2026-01-01") + np.random.default_rng(0).permutation(60).astype("timedelta64[D]")
    gap = timedelta(days=7)
    made = folds(None, n_rows=60, task="regression", k=5, times=times, gap=gap)
    assert [len(train) for train, _ in made] == [3, 13, 23, 33, 43]
    for train, valid in made:
        assert times[valid].min() - times[train].max() > np.timedelta64(gap)


def test_a_gap_longer_than_the_data_is_refused() -> None:
    times = np.datetime64("2026-01-01") + np.arange(20).astype("timedelta64[D]")
    with pytest.raises(WrongData, match="cannot be cut") as refused:
        folds(None, n_rows=20, task="regression", times=times, gap=timedelta(days=30))
    assert "a gap of 30 days" in refused.value.why
    assert "[split] gap" in refused.value.mend


@given(st.lists(st.integers(0, 5), min_size=3, max_size=40), st.integers(2, 6), st.booleans())
def test_moments_and_groups_do_not_straddle(days: list[int], k: int, grouped: bool) -> None:
    times = np.datetime64("2026-01-01") + np.array(days).astype("timedelta64[D]")
    groups = np.array([f"g{number % 3}" for number in range(len(days))], dtype=object) if grouped else None
    try:
        made = folds(None, n_rows=len(days), task="regression", k=k, times=times, groups=groups)
    except WrongData:  # one moment, or all of the earlier rows are of groups that are judged
        return
    for train, valid in made:
        assert times[train].max() < times[valid].min()
        if groups is not None:
            assert not set(groups[train]) & set(groups[valid])


def test_classes_keep_their_shares() -> None:
    y = np.array(["a"] * 90 + ["b"] * 10, dtype=object)
    for _, valid in folds(y, n_rows=100, task="classification", k=5, seed=1):
        assert (y[valid] == "b").sum() == 2


@pytest.mark.parametrize("every", [False, True])
def test_the_rarer_of_two_classes_makes_fewer_folds(every: bool) -> None:
    y = np.array(["a"] * 20 + ["b"] * 3, dtype=object)
    assert len(folds(y, n_rows=23, task="classification", k=5, every_class=every)) == 3


def test_where_classes_count_alike_the_rarest_makes_fewer_folds() -> None:
    y = np.array(["a"] * 20 + ["b"] * 20 + ["c"] * 2, dtype=object)
    made = folds(y, n_rows=42, task="classification", k=5)
    assert len(made) == 2
    assert all(set(y[valid]) == {"a", "b", "c"} for _, valid in made)


@pytest.mark.parametrize("grouped", [False, True])
def test_where_rows_count_alike_one_rare_class_does_not_take_the_others_their_folds(grouped: bool) -> None:
    y = np.array(["a"] * 20 + ["b"] * 20 + ["c"] * 2, dtype=object)
    groups = np.arange(42).astype(object) if grouped else None
    made = folds(y, n_rows=42, task="classification", k=5, groups=groups, every_class=False)
    assert len(made) == 5
    assert all("c" in y[train] for train, _ in made)
    assert sorted(np.concatenate([valid for _, valid in made]).tolist()) == list(range(42))
    few = np.array(["a"] * 20 + ["b"] * 3 + ["c"] * 2, dtype=object)
    assert len(folds(few, n_rows=25, task="classification", k=5, every_class=False)) == 3


@pytest.mark.parametrize(
    ("y", "groups", "says"),
    [
        (np.array(["a"] * 9 + ["b"], dtype=object), None, "'b' has one training row"),
        (np.array(["a"], dtype=object), None, "1 training row cannot"),
        (np.array(["a", "b"] * 5, dtype=object), np.array(["g"] * 10), "the same group"),
    ],
)
def test_too_little_is_refused(y: np.ndarray, groups: np.ndarray | None, says: str) -> None:
    with pytest.raises(WrongData, match=says):
        folds(y, n_rows=len(y), task="classification", k=5, groups=groups)


def test_fewer_rows_than_folds() -> None:
    assert len(folds(np.array([1.0, 2.0, 3.0]), n_rows=3, task="regression", k=5)) == 3
    times = np.arange(3).astype("datetime64[D]")
    assert len(folds(np.array([1.0, 2.0, 3.0]), n_rows=3, task="regression", k=5, times=times)) == 2


def test_rows_judged_over_rows_learned_from() -> None:
    plain = folds(None, n_rows=60, task="regression", k=5)
    assert judged_share(plain) == pytest.approx(1 / 4)
    times = np.datetime64("2026-01-01") + np.arange(60).astype("timedelta64[D]")
    forward = folds(None, n_rows=60, task="regression", k=5, times=times)
    # Ten rows each: judged after 10, 20, 30, 40 and 50 of them (Nadeau & Bengio, 2003: n2 / n1).
    assert judged_share(forward) == pytest.approx(np.mean([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]))
