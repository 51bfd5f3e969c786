from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from noria.scoring.plan.activation import ACTIVATIONS, STEEPEST
from noria.scoring.plan.network import Layer, Network

RNG = np.random.default_rng(7)
VALUES = arrays(np.float64, st.tuples(st.integers(1, 5), st.just(4)), elements=st.floats(-60, 60))
REFERENCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.where(z > 0, z, 0),
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "softmax": lambda z: special.softmax(z, axis=1),
    "elu": lambda z: np.where(z > 0, z, special.expm1(np.minimum(z, 0))),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * special.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * stats.norm.cdf(z),
    "softplus": lambda z: np.logaddexp(z, 0),
    "silu": lambda z: z * special.expit(z),
    "leaky_relu": lambda z: np.where(z > 0, z, z * 0.2),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(z=VALUES)
@settings(max_examples=40)
def test_an_activation_is_what_its_name_says(name: str, z: np.ndarray) -> None:
    np.testing.assert_allclose(ACTIVATIONS[name](z), REFERENCES[name](z), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(z=VALUES, move=arrays(np.float64, 4, elements=st.floats(-1, 1)))
@settings(max_examples=40)
def test_no_activation_is_steeper_than_is_said(name: str, z: np.ndarray, move: np.ndarray) -> None:
    moved = np.abs(ACTIVATIONS[name](z + move) - ACTIVATIONS[name](z)).max()
    assert moved <= STEEPEST.get(name, 1.0) * np.abs(move).max() * (1 + 1e-9) + 1e-12


def stack(activations: tuple[str, ...], output: str, widths: tuple[int, ...]) -> Network:
    layers = []
    for n_in, n_out, activation in zip(widths[:-1], widths[1:], activations, strict=True):
        kernel = RNG.normal(size=(n_out, n_in)).astype(np.float32).astype(np.float64)
        layers.append(Layer(kernel, None, RNG.normal(size=n_out), activation))
    layers.insert(1, Layer(None, RNG.uniform(0.5, 2, widths[1]), RNG.normal(size=widths[1]), "linear"))
    return Network(layers, output, 2.5 if output == "value" else 1.0, 1.0)  # type: ignore[arg-type]


STACKS = [
    stack(("relu", "sigmoid"), "sigmoid", (5, 8, 1)),
    stack(("tanh", "silu", "softmax"), "softmax", (5, 16, 7, 3)),
    stack(("gelu", "linear"), "value", (5, 1, 1)),
    stack(("softplus", "elu", "selu", "leaky_relu"), "value", (5, 9, 2, 3, 1)),
]


@pytest.mark.parametrize("head", STACKS, ids=lambda head: head.output)
@given(
    X=arrays(
        np.float64,
        st.tuples(st.integers(1, 9), st.just(5)),
        elements=st.one_of(st.floats(-9, 9), st.sampled_from([0.0, -0.0, 1e100, -1e100])),
    )
)
@settings(max_examples=40)
def test_a_row_has_its_answer_in_any_company(head: Network, steady: Callable[..., np.ndarray], X: np.ndarray) -> None:
    steady(head, X)


@pytest.mark.parametrize("head", STACKS, ids=lambda head: head.output)
def test_products_in_another_order_stay_within_the_bound(head: Network) -> None:
    X = RNG.normal(size=(300, 5))
    made = X
    for layer in head.layers:
        sums = made * layer.scale if layer.kernel is None else made @ layer.kernel.T
        made = REFERENCES[layer.activation](sums + layer.bias)
    said = head.answer(X)
    if head.output == "value":
        made = made * 2.5 + 1.0
    far = np.abs((said[:, -1] if said.ndim == 2 else said) - made[:, -1])
    assert (far <= head.bound(X)).all()


def test_weights_that_were_float32_are_kept_as_such_and_others_are_not() -> None:
    kept = STACKS[0].arrays()
    assert kept["kernel0"].dtype == np.float32
    assert kept["bias0"].dtype == np.float64


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = STACKS[1]
    names = list(good.facts()["activations"])  # type: ignore[call-overload]
    refused(good, {"activations": []})
    refused(good, {"activations": names[:-1]})
    refused(good, {"activations": [*names, "linear"]})
    refused(good, {"activations": ["exec", *names[1:]]})
    refused(good, {"activations": [7, *names[1:]]})
    refused(good, {"output": "sigmoid"})
    refused(good, {"output": "value"})
    refused(good, {"precision": "bfloat16"})
    refused(good, {"center": float("nan")})
    refused(good, kernel0=None)
    refused(good, kernel2=good.arrays()["kernel2"][:, :-1])
    refused(good, bias0=np.zeros(3))
    refused(good, scale1=np.zeros(3))
    refused(good, kernel0=np.full_like(good.arrays()["kernel0"], np.nan))
    refused(good, kernel0=np.empty((16, 0), dtype=np.float32))
    refused(good, kernel0=good.arrays()["kernel0"].astype(np.float16))
