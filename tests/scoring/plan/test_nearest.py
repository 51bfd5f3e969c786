from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import cKDTree

from noria.scoring.plan.nearest import NOISE, Nearest

POINTS = np.random.default_rng(6).normal(size=(40, 2))
CLUSTERS = np.arange(40) % 3
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 10), st.just(2)),
    elements=st.one_of(st.floats(-3, 3), st.sampled_from([0.0, -0.0, 1e160, -1e300])),
)


EACH = np.array([0.1, 0.3, 1.0])[CLUSTERS]


@given(X=ROWS, reach=st.sampled_from([None, 0.0, 0.3, EACH]))
@settings(max_examples=80)
def test_a_row_has_its_answer_in_any_company(
    steady: Callable[..., np.ndarray], X: np.ndarray, reach: float | np.ndarray | None
) -> None:
    assert steady(Nearest(POINTS, CLUSTERS, reach), X).dtype == np.int64


@given(arrays(np.float64, st.tuples(st.integers(1, 10), st.just(2)), elements=st.floats(-3, 3)))
def test_where_nothing_is_in_doubt_it_is_the_neighbour_a_tree_finds(X: np.ndarray) -> None:
    distance, nearest = cKDTree(POINTS).query(X)
    for head, reach in ((Nearest(POINTS, CLUSTERS, 0.3), 0.3), (Nearest(POINTS, CLUSTERS, EACH), EACH[nearest])):
        sure = head.bound(X) == 0
        assert (head.answer(X) == np.where(distance <= reach, CLUSTERS[nearest], NOISE))[sure].all()


def test_half_way_and_at_the_end_of_reach_are_in_doubt() -> None:
    head = Nearest(np.array([[0.0], [2.0]]), np.array([0, 1]), 1.0)
    assert head.bound(np.array([[1.0], [3.0], [2.5], [9.0]])).tolist() == [2.0, 2.0, 0.0, 0.0]
    assert head.answer(np.array([[1.0], [3.0], [3.1]])).tolist() == [0, 1, NOISE]


def test_twins_of_one_cluster_are_in_no_doubt() -> None:
    assert Nearest(np.zeros((2, 1)), np.array([4, 4])).bound(np.array([[0.1]])).item() == 0


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = Nearest(POINTS, CLUSTERS, 0.3)
    refused(good, {"reach": -1.0})
    refused(good, {"reach": float("nan")})
    refused(good, {"reach": "far"})
    refused(good, points=POINTS[:3])
    refused(good, points=np.full_like(POINTS, np.inf))
    refused(good, points=np.empty((0, 2)), clusters=np.empty(0, dtype=np.int64))
    refused(good, clusters=CLUSTERS.astype(np.float64))
    refused(good, clusters=None)
    each = Nearest(POINTS, CLUSTERS, EACH)
    refused(each, reaches=-EACH)
    refused(each, reaches=EACH[:3])
    refused(each, reaches=np.full_like(EACH, np.nan))
