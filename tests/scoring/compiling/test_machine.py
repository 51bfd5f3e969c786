from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from noria.scoring.compiling.machine import compile_machine, compile_machine_decision, compile_machine_votes
from noria.scoring.compiling.unsupported import Unsupported

RNG = np.random.default_rng(12)
X = RNG.normal(size=(90, 4))
Y = np.sin(X[:, 0] * 2) + X[:, 1] + 0.3 * RNG.normal(size=90)
FORMS = ("rbf", "linear", "poly", "sigmoid")
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(4)),
    elements=st.one_of(st.floats(-8, 8), st.sampled_from([0.0, -0.0, 1e30, -1e30, 5e-324])),
)


def labels(n_classes: int) -> np.ndarray:
    return np.digitize(Y, np.quantile(Y, np.arange(1, n_classes) / n_classes))


@pytest.mark.parametrize("form", FORMS)
def test_a_regression_has_its_plan(form: str, agrees: Callable[..., object]) -> None:
    fitted = [SVR(kernel=form, coef0=0.5).fit(X, Y), NuSVR(kernel=form, gamma=0.1, degree=4).fit(X, Y)]

    @given(ROWS)
    @settings(max_examples=30)
    def holds(rows: np.ndarray) -> None:
        for machine in fitted:
            agrees(machine, rows)

    holds()


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("form", FORMS)
def test_a_classifier_without_probabilities_is_certain(
    form: str, n_classes: int, agrees: Callable[..., object]
) -> None:
    y = labels(n_classes)
    fitted = [SVC(kernel=form).fit(X, y), SVC(kernel=form, break_ties=True).fit(X, y), NuSVC(nu=0.1).fit(X, y)]

    @given(ROWS)
    @settings(max_examples=20)
    def holds(rows: np.ndarray) -> None:
        for machine in fitted:
            agrees(machine, rows, n_classes)

    holds()


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_decisions_are_the_librarys(shape: str, n_classes: int) -> None:
    machine = SVC(decision_function_shape=shape).fit(X, labels(n_classes))
    head = compile_machine_decision(machine, n_classes)
    rows = RNG.normal(size=(2000, 4)) * 2
    other = machine.decision_function(rows).reshape(len(rows), -1)
    assert (np.abs(head.answer(rows) - other).max(axis=1) <= head.bound(rows)).all()
    assert (head.bound(rows) > 1e-9).mean() < 0.01


def test_what_has_no_plan_says_why() -> None:
    with pytest.raises(Unsupported, match="kernel"):
        compile_machine(SVR(kernel=lambda one, other: one @ other.T).fit(X, Y))
    with pytest.raises(Unsupported, match="2 classes"):
        compile_machine_votes(SVC().fit(X, labels(3)), 2)
