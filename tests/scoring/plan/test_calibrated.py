from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noria.scoring.plan.calibrated import Calibrated
from noria.scoring.plan.curve import Curves, Isotonic, Platt
from noria.scoring.plan.linear import Linear

RNG = np.random.default_rng(4)
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(3)),
    elements=st.one_of(st.floats(-5, 5), st.sampled_from([0.0, -0.0, 1e300, -1e300])),
)
STEPS = [(np.sort(RNG.normal(size=5)), np.sort(RNG.uniform(size=5))) for _ in range(3)]


def decisions(outputs: int) -> Linear:
    return Linear(RNG.normal(size=(outputs, 3)), np.zeros(outputs), "decision")


def curves(method: str, number: int) -> Curves:
    return Platt(-np.arange(1.0, 1 + number), np.zeros(number)) if method == "sigmoid" else Isotonic(STEPS[:number])


def head(method: str, n_classes: int) -> Calibrated:
    number = 1 if n_classes == 2 else n_classes
    at = np.array([1]) if n_classes == 2 else np.arange(n_classes)
    return Calibrated(decisions(number), curves(method, number), at, n_classes)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("n_classes", [2, 3])
@given(X=ROWS)
@settings(max_examples=40)
def test_a_row_has_its_answer_in_any_company(
    method: str, n_classes: int, steady: Callable[..., np.ndarray], X: np.ndarray
) -> None:
    said = steady(head(method, n_classes), X)
    assert said.shape == (len(X), n_classes)
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-14)


def test_where_every_curve_says_zero_all_classes_are_alike() -> None:
    flat = Isotonic([(np.array([0.0]), np.array([0.0]))] * 3)
    said = Calibrated(decisions(3), flat, np.arange(3), 3).answer(np.ones((2, 3)))
    assert said.tolist() == [[1 / 3] * 3] * 2


def test_of_both_probabilities_the_second_is_read() -> None:
    sure = Linear(np.array([[1.0, 0.0, 0.0]]), np.zeros(1), "sigmoid")
    same = Isotonic([(np.array([0.0, 1.0]), np.array([0.0, 1.0]))])
    X = RNG.normal(size=(5, 3))
    np.testing.assert_allclose(Calibrated(sure, same, np.array([1]), 2).answer(X), sure.answer(X), rtol=1e-15)


def test_a_steep_step_widens_the_bound() -> None:
    step = Isotonic([(np.array([0.0, 1e-15]), np.array([0.1, 0.9]))])
    steep = Calibrated(Linear(np.array([[1.0, 1.0]]), np.array([-1.0]), "decision"), step, np.array([1]), 2)
    assert steep.bound(np.array([[0.5, 0.5]])).item() > 0.7
    assert steep.bound(np.array([[5.0, 5.0]])).item() < 1e-14


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = head("isotonic", 3)
    refused(good, {"method": "beta"})
    refused(good, {"method": "sigmoid"})
    refused(good, {"n_classes": 2})
    refused(good, {"n_classes": 1})
    refused(good, {"heads": []})
    refused(good, {"heads": [*good.facts()["heads"]] * 2})  # type: ignore[misc]
    refused(good, at=np.array([0, 1, 3]))
    refused(good, at=np.array([-1, 1, 2]))
    refused(good, at=np.array([0, 1]))
    refused(good, ends=np.array([5, 10, 16]))
    refused(good, ends=np.array([5, 5, 15]))
    refused(good, ends=np.array([10, 5, 15]))
    refused(good, ends=np.empty(0, dtype=np.int64), x=np.empty(0), y=np.empty(0), at=np.empty(0, dtype=np.int64))
    refused(good, x=good.arrays()["x"][::-1])
    refused(good, y=good.arrays()["y"][:-1])
    refused(good, **{"0/weights": None})
    refused(head("sigmoid", 2), at=np.array([0]))
    refused(head("sigmoid", 2), slope=np.array([np.nan]))
    refused(head("sigmoid", 2), offset=np.zeros(2))
