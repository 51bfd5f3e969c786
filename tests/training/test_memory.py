"""What training takes is told; a sample is fair, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.training.memory import needed_bytes, sample


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 5), st.integers(1, 6))
def test_each_class_keeps_its_share(rows: int, most: int, seed: int, kinds: int) -> None:
    classes = np.random.default_rng(seed).integers(0, kinds, rows) ** 2
    chosen = sample(rows, most, seed=seed, classes=classes)
    assert (np.diff(chosen) > 0).all()
    assert (chosen == sample(rows, most, seed=seed, classes=classes)).all()
    if rows <= most:
        assert len(chosen) == rows
        return
    values, counts = np.unique(classes, return_counts=True)
    assert len(chosen) == max(most, len(values))
    taken_of = [int((classes[chosen] == value).sum()) for value in values]
    lifted = taken_of.count(1)  # what a rare class gets more than its share, the others give
    for value, count in zip(values, counts, strict=True):
        taken = int((classes[chosen] == value).sum())
        assert taken >= 1
        assert abs(taken - count * most / rows) <= 1 + lifted or taken == 1
        assert taken <= count


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 5))
def test_groups_stay_whole(rows: int, most: int, seed: int) -> None:
    groups = np.random.default_rng(seed).integers(0, 30, rows)
    chosen = sample(rows, most, seed=seed, groups=groups)
    assert len(chosen) <= max(most, 0) or rows <= most
    for group in np.unique(groups[chosen]):
        assert (groups[chosen] == group).sum() == (groups == group).sum()


def test_without_classes_every_row_is_as_likely() -> None:
    counts = np.zeros(20)
    for seed in range(600):
        counts[sample(20, 5, seed=seed)] += 1
    # 600 draws of probability 1/4: 150, standard deviation 10.6.
    assert np.abs(counts - 150).max() < 5 * 10.6


def test_more_rows_need_more() -> None:
    assert needed_bytes(2, 3, 10) == 2 * 3 * 8 * 6 + 30
    with pytest.raises(TypeError):
        needed_bytes(1, 2)  # type: ignore[call-arg]
