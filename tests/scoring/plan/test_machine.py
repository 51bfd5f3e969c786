from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noria.scoring.plan.kernel import Kernel
from noria.scoring.plan.machine import Machine, pairs_of

RNG = np.random.default_rng(3)
VECTORS, WEIGHTS = RNG.normal(size=(11, 3)), RNG.normal(size=(3, 11))
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(3)),
    elements=st.one_of(st.floats(-5, 5), st.sampled_from([0.0, -0.0, 1e200, -1e200])),
)


def head(rule: str, form: str = "rbf") -> Machine:
    outputs, n_classes = {"value": (1, 0), "decision": (3, 0)}.get(rule, (3, 3))
    kernel = Kernel(form, gamma=0.3, offset=0.1, degree=3 if form == "poly" else 0)  # type: ignore[arg-type]
    return Machine(kernel, VECTORS, WEIGHTS[:outputs].copy(), np.zeros(outputs), rule, n_classes)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["value", "decision", "rest", "votes"])
@pytest.mark.parametrize("form", ["rbf", "linear", "poly", "sigmoid"])
@given(X=ROWS)
@settings(max_examples=25)
def test_a_row_has_its_answer_in_any_company(
    rule: str, form: str, steady: Callable[..., np.ndarray], X: np.ndarray
) -> None:
    assert steady(head(rule, form), X).shape == ((len(X),) if rule == "value" else (len(X), 3))


@given(X=arrays(np.float64, st.tuples(st.integers(1, 8), st.just(3)), elements=st.floats(-5, 5)))
def test_votes_are_those_of_the_pairs_and_confidence_turns_none(X: np.ndarray) -> None:
    decided, votes, rest = (head(rule).answer(X) for rule in ("decision", "votes", "rest"))
    for row in range(len(X)):
        won = [one if decided[row, n] > 0 else other for n, (one, other) in enumerate(pairs_of(3))]
        assert votes[row].tolist() == [won.count(label) for label in range(3)]
    clear = (decided != 0).all(axis=1)
    assert (np.abs(rest - votes)[clear] < 1 / 3).all()


def test_where_a_vote_may_turn_the_bound_says_so() -> None:
    on_the_line = Machine(Kernel("linear"), np.eye(2), np.array([[1.0, -1.0]] * 3), np.zeros(3), "votes", 3)
    assert on_the_line.bound(np.array([[0.3, 0.3], [0.3, 0.4]])).tolist() == [3.0, 0.0]


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = head("rest")
    refused(good, {"rule": "most"})
    refused(good, {"rule": "value"})
    refused(good, {"n_classes": 4})
    refused(good, {"n_classes": True})
    refused(good, {"kernel": "precomputed"})
    refused(good, {"gamma": float("inf")})
    refused(good, vectors=VECTORS[:5])
    refused(good, vectors=np.full_like(VECTORS, np.nan))
    refused(good, weights=WEIGHTS[:2])
    refused(good, weights=np.empty((0, 11)), intercept=np.empty(0))
    refused(good, intercept=np.zeros(2))
