"""Networks of the user's own: a function ``build(meta) -> keras.Model``, named in the project file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.errors import WrongData, WrongSetting, did_you_mean
from noria.pipeline.own import own_function
from noria.training.backend import Backend
from noria.training.family import Estimator, Family, Fitting
from noria.training.layers import LAYERS
from noria.training.network import Network
from noria.training.space import read_space

if TYPE_CHECKING:
    from types import ModuleType

    from keras import Model
    from numpy.typing import NDArray

    from noria.training.space import Params
    from noria.training.task import Task

__all__ = ["KEYS", "LARGEST", "NetworkMeta", "OwnNetwork", "Unanswerable", "own_network"]

KEYS = ("build", "name", "space", "params", "encoding")
LARGEST = 1e30
"""Of the prepared numbers."""

_CHUNK = 8192
_SHOWN = 64


class Unanswerable(WrongData, ValueError):
    """A row holds a missing value, or a number so large that a network's arithmetic cannot hold it."""

    def __init__(self) -> None:
        super().__init__(
            "a value of the input is missing, or too large for a network to compute with",
            why=f"networks compute in float32, and take no number beyond {LARGEST:g}",
            mend='send it in the right unit, or add an "impute" rule to [prepare] and train again',
            code="N-TRAIN-084",
        )


@dataclass(frozen=True)
class NetworkMeta:
    """What a network is built for: the first argument of ``build``.

    Parameters
    ----------
    n_features : int
        Columns of the prepared matrix: ``keras.Input((meta.n_features,))``.
    n_classes : int
        Classes of a classification, else 0.
    task : Task
        "classification" or "regression".
    n_rows : int
        Rows that it learns from.
    categorical : tuple of int
        Columns that hold category codes; with ``encoding = "tree"`` only.
    seed : int
        Of this fit. Keras's own draws are seeded already.

    Examples
    --------
    >>> meta = NetworkMeta(n_features=7, n_classes=2, task="classification", n_rows=800)
    >>> meta.n_outputs, meta.activation, meta.loss
    (1, 'sigmoid', 'binary_crossentropy')
    """

    n_features: int
    n_classes: int
    task: Task
    n_rows: int
    categorical: tuple[int, ...] = ()
    seed: int = 0

    @property
    def n_outputs(self) -> int:
        """Width of the last layer: 1 for values and for two classes, else one a class."""
        return self.n_classes if self.n_classes > 2 else 1

    @property
    def activation(self) -> str:
        """Of the last layer."""
        if self.task != "classification":
            return "linear"
        return "sigmoid" if self.n_outputs == 1 else "softmax"

    @property
    def loss(self) -> str:
        """Which noria compiles with, where the network comes uncompiled."""
        if self.task != "classification":
            return "mse"
        return "binary_crossentropy" if self.n_outputs == 1 else "sparse_categorical_crossentropy"


