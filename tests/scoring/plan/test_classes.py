from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noria.scoring.plan.classes import Certain, Placed
from noria.scoring.plan.linear import Linear

ROWS = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(3)), elements=st.floats(-9, 9))
SIGN = Linear(np.array([[1.0, -1.0, 0.5]]), np.zeros(1), "decision")
THREE = Linear(np.eye(3), np.zeros(3), "decision")


@given(X=ROWS)
def test_the_greatest_decision_is_certain(steady: Callable[..., np.ndarray], X: np.ndarray) -> None:
    assert steady(Certain(THREE), X).tolist() == np.eye(3)[X.argmax(axis=1)].tolist()
    assert steady(Certain(SIGN), X)[:, 1].tolist() == (SIGN.answer(X)[:, 0] > 0).astype(float).tolist()


def test_a_draw_is_for_the_first_and_in_doubt() -> None:
    tie = np.array([[2.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert Certain(THREE).answer(tie)[:, 0].tolist() == [1.0, 1.0]
    assert Certain(THREE).bound(tie).tolist() == [1.0, 0.0]
    assert Certain(SIGN).bound(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])).tolist() == [1.0, 0.0]


@given(X=ROWS)
def test_classes_that_were_not_seen_get_nothing(steady: Callable[..., np.ndarray], X: np.ndarray) -> None:
    said = steady(Placed(Certain(SIGN), np.array([1, 3]), 5), X)
    assert said[:, [1, 3]].tolist() == Certain(SIGN).answer(X).tolist()
    assert not said[:, [0, 2, 4]].any()


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = Placed(Certain(SIGN), np.array([1, 3]), 5)
    refused(good, {"n_classes": 3})
    refused(good, {"n_classes": 5.0})
    refused(good, {"heads": []})
    refused(good, at=np.array([3, 1]))
    refused(good, at=np.array([1, 1]))
    refused(good, at=np.array([-1, 1]))
    refused(good, at=np.empty(0, dtype=np.int64))
    refused(good, at=np.array([1.0, 3.0]))
    refused(Certain(SIGN), {"heads": []})
