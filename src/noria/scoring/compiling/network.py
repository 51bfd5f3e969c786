"""Perceptrons of Keras, read into plans without starting Keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.compiling.fitted import fitted_number
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.activation import ACTIVATIONS
from noria.scoring.plan.network import Layer, Network, Output

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["compile_own_network", "compile_perceptron", "compile_sequential"]

_ALSO = {"swish": "silu"}

_PLAIN: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "Activation": {},
    "ReLU": {"max_value": (None,), "negative_slope": (0.0, None), "threshold": (0.0, None)},
    "LeakyReLU": {"negative_slope": (0.2,)},
    "ELU": {"alpha": (1.0,)},
    "Softmax": {"axis": (-1, 1)},
}
"""Layers that only apply a function, with the settings under which it is the function of that name."""

_NAMED = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "Softmax": "softmax"}

_SILENT = ("InputLayer", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization")
"""Layers that do nothing when a network answers."""


def compile_perceptron(estimator: object, n_classes: int) -> Network:
    """Compile noria's perceptron, which answers in float64 with the float32 weights that Keras fitted."""
    layers = [
        Layer(_wide(found.kernel).T.copy(), None, _wide(found.bias), _activation(found.activation))
        for found in getattr(estimator, "layers", ())
    ]
    output = _output(layers, n_classes)
    spread, center = (1.0, 0.0) if n_classes else (fitted_number(estimator, name) for name in ("spread", "center"))
    return Network(layers, output, spread, center)


def compile_own_network(estimator: object, n_classes: int) -> Network:
    """Compile a network of the user's own, where its layers stand one behind the other; Keras answers in float32."""
    model = getattr(estimator, "model", None)
    if model is None:
        raise Unsupported("it is not fitted")
    made = compile_sequential(_in_a_row(model.get_config()), model.get_weights(), n_classes)
    spread, center = (1.0, 0.0) if n_classes else (fitted_number(estimator, name) for name in ("spread", "center"))
    return replace(made, spread=spread, center=center)


def _in_a_row(config: Mapping[str, object]) -> Mapping[str, object]:
    """Look whether each layer of a graph takes what the one before it gives, and nothing else."""
    layers = config.get("layers")
    before: object = None
    for layer in layers if isinstance(layers, Sequence) and "output_layers" in config else ():
        nodes = layer.get("inbound_nodes", ())
        sources = list(_sources(nodes))
        if sources != ([] if before is None else [before]):
            raise Unsupported(f"its layer {layer.get('name')!r} does not take what the one before it gives, or more")
        before = layer.get("name")
    return config


def _sources(nodes: object) -> Iterator[object]:
    """Name the layers whose outputs are given to a layer."""
    if isinstance(nodes, Mapping):
        if nodes.get("class_name") == "__keras_tensor__":
            yield nodes["config"]["keras_history"][0]
        else:
            for child in nodes.values():
                yield from _sources(child)
    elif isinstance(nodes, (list, tuple)):
        for child in nodes:
            yield from _sources(child)


def compile_sequential(
    config: Mapping[str, object], weights: Sequence[NDArray[np.generic]], n_classes: int = 0
) -> Network:
    """Compile any ``keras.Sequential`` of dense layers, normalizations and activations.

    Parameters
    ----------
    config : mapping
        As ``model.get_config()`` gives it, or ``config.json`` of a ``.keras`` file under "config".
    weights : sequence of ndarray
        As ``model.get_weights()``.
    n_classes : int
        Classes of a classification; 0 for a regression of one value.

    Raises
    ------
    Unsupported
        A layer, one of its settings or its activation has no counterpart here.
    """
    left = iter(weights)
    layers: list[Layer] = []
    listed = config.get("layers")
    for layer in listed if isinstance(listed, Sequence) else ():
        kind, settings = layer.get("class_name"), layer.get("config", {})
        if kind == "Dense":
            layers.append(_dense(settings, left))
        elif kind == "BatchNormalization":
            layers.append(_normalization(settings, left))
        elif kind in _PLAIN:
            layers[-1:] = _applied(layers, _function(kind, settings))
        elif kind not in _SILENT:
            raise Unsupported(f"its layer {kind!r} is not dense")
    if next(left, None) is not None:
        raise Unsupported("it has more weights than its layers name")
    return Network(layers, _output(layers, n_classes), precision="float32")


