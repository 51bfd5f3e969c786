"""What a layer does to its sums."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.decisions import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

__all__ = ["ACTIVATIONS", "STEEPEST"]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _relu(z: Values) -> Values:
    return np.maximum(z, 0)


def _linear(z: Values) -> Values:
    return z


def _sigmoid(z: Values) -> Values:
    return np.asarray(1 / (1 + np.exp(-np.maximum(z, -500))))


def _elu(z: Values) -> Values:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _selu(z: Values) -> Values:
    return np.asarray(_SELU_SCALE * np.where(z > 0, z, _SELU_ALPHA * np.expm1(np.minimum(z, 0))))


def _softplus(z: Values) -> Values:
    return np.asarray(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))))


def _silu(z: Values) -> Values:
    return np.asarray(z * _sigmoid(z))


def _leaky_relu(z: Values) -> Values:
    return np.where(z >= 0, z, 0.2 * z)


def _gelu(z: Values) -> Values:
    # NumPy has no erf; the standard library's is exact to an ulp, and its cost is small beside the sums of a layer.
    inner = (z * math.sqrt(0.5)).ravel().tolist()
    return np.asarray(0.5 * z * (1 + np.array([math.erf(value) for value in inner]).reshape(z.shape)))


ACTIVATIONS: Mapping[str, Callable[[Values], Values]] = {
    "linear": _linear,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "softplus": _softplus,
    "silu": _silu,
    "leaky_relu": _leaky_relu,
}
"""By Keras's names, with Keras's default parameters."""

STEEPEST: Mapping[str, float] = {
    "sigmoid": 0.25,
    "softmax": 0.5,
    "selu": _SELU_ALPHA * _SELU_SCALE,
    "gelu": 1.13,
    "silu": 1.1,
}
"""How much a small change of the sums may grow; one where nothing is said."""
