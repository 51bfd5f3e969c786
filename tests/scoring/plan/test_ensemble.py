from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noria.scoring.plan.constant import Constant
from noria.scoring.plan.ensemble import Ensemble
from noria.scoring.plan.linear import Linear
from noria.scoring.plan.target import Rescaled

RNG = np.random.default_rng(8)
ROWS = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(3)), elements=st.floats(-1e6, 1e6))


def member(link: str) -> Linear:
    return Linear(RNG.normal(size=(3 if link == "softmax" else 1, 3)), np.zeros(3 if link == "softmax" else 1), link)  # type: ignore[arg-type]


@given(X=ROWS, weights=st.lists(st.floats(0, 9), min_size=2, max_size=4).filter(lambda found: sum(found) > 1e-9))
@settings(max_examples=60)
def test_it_is_the_weighted_mean_within_its_bound(
    steady: Callable[..., np.ndarray], X: np.ndarray, weights: list[float]
) -> None:
    for link in ("value", "softmax"):
        heads = [member(link) for _ in weights]
        head = Ensemble(heads, np.array(weights))
        said, other = steady(head, X), np.average([inner.answer(X) for inner in heads], axis=0, weights=weights)
        assert (np.abs(said - other).reshape(len(X), -1).max(axis=1) <= head.bound(X)).all()


def test_heads_inside_heads_come_back(steady: Callable[..., np.ndarray]) -> None:
    inner = Ensemble([Rescaled(member("value"), 2.0, 5.0), Constant(np.array([1.0]))], np.array([3.0, 1.0]))
    steady(Ensemble([inner, member("value")], np.ones(2)), RNG.normal(size=(6, 3)))


def test_equal_weights_of_exact_heads_are_exact() -> None:
    head = Ensemble([Constant(np.array([0.1])), Constant(np.array([0.2])), Constant(np.array([0.3]))], np.ones(3))
    X = np.zeros((1, 1))
    assert head.answer(X).item() == (0.1 + 0.2 + 0.3) / 3
    assert head.bound(X).item() == 0


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = Ensemble([member("value"), member("value")], np.ones(2))
    refused(good, weights=np.array([1.0, -1.0]))
    refused(good, weights=np.zeros(2))
    refused(good, weights=np.ones(3))
    refused(good, {"heads": []}, weights=np.empty(0))
    refused(good, {"heads": {}})
    refused(good, {"heads": [{"kind": "linear"}, {}]})
    refused(good, {"heads": ["linear", "linear"]})
    refused(good, **{"1/weights": None})
