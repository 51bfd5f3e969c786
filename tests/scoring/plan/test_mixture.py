from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import multivariate_normal

from noria.scoring.plan.mixture import Mixture

MEANS = np.array([[0.0, 0.0], [3.0, 1.0], [0.0, -4.0]])
SHAPES = np.array([[[1.0, 0.5], [0.5, 2.0]], [[0.3, 0.0], [0.0, 0.3]], [[4.0, -1.0], [-1.0, 1.0]]])
SHARES = np.array([0.5, 0.2, 0.3])
ROOTS = np.array([np.linalg.cholesky(np.linalg.inv(shape)) for shape in SHAPES])
SIZES = np.array([np.log(np.diag(root)).sum() for root in ROOTS]) + np.log(SHARES)
HEAD = Mixture(MEANS, np.ascontiguousarray(ROOTS.transpose(0, 2, 1)), SIZES)
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 10), st.just(2)),
    elements=st.one_of(st.floats(-6, 6), st.sampled_from([0.0, -0.0, 1e160, -1e300])),
)


@given(ROWS)
@settings(max_examples=80)
def test_a_row_has_its_answer_in_any_company(steady: Callable[..., np.ndarray], X: np.ndarray) -> None:
    assert steady(HEAD, X).dtype == np.int64


def test_it_is_the_group_of_the_greatest_density() -> None:
    X = np.random.default_rng(1).normal(0, 3, (500, 2))
    densities = [
        share * multivariate_normal(mean, shape).pdf(X)
        for share, mean, shape in zip(SHARES, MEANS, SHAPES, strict=True)
    ]
    assert (HEAD.answer(X) == np.argmax(densities, axis=0)).all()
    assert not HEAD.bound(X).any()


def test_where_two_groups_are_as_likely_it_is_in_doubt() -> None:
    head = Mixture(np.array([[0.0], [2.0]]), np.ones((2, 1, 1)), np.zeros(2))
    assert head.bound(np.array([[1.0], [1.1], [1e200]])).tolist() == [1.0, 0.0, 1.0]


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    refused(HEAD, means=MEANS[:2])
    refused(HEAD, means=np.empty((0, 2)))
    refused(HEAD, roots=ROOTS[:, :1])
    refused(HEAD, roots=np.full_like(ROOTS, np.nan))
    refused(HEAD, sizes=SIZES[:1])
    refused(HEAD, sizes=None)
