"""A multilayer perceptron fitted by Keras, from the ``keras`` extra, and answered by NumPy.

Starting TensorFlow takes many seconds and hundreds of megabytes; a stack of dense layers is a few matrix products.
So Keras does what it is good at, the fit, and the fitted weights are kept as arrays that any process can use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.training.backend import Backend
from noria.training.dense import Dense
from noria.training.family import Estimator, Family, Fitting, as_float
from noria.training.network import Network
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from keras import Model
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["KERAS_MLP", "KerasMLP", "keras_mlp"]


class KerasMLP(Network):
    """A perceptron in scikit-learn's shape.

    Parameters
    ----------
    params : mapping
        hidden (a list of widths), dropout, learning_rate, l2.
    fitting : Fitting
        The circumstances.
    layers : sequence of Dense
        Fitted layers, when loaded from a file.
    center, spread : float
        What turns the network's answer into the target's unit.
    backend : Backend
        What Keras computes with.
    """

    def __init__(
        self,
        params: Params,
        fitting: Fitting,
        layers: Sequence[Dense] = (),
        center: float = 0.0,
        spread: float = 1.0,
        backend: Backend = "tensorflow",
    ) -> None:
        super().__init__(params, fitting, center, spread, backend)
        self.layers = tuple(layers)

    def network(self, keras: ModuleType, X: NDArray[np.float32]) -> Model:
        """Build a stack of dense layers with dropout."""
        hidden = self.params.get("hidden", (64,))
        widths = hidden if isinstance(hidden, (list, tuple)) else (hidden,)
        stack = [keras.Input((X.shape[1],))]
        for width in widths:
            penalty = keras.regularizers.L2(as_float(self.params, "l2", 1e-4))
            stack.append(keras.layers.Dense(int(width), activation="relu", kernel_regularizer=penalty))
            stack.append(keras.layers.Dropout(as_float(self.params, "dropout", 0.1)))
        n_out, activation, loss = 1, "linear", "mse"
        if self.fitting.task == "classification":
            binary = self.fitting.n_classes == 2
            n_out = 1 if binary else self.fitting.n_classes
            activation = "sigmoid" if binary else "softmax"
            loss = "binary_crossentropy" if binary else "sparse_categorical_crossentropy"
        stack.append(keras.layers.Dense(n_out, activation=activation))
        model = keras.Sequential(stack)
        model.compile(optimizer=keras.optimizers.Adam(as_float(self.params, "learning_rate", 2e-3)), loss=loss)
        return model

    def learned(self, model: Model) -> None:
        """Take the weights over as arrays."""
        super().learned(model)
        self.layers = tuple(_layers(model))

    def answers(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give what the network says, in float64, without Keras."""
        if not self.layers:
            raise RuntimeError("predict before fit")
        made = np.asarray(X, dtype=np.float64)
        for layer in self.layers:
            made = layer(made)
        return made


def _layers(model: Model) -> list[Dense]:
    found = []
    for layer in model.layers:
        weights = layer.get_weights()
        if weights:  # dropout has none and does nothing when answering
            found.append(Dense(np.asarray(weights[0]), np.asarray(weights[1]), layer.activation.__name__))
    return found


def keras_mlp(backend: Backend = "tensorflow") -> Family:
    """Give the family of perceptrons that Keras fits on a backend.

    Examples
    --------
    >>> keras_mlp("jax").modules
    ('keras', 'jax')
    """

    def build(params: Params, fitting: Fitting) -> Estimator:
        return KerasMLP(params, fitting, backend=backend)

    return Family(
        "keras_mlp",
        "multilayer perceptron (Keras)",
        build,
        space={
            "hidden": Choice(((64,), (128, 64), (256,), (256, 128))),
            "dropout": Uniform(0.0, 0.4),
            "l2": Uniform(1e-5, 1e-2, log=True),
            "learning_rate": Uniform(5e-4, 5e-3, log=True),
        },
        portfolio=({"hidden": (128, 64), "dropout": 0.1, "l2": 1e-4, "learning_rate": 2e-3},),
        extra="keras",
        modules=("keras", backend),
        startup_seconds=15.0,
    )


KERAS_MLP = keras_mlp()
