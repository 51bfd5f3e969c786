from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.scoring.plan.hashed import Hashed

numbers = st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=200)


@settings(max_examples=60, deadline=None)
@given(numbers, st.lists(st.integers(0, 2**64 - 1), max_size=20), st.sampled_from([0, 40, 60]))
def test_what_is_there_is_found_and_nothing_else(known: set[int], others: list[int], shift: int) -> None:
    hashes = np.array(sorted({one >> shift for one in known}), dtype=np.uint64)  # shifted, they share their first bits
    places = Hashed(hashes)
    assert places.of(hashes).tolist() == list(range(len(hashes)))
    wanted = np.array([*others, 0, 2**64 - 1], dtype=np.uint64)
    found = places.of(wanted)
    assert ((hashes[found] == wanted) == np.isin(wanted, hashes)).all()
    assert places.of(wanted[:, None]).shape == (len(wanted), 1)


@pytest.mark.parametrize("count", [1, 2, 5000])
def test_hashes_of_a_hash_take_few_steps(count: int) -> None:
    hashes = np.unique(np.random.default_rng(count).integers(0, 2**64, count, dtype=np.uint64))
    places = Hashed(hashes)
    assert places._steps < 8
    assert (places.of(hashes[::-1]) == np.arange(len(hashes))[::-1]).all()
