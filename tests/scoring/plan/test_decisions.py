from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from noria.scoring.plan.decisions import LINKS, linked, linked_bound, sigmoid, sigmoids, softmax

FINITE = st.floats(-1e4, 1e4)
ROWS = st.integers(1, 6)


def test_a_sigmoid_has_the_bits_of_expit() -> None:
    rng = np.random.default_rng(1)
    z = np.concatenate([rng.uniform(-760, 760, 20_000), rng.normal(size=20_000), [0.0, -0.0, 1e308, -1e308, 5e-324]])
    assert sigmoid(z).tobytes() == special.expit(z).tobytes()


def test_a_sigmoid_of_infinity_is_certain_and_of_nan_unknown() -> None:
    assert sigmoid(np.array([np.inf, -np.inf])).tolist() == [1.0, 0.0]
    assert np.isnan(sigmoid(np.array([np.nan]))).all()


@given(arrays(np.float64, st.integers(1, 5), elements=FINITE))
def test_one_row_takes_another_way_to_the_same_two_probabilities(z: np.ndarray) -> None:
    made = sigmoids(z)
    assert made.tobytes() == np.column_stack([1 - sigmoid(z), sigmoid(z)]).tobytes()
    assert np.concatenate([sigmoids(z[n : n + 1]) for n in range(len(z))]).tobytes() == made.tobytes()


@given(arrays(np.float64, st.tuples(ROWS, st.integers(2, 12)), elements=FINITE))
def test_a_softmax_is_scipys(z: np.ndarray) -> None:
    np.testing.assert_allclose(softmax(z), special.softmax(z, axis=1), rtol=1e-14, atol=1e-300)


@given(
    arrays(np.float64, st.tuples(ROWS, st.just(3)), elements=st.floats(-40, 40)),
    arrays(np.float64, (6, 3), elements=st.floats(-1, 1)),
    st.sampled_from([1e-15, 1e-9, 1e-3, 3.0]),
)
def test_no_move_within_the_doubt_leaves_the_bound(z: np.ndarray, moves: np.ndarray, doubt: float) -> None:
    for link in LINKS:
        width = 3 if link in ("softmax", "decision") else 1
        here, there = z[:, :width], z[:, :width] + doubt * moves[: len(z), :width]
        moved = np.abs(linked(here, link) - linked(there, link)).reshape(len(z), -1).max(axis=1)
        slack = 1e-14 * np.abs(z).max()  # of the addition that moved it
        assert (moved <= linked_bound(np.full((len(z), width), doubt), link) + slack).all()
