from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noria.scoring.plan.linear import Linear

ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.just(7)),
    elements=st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1e300, -1e300, 5e-324])),
)
WEIGHTS = np.random.default_rng(2).normal(size=(4, 7))


def head(link: str, outputs: int) -> Linear:
    return Linear(WEIGHTS[:outputs].copy(), np.arange(outputs) - 0.5, link)  # type: ignore[arg-type]


@pytest.mark.parametrize(("link", "outputs"), [("value", 1), ("sigmoid", 1), ("softmax", 4), ("decision", 4)])
@given(X=ROWS)
@settings(max_examples=40)
def test_a_row_has_its_answer_in_any_company(
    link: str, outputs: int, steady: Callable[..., np.ndarray], X: np.ndarray
) -> None:
    said = steady(head(link, outputs), X)
    assert said.shape == {"value": (len(X),), "sigmoid": (len(X), 2)}.get(link, (len(X), 4))
    if link in ("sigmoid", "softmax"):
        np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-14)


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = head("softmax", 4)
    refused(good, {"link": "exp"})
    refused(good, {"link": "sigmoid"})
    refused(good, {"link": ...})
    refused(good, weights=None)
    refused(good, weights=WEIGHTS[:3])
    refused(good, weights=WEIGHTS[0])
    refused(good, weights=WEIGHTS.astype(np.float32))
    refused(good, weights=np.where(WEIGHTS > 1, np.nan, WEIGHTS))
    refused(good, weights=np.empty((0, 7)), intercept=np.empty(0))
    refused(good, intercept=np.array([0.0, np.inf, 0.0, 0.0]))


def test_nothing_jumps() -> None:
    assert head("value", 1).edges() == {}