class OwnNetwork(Network):
    """A network that a function of the user's own builds, in scikit-learn's shape; Keras answers.

    Parameters
    ----------
    params : mapping
        What the function is called with.
    fitting : Fitting
        The circumstances.
    build : callable, optional
        The function; not needed to answer.
    path : str
        Its name, for messages.
    center, spread : float
        What turns the network's answer into the target's unit.
    backend : Backend
        What Keras computes with.
    """

    def __init__(
        self,
        params: Params,
        fitting: Fitting,
        build: Callable[..., object] | None = None,
        path: str = "",
        center: float = 0.0,
        spread: float = 1.0,
        backend: Backend = "tensorflow",
    ) -> None:
        super().__init__(params, fitting, center, spread, backend)
        self.build = build
        self.path = path

    def network(self, keras: ModuleType, X: NDArray[np.float32]) -> Model:
        """Have the network built, look it over, and compile it where that is left to noria.

        Raises
        ------
        WrongSetting
            It is no network that can be fitted here, answered from and kept without anybody's code.
        """
        if self.build is None:
            raise RuntimeError("a network out of a file is not fitted again")
        fitting = self.fitting
        meta = NetworkMeta(
            X.shape[1], fitting.n_classes, fitting.task, len(X), fitting.categorical, fitting.seed % 2**31
        )
        if not np.isfinite(X).all():
            raise self._wrong(
                "would learn from missing values, or from numbers beyond float32",
                "no layer knows what to do with them",
                'write encoding = "linear" and an "impute" rule in [prepare]',
            )
        made = self.build(meta, **self.params)
        if not isinstance(made, keras.Model):
            raise self._wrong(f"gave a {type(made).__name__}", "it must give a keras.Model", "return the model")
        _look_over(keras, made, self._wrong)
        _demand_shapes(made, meta, self._wrong)
        if meta.task == "classification":
            _demand_probabilities(np.asarray(made.predict_on_batch(X[:_SHOWN])), meta, self._wrong)
        if not made.compiled:
            made.compile(optimizer=keras.optimizers.Adam(1e-3), loss=meta.loss)
        return made

    def answers(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give what the network says, in float32 as Keras computes it."""
        if self.model is None:
            raise RuntimeError("predict before fit")
        # Beyond, float32 overflows somewhere inside, and what comes out is no number.
        if not (np.abs(X) <= LARGEST).all():
            raise Unanswerable
        rows = np.asarray(X, dtype=np.float32)
        made = [self.model.predict_on_batch(rows[at : at + _CHUNK]) for at in range(0, len(rows), _CHUNK)]
        said = np.concatenate(made).astype(np.float64).reshape(len(rows), -1)
        if not np.isfinite(said).all():
            raise Unanswerable
        if said.shape[1] > 1:  # float32 leaves a sum of one only nearly so
            said /= said.sum(axis=1, keepdims=True)
        return np.asarray(said)

    def _wrong(self, what: str, why: str, mend: str) -> WrongSetting:
        return WrongSetting(f"{self.path} {what}", why=why, mend=mend, code="N-TRAIN-082")


Wrong = Callable[[str, str, str], WrongSetting]


def _look_over(keras: ModuleType, model: Model, wrong: Wrong) -> None:
    """Refuse what could not be loaded again without the user's code."""
    if type(model).__name__ not in ("Sequential", "Functional"):
        raise wrong(
            f"gave a {type(model).__name__}, a class of its own",
            "a model file holds data alone, and such a class would have to be imported to load it",
            "build it with keras.Sequential, or keras.Model(inputs, outputs)",
        )
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _look_over(keras, layer, wrong)
        elif type(layer).__name__ not in LAYERS or not type(layer).__module__.startswith("keras."):
            raise wrong(
                f"has the layer {layer.name!r}, a {type(layer).__name__}",
                "noria keeps and loads only layers whose settings are data",
                f"use some of {', '.join(name for name in LAYERS if name != 'InputLayer')}",
            )


def _demand_shapes(model: Model, meta: NetworkMeta, wrong: Wrong) -> None:
    if not model.built:
        model.build((None, meta.n_features))
    taken, given = model.input_shape, model.output_shape
    if taken not in ((None, meta.n_features), [(None, meta.n_features)]):
        raise wrong(
            f"takes {_told(taken)}, and the matrix has {meta.n_features} columns",
            "rows come as one matrix of prepared numbers",
            "begin with keras.Input((meta.n_features,))",
        )
    widths = (1, 2) if meta.n_classes == 2 else (meta.n_outputs,)
    if given not in [(None, width) for width in widths]:
        what = f"{meta.n_classes} classes" if meta.n_classes else "one value a row"
        raise wrong(
            f"gives {_told(given)}, and there are {what} to tell" if meta.n_classes else f"gives {_told(given)}",
            f"of {what} the last layer gives {' or '.join(map(str, widths))} numbers a row",
            "end with keras.layers.Dense(meta.n_outputs, activation=meta.activation)",
        )


def _demand_probabilities(said: NDArray[np.float32], meta: NetworkMeta, wrong: Wrong) -> None:
    sound = np.isfinite(said).all() and (said >= 0).all() and (said <= 1).all()
    if not sound or (said.shape[1] > 1 and not np.allclose(said.sum(axis=1), 1, atol=1e-3)):
        raise wrong(
            "gives numbers that are no probabilities",
            f"between {said.min():.3g} and {said.max():.3g} before it has learned anything",
            "end with keras.layers.Dense(meta.n_outputs, activation=meta.activation)",
        )


def _told(shape: object) -> str:
    width = shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None
    return f"{width} numbers a row" if isinstance(width, int) else f"the shape {shape}"


def own_network(written: Mapping[str, object], backend: Backend = "tensorflow") -> Family:
    """Make a family of ``{ build = "my_nets:build", space = {...}, params = {...}, encoding = "linear" }``.

    The function is imported here, so this runs only where the project's code may run. It is called as
    ``build(meta, **params)`` with a `NetworkMeta`, and Keras is loaded by the first fit.

    Raises
    ------
    WrongSetting
        A key is unknown, or the function cannot be imported or called so.
    """
    for key in written:
        if key not in KEYS:
            raise _wrong(f"a network of your own has no key {key!r}", did_you_mean(key, KEYS), ", ".join(KEYS))
    path = str(written.get("build", ""))
    module, _, function = path.partition(":")
    # "build" says nothing in a table of candidates; the module does.
    name = str(written.get("name", module.rpartition(".")[2] if function == "build" else function))
    space, fixed = written.get("space", {}), dict(_table(written.get("params", {}), path))
    encoding = written.get("encoding", "linear")
    if encoding not in ("linear", "tree"):
        raise _wrong(f"encoding = {encoding!r} is none that a network takes", "", '"linear" or "tree"')
    build = own_function(path, _wrong, "my_nets:build", [*fixed, *_table(space, path)])

    def made(params: Params, fitting: Fitting) -> Estimator:
        return OwnNetwork({**fixed, **params}, fitting, build, path, backend=backend)

    return Family(
        name,
        path,
        made,
        encoding=encoding,
        space=read_space(_table(space, path), path),
        extra="keras",
        modules=("keras", backend),
        startup_seconds=15.0,
    )


def _table(written: object, path: str) -> Mapping[str, object]:
    if not isinstance(written, Mapping):
        raise _wrong(f"space and params of {path} are tables", "", "space = { width = [32, 64] }")
    return written


def _wrong(what: str, why: str, use: str) -> WrongSetting:
    return WrongSetting(what, why=why, mend=f"use {use}", code="N-TRAIN-083")
