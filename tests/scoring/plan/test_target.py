from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from noria.scoring.plan.linear import Linear
from noria.scoring.plan.target import Rescaled


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_it_is_the_head_in_the_targets_unit(
    steady: Callable[..., np.ndarray], x: float, spread: float, center: float
) -> None:
    head = Rescaled(Linear(np.array([[3.0]]), np.array([1.0]), "value"), spread, center)
    assert steady(head, np.array([[x], [0.0]])).tolist() == [(3 * x + 1) * spread + center, spread + center]


def test_a_doubt_grows_with_the_spread() -> None:
    inner = Linear(np.array([[1.0, 1.0]]), np.zeros(1), "value")
    X = np.array([[1.0, 2.0]])
    assert Rescaled(inner, 100.0, 0.0).bound(X) >= 100 * inner.bound(X)


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = Rescaled(Linear(np.array([[3.0]]), np.array([1.0]), "value"), 2.0, 1.0)
    refused(good, {"spread": float("nan")})
    refused(good, {"center": None})
    refused(good, {"heads": []})
    refused(good, {"heads": ...})
