"""Stacks of dense layers: perceptrons without the library that fitted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self, cast, get_args

import numpy as np

from noria.scoring.plan.activation import ACTIVATIONS, STEEPEST
from noria.scoring.plan.decisions import sigmoids
from noria.scoring.plan.parts import floats, word
from noria.scoring.plan.product import EPS, demand_width, growth, product
from noria.scoring.plan.refusals import TooLarge
from noria.scoring.plan.unsound import Unsound, array, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["Layer", "Network", "Output", "Precision"]

Output = Literal["value", "sigmoid", "softmax"]
"""What its last layer gives: one value, the probability of the second of two classes, or those of all."""

Precision = Literal["float64", "float32"]
"""In which the library that is to be matched computes; the plan itself always in float64."""

LARGEST = 1e30
"""Beyond, a library that computes in float32 overflows somewhere inside; noria's own networks refuse it there too."""

_EPS = {"float64": EPS, "float32": float(np.finfo(np.float32).eps)}


@dataclass(frozen=True, eq=False)
class Layer:
    """``activation(x @ kernel.T + bias)``; without a kernel, ``activation(x * scale + bias)``.

    Parameters
    ----------
    kernel : ndarray of float64, shape (n_out, n_in), or None
        Weights, a row for each output. None for a batch normalization, which only scales.
    scale : ndarray of float64, shape (n_out,), or None
        Of a batch normalization.
    bias : ndarray of float64, shape (n_out,)
        Offsets.
    activation : str
        One of `ACTIVATIONS`.
    """

    kernel: NDArray[np.float64] | None
    scale: NDArray[np.float64] | None
    bias: NDArray[np.float64]
    activation: str

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows, shape (n_rows, n_out)."""
        return ACTIVATIONS[self.activation](self.sums(X))

    def sums(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows without the activation."""
        if self.kernel is None:
            demand_width(X, len(self.bias))
            made = X * cast("NDArray[np.float64]", self.scale)
        else:
            made = product(X, self.kernel)
        made += self.bias
        return made

    def carry(self, X: NDArray[np.float64], doubt: NDArray[np.float64], eps: float) -> NDArray[np.float64]:
        """Say how far the outputs may be off when the inputs are off by `doubt`, shape (n_rows, n_out)."""
        size = np.abs(X) + doubt
        if self.kernel is None:
            spread = np.abs(cast("NDArray[np.float64]", self.scale))
            carried, total = doubt * spread, size * spread
        else:
            spread = np.abs(self.kernel).T
            carried, total = doubt @ spread, size @ spread
        made = carried + growth(X.shape[1]) * eps * (total + np.abs(self.bias))
        steep = STEEPEST.get(self.activation, 1.0)
        if self.activation == "softmax":
            made = np.broadcast_to(made.max(axis=1, keepdims=True), made.shape)
        return np.asarray(steep * made + (0 if self.activation in ("linear", "relu") else 8 * eps))


@dataclass(frozen=True, eq=False)
class Network:
    """Layers one after the other.

    Parameters
    ----------
    layers : sequence of Layer
        Each takes what the one before gives.
    output : Output
        How the last layer is read.
    spread, center : float
        What turns a value into the target's unit: ``value * spread + center``.
    precision : Precision
        Of the library that is to be matched.
    """

    kind: ClassVar[str] = "network"
    layers: Sequence[Layer]
    output: Output
    spread: float = 1.0
    center: float = 0.0
    precision: Precision = "float64"

    def answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows.

        Raises
        ------
        TooLarge
            A number is beyond what the library can compute with.
        """
        if self.precision == "float32" and (np.abs(X) > LARGEST).any():
            raise TooLarge
        for layer in self.layers[:-1]:
            X = layer(X)
        if self.output == "sigmoid":
            return sigmoids(self.layers[-1].sums(X)[:, 0])
        said = self.layers[-1](X)
        return said if self.output == "softmax" else np.asarray(said[:, 0] * self.spread + self.center)

    def bound(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry the rounding of each layer through those behind it."""
        eps = _EPS[self.precision]
        doubt = np.abs(X) * (0 if self.precision == "float64" else eps)  # the library rounds what it is given
        with np.errstate(all="ignore"):
            for layer in self.layers:
                doubt, X = layer.carry(X, doubt, eps), layer(X)
            widest = np.nan_to_num(doubt.max(axis=1), nan=np.inf, posinf=np.inf)
        if self.output != "value":
            return np.asarray(np.minimum(widest + 2 * EPS, 1.0))
        return np.asarray(abs(self.spread) * widest + 2 * eps * (np.abs(X[:, 0] * self.spread) + abs(self.center)))

    def edges(self) -> Mapping[int, NDArray[np.float64]]:
        """Give none: nothing jumps."""
        return {}

    def facts(self) -> Facts:
        """Give the activations and how the last layer is read."""
        return {
            "activations": [layer.activation for layer in self.layers],
            "output": self.output,
            "spread": self.spread,
            "center": self.center,
            "precision": self.precision,
        }

    def arrays(self) -> Arrays:
        """Give the weights: kernels as float32 where that loses nothing."""
        kept: dict[str, NDArray[np.generic]] = {}
        for n, layer in enumerate(self.layers):
            weights = ("scale", layer.scale) if layer.kernel is None else ("kernel", layer.kernel)
            for name, values in (weights, ("bias", layer.bias)):
                kept[f"{name}{n}"] = _smallest(cast("NDArray[np.float64]", values))
        return kept

    @classmethod
    def restore(cls, facts: Facts, arrays: Arrays) -> Self:
        """Build it again."""
        activations = facts.get("activations")
        if not isinstance(activations, list) or not activations:
            raise Unsound("a network has no layers")
        layers: list[Layer] = []
        for n, activation in enumerate(activations):
            word({"activation": activation}, "activation", tuple(ACTIVATIONS))
            layers.append(_layer(arrays, n, activation, len(layers[-1].bias) if layers else None))
        output, width = word(facts, "output", get_args(Output)), len(layers[-1].bias)
        spread, center = number(facts, "spread"), number(facts, "center")
        if not _readable(output, width, activations[-1]) or not (np.isfinite(spread) and np.isfinite(center)):
            raise Unsound(f"{width} outputs of {activations[-1]!r} are not {output!r}, or center or spread not finite")
        return cls(layers, output, spread, center, word(facts, "precision", get_args(Precision)))


def _readable(output: Output, width: int, activation: object) -> bool:
    if output == "softmax":
        return width > 1 and activation == "softmax"
    return width == 1 and output in ("value", activation)


def _layer(arrays: Arrays, n: int, activation: str, n_in: int | None) -> Layer:
    if f"scale{n}" in arrays:
        scale = _wide(arrays, f"scale{n}", n_in)
        return Layer(None, scale, _wide(arrays, f"bias{n}", len(scale)), activation)
    kernel = _wide(arrays, f"kernel{n}", None, n_in)
    if 0 in kernel.shape:
        raise Unsound(f"the layer {n} has no weights")
    return Layer(kernel, None, _wide(arrays, f"bias{n}", len(kernel)), activation)


def _wide(arrays: Arrays, name: str, *shape: int | None) -> NDArray[np.float64]:
    found = arrays.get(name)
    if found is None or found.dtype != np.float32:
        return floats(arrays, name, *shape)
    return floats({name: array(arrays, name, "float32", *shape).astype(np.float64)}, name, *shape)


def _smallest(values: NDArray[np.float64]) -> NDArray[np.generic]:
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if (narrow == values).all() else values
