"""A multilayer perceptron fitted by Keras, from the ``keras`` extra, and answered by NumPy.

Starting TensorFlow takes many seconds and hundreds of megabytes; a stack of dense layers is a few matrix products.
So Keras does what it is good at, the fit, and the fitted weights are kept as arrays that any process can use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.training.family import Estimator, Family, Fitting, OutOfTime, as_float
from noria.training.inner import Bonds, inner_part
from noria.training.space import Choice, Uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keras import Model
    from numpy.typing import NDArray

    from noria.training.space import Params

__all__ = ["KERAS_MLP", "Dense", "KerasMLP"]

EPOCHS = 120
PATIENCE = 10
INNER_SHARE = 0.15


@dataclass(frozen=True)
class Dense:
    """One layer: ``activation(x @ kernel + bias)``.

    Parameters
    ----------
    kernel : ndarray of float32, shape (n_in, n_out)
        Weights.
    bias : ndarray of float32, shape (n_out,)
        Offsets.
    activation : str
        "relu", "linear", "sigmoid" or "softmax".
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    activation: str

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer rows, shape (n_rows, n_out), in float64."""
        made = X @ self.kernel.astype(np.float64) + self.bias
        if self.activation == "relu":
            return np.maximum(made, 0)
        if self.activation == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-np.clip(made, -500, 500))))
        if self.activation == "softmax":
            shares = np.exp(made - made.max(axis=1, keepdims=True))
            return np.asarray(shares / shares.sum(axis=1, keepdims=True))
        return np.asarray(made)


class KerasMLP:
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
    """

    def __init__(
        self,
        params: Params,
        fitting: Fitting,
        layers: Sequence[Dense] = (),
        center: float = 0.0,
        spread: float = 1.0,
    ) -> None:
        self.params = dict(params)
        self.fitting = fitting
        self.layers = tuple(layers)
        self.center = center
        self.spread = spread
        self.model: Model | None = None
        self.archive = b""
        """The ``.keras`` file it was loaded from, so that it can be saved again without Keras."""

    def fit(self, X: NDArray[np.float64], y: NDArray[np.generic]) -> KerasMLP:
        """Fit, stopping on an inner part of the rows; keep the best weights."""
        import keras  # noqa: PLC0415 - heavy, and an extra

        keras.utils.set_random_seed(self.fitting.seed % 2**31)
        target = np.asarray(y, dtype=np.float32)
        if self.fitting.task == "regression":
            self.center, self.spread = float(target.mean()), float(target.std()) or 1.0
            target = (target - np.float32(self.center)) / np.float32(self.spread)
        inner, outer = self._parts(y)
        model = self._network(keras, X.shape[1])
        data = np.asarray(X, dtype=np.float32)
        model.fit(
            data[outer],
            target[outer],
            validation_data=(data[inner], target[inner]),
            epochs=EPOCHS,
            batch_size=int(np.clip(len(X) // 20, 32, 256)),
            callbacks=[
                keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True),
                self._watch(keras),
            ],
            verbose=0,
        )
        self.model = model
        self.layers = tuple(_layers(model))
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Give values, or positions of the likeliest class."""
        if self.fitting.task == "classification":
            return np.asarray(self.predict_proba(X).argmax(axis=1))
        return np.asarray(self._answer(X)[:, 0] * self.spread + self.center)

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes)."""
        made = self._answer(X)
        return np.column_stack([1 - made, made]) if made.shape[1] == 1 else made

    def _answer(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.layers:
            raise RuntimeError("predict before fit")
        made = np.asarray(X, dtype=np.float64)
        for layer in self.layers:
            made = layer(made)
        return made

    def _parts(self, y: NDArray[np.generic]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        fitting = self.fitting
        if fitting.bonds.groups is not None:
            # Never the newest rows: unlike a booster, the network is not fitted again on all and would not see them.
            groups, stratify = Bonds(fitting.bonds.groups), fitting.task == "classification"
            if part := inner_part(y, groups, seed=fitting.seed, stratify=stratify):
                return np.flatnonzero(part[1]), np.flatnonzero(part[0])
        rows = np.random.default_rng(fitting.seed).permutation(len(y))
        inner = max(1, int(len(y) * INNER_SHARE))
        return rows[:inner], rows[inner:]

    def _network(self, keras: object, n_features: int) -> Model:
        from keras import Input, Sequential, layers, optimizers, regularizers  # noqa: PLC0415 - heavy, and an extra

        hidden = self.params.get("hidden", (64,))
        widths = hidden if isinstance(hidden, (list, tuple)) else (hidden,)
        stack = [Input((n_features,))]
        for width in widths:
            penalty = regularizers.L2(as_float(self.params, "l2", 1e-4))
            stack.append(layers.Dense(int(width), activation="relu", kernel_regularizer=penalty))
            stack.append(layers.Dropout(as_float(self.params, "dropout", 0.1)))
        n_out, activation, loss = 1, "linear", "mse"
        if self.fitting.task == "classification":
            binary = self.fitting.n_classes == 2
            n_out = 1 if binary else self.fitting.n_classes
            activation = "sigmoid" if binary else "softmax"
            loss = "binary_crossentropy" if binary else "sparse_categorical_crossentropy"
        stack.append(layers.Dense(n_out, activation=activation))
        model = Sequential(stack)
        model.compile(optimizer=optimizers.Adam(as_float(self.params, "learning_rate", 2e-3)), loss=loss)
        return model

    def _watch(self, keras: object) -> object:
        from keras.callbacks import LambdaCallback  # noqa: PLC0415 - heavy, and an extra

        def stop(epoch: int, logs: object = None) -> None:
            if self.fitting.out_of_time():
                raise OutOfTime

        return LambdaCallback(on_epoch_end=stop)


def _layers(model: Model) -> list[Dense]:
    found = []
    for layer in model.layers:
        weights = layer.get_weights()
        if weights:  # dropout has none and does nothing when answering
            found.append(Dense(np.asarray(weights[0]), np.asarray(weights[1]), layer.activation.__name__))
    return found


def _keras_mlp(params: Params, fitting: Fitting) -> Estimator:
    return KerasMLP(params, fitting)


KERAS_MLP = Family(
    "keras_mlp",
    "multilayer perceptron (Keras)",
    _keras_mlp,
    space={
        "hidden": Choice(((64,), (128, 64), (256,), (256, 128))),
        "dropout": Uniform(0.0, 0.4),
        "l2": Uniform(1e-5, 1e-2, log=True),
        "learning_rate": Uniform(5e-4, 5e-3, log=True),
    },
    portfolio=({"hidden": (128, 64), "dropout": 0.1, "l2": 1e-4, "learning_rate": 2e-3},),
    extra="keras",
    modules=("keras", "tensorflow"),
    startup_seconds=15.0,
)
