from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noria.scoring.compiling.heads import compile_head
from noria.scoring.compiling.network import compile_sequential
from noria.scoring.compiling.unsupported import Unsupported
from noria.training.dense import Dense
from noria.training.family import Fitting
from noria.training.keras import KerasMLP

RNG = np.random.default_rng(17)
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(6)),
    elements=st.one_of(st.floats(-9, 9), st.sampled_from([0.0, -0.0, 1e30, -1e30])),
)


def perceptron(n_classes: int, *widths: int) -> KerasMLP:
    """A network as a fit leaves it, without the fit."""
    last = {0: "linear", 2: "sigmoid"}.get(n_classes, "softmax")
    stack = list(zip([6, *widths[:-1]], widths, strict=True))
    layers = [
        Dense(
            (RNG.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32),
            RNG.normal(size=shape[1]).astype(np.float32),
            last if shape == stack[-1] else "relu",
        )
        for shape in stack
    ]
    fitting = Fitting(task="classification" if n_classes else "regression", seed=1, threads=1, n_classes=n_classes)
    return KerasMLP({}, fitting, layers, center=0.0 if n_classes else 70.0, spread=1.0 if n_classes else 12.5)


@pytest.mark.parametrize(
    ("n_classes", "widths"), [(0, (16, 1)), (2, (64, 32, 1)), (4, (33, 7, 4)), (2, (1,)), (0, (1, 1))], ids=str
)
def test_noriass_perceptron_has_its_plan(
    n_classes: int, widths: tuple[int, ...], agrees: Callable[..., object]
) -> None:
    network = perceptron(n_classes, *widths)

    @given(ROWS)
    @settings(max_examples=40)
    def holds(rows: np.ndarray) -> None:
        agrees(network, rows, n_classes)

    holds()


def test_a_perceptron_that_answers_otherwise_says_why() -> None:
    with pytest.raises(Unsupported, match="for 3 classes"):
        compile_head(perceptron(4, 8, 4), 3)
    with pytest.raises(Unsupported, match="0 outputs"):
        compile_head(KerasMLP({}, Fitting(task="regression", seed=1, threads=1)), 0)


def layer(kind: str, **config: object) -> dict[str, object]:
    return {"class_name": kind, "config": config}


DENSE = layer("Dense", units=1, activation="linear", use_bias=True)
WEIGHTS = [np.ones((6, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)]


@pytest.mark.parametrize(
    ("layers", "weights", "why"),
    [
        ([layer("LSTM")], [], "'LSTM' is not dense"),
        ([layer("Activation", activation="relu"), DENSE], WEIGHTS, "begins with a function"),
        ([DENSE], WEIGHTS[:1], "fewer weights"),
        ([DENSE], [*WEIGHTS, *WEIGHTS], "more weights"),
        ([DENSE], [WEIGHTS[0].astype(np.float16), WEIGHTS[1]], "float16"),
        ([DENSE], [WEIGHTS[0] * np.inf, WEIGHTS[1]], "not finite"),
        ([layer("Dense", activation="hard_sigmoid")], WEIGHTS, "hard_sigmoid"),
        ([layer("Dense", activation={"class_name": "Own"})], WEIGHTS, "Own"),
        ([DENSE, layer("LeakyReLU", negative_slope=0.3)], WEIGHTS, "negative_slope = 0.3"),
        ([layer("Dense", quantization_config={"mode": "int8"})], WEIGHTS, "quantized"),
        ([], [], "0 outputs"),
    ],
)
def test_a_stack_that_is_not_dense_says_why(
    layers: list[Mapping[str, object]], weights: list[np.ndarray], why: str
) -> None:
    with pytest.raises(Unsupported, match=why):
        compile_sequential({"layers": layers}, weights)


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of TensorFlow's own import
@pytest.mark.skipif(find_spec("keras") is None or find_spec("tensorflow") is None, reason="the keras extra")
def test_kerass_own_stacks_have_their_plan(steady: Callable[..., np.ndarray]) -> None:
    import keras
    from keras import layers as parts

    keras.utils.set_random_seed(5)
    hidden = [parts.Dense(7, activation=name) for name in ("tanh", "elu", "selu", "gelu", "softplus", "silu", "swish")]
    plain = [parts.Activation("leaky_relu"), parts.LeakyReLU(negative_slope=0.2), parts.ELU(), parts.ReLU()]
    ends = [(0, parts.Dense(1)), (2, parts.Dense(1, "sigmoid")), (3, parts.Dense(3, "softmax"))]
    ends.append((3, [parts.Dense(3, use_bias=False), parts.Softmax()]))
    X = RNG.normal(size=(400, 6))
    for n_classes, end in ends:
        normal = (
            parts.BatchNormalization(),
            parts.BatchNormalization(scale=False),
            parts.BatchNormalization(center=False),
        )
        stack = [*hidden[:2], normal[0], parts.Dropout(0.5), *plain[:2], *hidden[2:], normal[1], *plain[2:], normal[2]]
        model = keras.Sequential([keras.Input((6,)), *stack, *(end if isinstance(end, list) else [end])])
        weights = [
            weight if weight.ndim == 2 else np.abs(RNG.normal(size=weight.shape)).astype(np.float32) + 0.1
            for weight in model.get_weights()
        ]
        model.set_weights(weights)
        head = compile_sequential(model.get_config(), weights, n_classes)
        other = np.asarray(model(X.astype(np.float32), training=False))
        said, bound = steady(head, X), head.bound(X)
        far = np.abs((said if said.ndim == 1 else said[:, -1]) - other[:, -1])
        assert (far <= bound).all()
        assert far.max() < 1e-4 * max(1.0, np.abs(other).max())
