from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from noria.scoring.plan.product import EPS, apart, growth, product, product_bound

CELLS = st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 1e-310, 1e150, -1e150, 1.0]))


@st.composite
def factors(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, terms, outputs = draw(st.integers(1, 9)), draw(st.integers(1, 40)), draw(st.integers(1, 5))
    X = draw(arrays(np.float64, (rows, terms), elements=CELLS))
    weights = draw(arrays(np.float64, (outputs, terms), elements=CELLS))
    return X, weights, draw(arrays(np.float64, outputs, elements=CELLS))


@given(factors())
@settings(max_examples=150)
def test_a_product_is_as_near_the_exact_sum_as_the_bound_says(given: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    X, weights, intercept = given
    made, bound = product(X, weights) + intercept, product_bound(X, weights, intercept)
    for row in range(len(X)):
        for output in range(len(weights)):
            terms = (X[row] * weights[output]).tolist()
            exact = math.fsum([*terms, float(intercept[output])])
            assert abs(made[row, output] - exact) <= bound[row, output]


@given(seed=st.integers(0, 2**32 - 1), terms=st.integers(1, 300), outputs=st.integers(1, 40), rows=st.integers(1, 33))
@settings(max_examples=60)
def test_no_row_changes_the_bits_of_another(seed: int, terms: int, outputs: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(rows, terms)) * 10 ** rng.uniform(-5, 5, terms), rng.normal(size=(outputs, terms))
    made = product(X, weights)
    for row in range(rows):
        assert product(X[row : row + 1], weights).tobytes() == made[row : row + 1].tobytes()
        assert product(X[: row + 1], weights).tobytes() == made[: row + 1].tobytes()


@given(seed=st.integers(0, 2**32 - 1), features=st.integers(1, 20), points=st.integers(1, 60), rows=st.integers(1, 20))
@settings(max_examples=60)
def test_distances_are_those_of_scipy_whatever_rows_come_together(
    seed: int, features: int, points: int, rows: int
) -> None:
    rng = np.random.default_rng(seed)
    X, P = rng.normal(size=(rows, features)), rng.normal(size=(points, features))
    made = apart(X, P)
    np.testing.assert_allclose(made, cdist(X, P, "sqeuclidean"), rtol=growth(features) * 4 * EPS)
    assert np.concatenate([apart(X[n : n + 1], P) for n in range(rows)]).tobytes() == made.tobytes()


def test_near_points_far_from_the_origin_keep_their_distance() -> None:
    assert apart(np.array([[1e8 + 1.0]]), np.array([[1e8]])).item() == 1.0


def test_more_rows_than_fit_at_once_are_answered_in_parts() -> None:
    rng = np.random.default_rng(5)
    X, P = rng.normal(size=(700, 30)), rng.normal(size=(90, 30))
    np.testing.assert_allclose(apart(X, P), cdist(X, P, "sqeuclidean"), rtol=1e-14)


def test_one_weight_is_not_spread_over_many_features() -> None:
    for ask in (product, apart):
        with pytest.raises(ValueError, match="3 features, the head knows 1"):
            ask(np.ones((2, 3)), np.ones((1, 1)))


def test_an_overflow_is_bounded_by_nothing() -> None:
    bound = product_bound(np.array([[1e308, 1e308]]), np.array([[10.0, -10.0]]), np.zeros(1))
    assert np.isinf(bound).all()
