"""Machines whose decisions are coupled answer from their plan as they do themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noria.scoring.compiling.heads import compile_head
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.heads import restore_head
from noria.scoring.plan.unsound import Unsound
from noria.training.coupled import CoupledMachines

RNG = np.random.default_rng(21)
X = RNG.normal(size=(160, 4))
Y = np.sin(X[:, 0] * 2) + X[:, 1] + 0.3 * RNG.normal(size=160)
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(4)),
    elements=st.one_of(st.floats(-8, 8), st.sampled_from([0.0, -0.0, 1e30, -1e30, 5e-324])),
)


def labels(n_classes: int) -> np.ndarray:
    return np.digitize(Y, np.quantile(Y, np.arange(1, n_classes) / n_classes))


@pytest.mark.parametrize("C", [1.0, 50.0])
@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_coupled_machines_have_their_plan(n_classes: int, C: float, agrees: Callable[..., object]) -> None:
    machines = CoupledMachines(C).fit(X, labels(n_classes))

    @given(ROWS)
    @settings(max_examples=30)
    def holds(rows: np.ndarray) -> None:
        agrees(machines, rows, n_classes)

    holds()
    agrees(machines, X, n_classes)


@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_the_bound_is_of_use(n_classes: int) -> None:
    head = compile_head(CoupledMachines(10.0).fit(X, labels(n_classes)), n_classes)
    rows = RNG.normal(size=(2000, 4)) * 2
    assert np.quantile(head.bound(rows), 0.99) < 1e-8


def test_one_row_and_many_have_the_same_bits() -> None:
    head = compile_head(CoupledMachines(10.0).fit(X, labels(5)), 5)
    rows = RNG.normal(size=(3000, 4)) * 2
    made = head.answer(rows)
    assert all((head.answer(rows[n : n + 1])[0] == made[n]).all() for n in range(0, 3000, 37))


def test_classes_that_were_not_learned_from_have_no_chance(agrees: Callable[..., object]) -> None:
    machines = CoupledMachines(1.0).fit(X, labels(3) * 2)
    agrees(machines, X, 6)
    assert (compile_head(machines, 6).answer(X)[:, [1, 3, 5]] == 0).all()


def test_what_does_not_fit_is_refused() -> None:
    machines = CoupledMachines().fit(X, labels(3))
    head = compile_head(machines, 3)
    facts, kept = head.facts(), dict(head.arrays())
    assert (restore_head("coupled", facts, kept).answer(X) == head.answer(X)).all()
    with pytest.raises(Unsound):
        restore_head("coupled", {**facts, "n_classes": 4}, kept)
    with pytest.raises(Unsound):
        restore_head("coupled", facts, {**kept, "slope": np.full(3, np.nan)})
    machines.slope_ = machines.slope_[:2]
    with pytest.raises(Unsupported, match="3 classes"):
        compile_head(machines, 3)
    machines = CoupledMachines().fit(X, labels(3))
    machines.machine_.decision_function_shape = "ovr"
    with pytest.raises(Unsupported, match="each pair"):
        compile_head(machines, 3)