def _dense(settings: Mapping[str, object], left: Iterator[NDArray[np.generic]]) -> Layer:
    kernel = _next(left, 2)
    bias = _next(left, 1) if settings.get("use_bias", True) else np.zeros(kernel.shape[1])
    if settings.get("quantization_config") is not None or bias.shape != (kernel.shape[1],):
        raise Unsupported("a dense layer is quantized, or its weights do not fit each other")
    return Layer(kernel.T.copy(), None, bias, _activation(settings.get("activation", "linear")))


def _normalization(settings: Mapping[str, object], left: Iterator[NDArray[np.generic]]) -> Layer:
    axis = settings.get("axis", -1)
    if axis not in (-1, 1, [-1], [1]):
        raise Unsupported(f"a normalization goes along axis {axis!r}")
    gamma = _next(left, 1) if settings.get("scale", True) else None
    beta = _next(left, 1) if settings.get("center", True) else None
    mean, variance = _next(left, 1), _next(left, 1)
    epsilon = settings.get("epsilon", 1e-3)
    scale = 1 / np.sqrt(variance + (epsilon if isinstance(epsilon, float) else 0.0))
    scale = scale if gamma is None else scale * gamma
    return Layer(None, scale, (0 if beta is None else beta) - mean * scale, "linear")


def _function(kind: str, settings: Mapping[str, object]) -> str:
    for name, plain in _PLAIN[kind].items():
        if settings.get(name) not in plain:
            raise Unsupported(f"its layer {kind!r} has {name} = {settings.get(name)!r}")
    return _activation(settings.get("activation") if kind == "Activation" else _NAMED[kind])


def _applied(layers: Sequence[Layer], function: str) -> list[Layer]:
    """Give the last layer with a function after it; a layer that has one already gets one behind it."""
    if not layers:
        raise Unsupported("it begins with a function of its input")
    last = layers[-1]
    if last.activation == "linear":
        return [Layer(last.kernel, last.scale, last.bias, function)]
    width = len(last.bias)
    return [last, Layer(None, np.ones(width), np.zeros(width), function)]


def _activation(name: object) -> str:
    known = _ALSO.get(str(name), str(name))
    if not isinstance(name, str) or known not in ACTIVATIONS:
        raise Unsupported(f"its activation {name!r} is not one of {', '.join(ACTIVATIONS)}")
    return known


def _output(layers: Sequence[Layer], n_classes: int) -> Output:
    last = (len(layers[-1].bias), layers[-1].activation) if layers else (0, "")
    if last == (1, "sigmoid") and n_classes == 2:
        return "sigmoid"
    if last == (n_classes, "softmax") and n_classes >= 2:
        return "softmax"
    if last[0] == 1 and n_classes == 0:
        return "value"
    raise Unsupported(f"its last layer has {last[0]} outputs and the activation {last[1]!r} for {n_classes} classes")


def _next(left: Iterator[NDArray[np.generic]], n_axes: int) -> NDArray[np.float64]:
    found = next(left, None)
    if found is None or np.ndim(found) != n_axes:
        raise Unsupported("it has fewer weights than its layers name, or others")
    return _wide(found)


def _wide(values: NDArray[np.generic]) -> NDArray[np.float64]:
    if values.dtype not in (np.float32, np.float64) or not np.isfinite(np.asarray(values, dtype=np.float64)).all():
        raise Unsupported(f"its weights are {values.dtype}, or not finite")
    return np.asarray(values, dtype=np.float64)
