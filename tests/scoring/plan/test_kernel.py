from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics.pairwise import pairwise_kernels

from noria.scoring.plan.kernel import Kernel
from noria.scoring.plan.unsound import Unsound

ROWS = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(-30, 30))
KERNELS = (
    Kernel("rbf", gamma=0.01),
    Kernel("linear"),
    Kernel("poly", gamma=0.1, offset=1.5, degree=5),
    Kernel("sigmoid", gamma=-0.02, offset=0.3),
)


def settings_of(kernel: Kernel) -> dict[str, float]:
    if kernel.form == "linear":
        return {}
    if kernel.form == "rbf":
        return {"gamma": kernel.gamma}
    return {"gamma": kernel.gamma, "coef0": kernel.offset} | (
        {"degree": kernel.degree} if kernel.form == "poly" else {}
    )


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.form)
@given(X=ROWS, vectors=ROWS)
@settings(max_examples=80)
def test_a_kernel_is_scikit_learns_within_the_bound(kernel: Kernel, X: np.ndarray, vectors: np.ndarray) -> None:
    other = pairwise_kernels(X, vectors, metric=kernel.form, **settings_of(kernel))
    bound = kernel.bound(X, vectors)
    if kernel.form == "rbf":  # theirs is of x² - 2xy + y², which is less exact than ours
        size = (X**2).sum(axis=1)[:, None] + (vectors**2).sum(axis=1)
        bound = bound + 16 * np.finfo(float).eps * kernel.gamma * size
    assert (np.abs(kernel(X, vectors) - other) <= bound).all()


@given(st.floats(-9, 9), st.floats(-9, 9), st.integers(0, 12))
def test_a_power_is_exact_to_its_bound(x: float, s: float, degree: int) -> None:
    kernel = Kernel("poly", gamma=0.5, offset=1.0, degree=degree)
    one, other = np.array([[x]]), np.array([[s]])
    made, bound = kernel(one, other).item(), kernel.bound(one, other).item()
    assert abs(made - math.pow(0.5 * x * s + 1, degree)) <= bound


def test_damaged_parameters_are_refused() -> None:
    good = dict(KERNELS[2].facts())
    assert Kernel.restore(good) == KERNELS[2]
    for change in ({"kernel": "cosine"}, {"gamma": float("nan")}, {"offset": "1"}, {"degree": -1}, {"degree": 2.0},
                   {"degree": 10**9}):  # fmt: skip
        with pytest.raises(Unsound):
            Kernel.restore({**good, **change})
