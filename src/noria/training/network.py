"""A network that Keras fits: how long is found on an inner part of the rows, then all of them are learned from."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noria.training.backend import Backend, open_keras
from noria.training.family import Fitting, OutOfTime
from noria.training.inner import inner_part
from noria.training.rounds import CUT_SHORT, Enough

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Self

    from keras import Model
    from numpy.typing import NDArray

    from noria.training.inner import Part
    from noria.training.space import Params

__all__ = ["EPOCHS", "PATIENCE", "Network"]

EPOCHS = 120
PATIENCE = 10
FEWEST_ROWS = 60
"""Below, an inner part is too small to say when to stop."""

FIXED_EPOCHS = 40
"""Where nothing says when to stop."""


class _Callback(Protocol):
    def __call__(self, epoch: int, logs: Mapping[str, float] | None = None) -> None: ...


class Network(ABC):
    """What all networks share: targets, seeds, epochs, deadlines and the curve of their losses.

    Parameters
    ----------
    params : mapping
        What the network is built with.
    fitting : Fitting
        The circumstances.
    center, spread : float
        What turns the network's answer into the target's unit.
    backend : Backend
        What Keras computes with.
    """

    def __init__(
        self,
        params: Params,
        fitting: Fitting,
        center: float = 0.0,
        spread: float = 1.0,
        backend: Backend = "tensorflow",
    ) -> None:
        self.params = dict(params)
        self.fitting = fitting
        self.center = center
        self.spread = spread
        self.backend: Backend = backend
        self.model: Model | None = None
        self.archive = b""
        """The ``.keras`` file it was loaded from, so that it can be saved again without Keras."""
        self.rounds = 0
        """Epochs that all rows were learned from."""
        self.curve: dict[str, tuple[float, ...]] = {}
        """Loss of each epoch, on the rows learned from and on those it was stopped by."""

    @abstractmethod
    def network(self, keras: ModuleType, X: NDArray[np.float32]) -> Model:
        """Build and compile the network for such rows."""

    @abstractmethod
    def answers(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give what the network says, shape (n_rows, n_out)."""

    def learned(self, model: Model) -> None:
        """Take over what Keras has fitted."""
        self.model = model

    def fit(
        self, X: NDArray[np.float64], y: NDArray[np.generic], sample_weight: NDArray[np.float64] | None = None
    ) -> Self:
        """Find the epochs on an inner part of the rows, unless they are known; then learn from all rows for as many."""
        fitting = self.fitting
        keras = open_keras(self.backend, threads=fitting.threads)
        target = np.asarray(y, dtype=np.float64)
        if fitting.task == "regression":  # in double: of a large target single precision keeps no difference
            self.center, self.spread = float(target.mean()), float(target.std()) or 1.0
            target = (target - self.center) / self.spread
        rows = _Rows(np.asarray(X, dtype=np.float32), target.astype(np.float32), sample_weight)
        epochs = fitting.rounds
        if epochs is None:
            part = None
            if len(y) >= FEWEST_ROWS:
                part = inner_part(y, fitting.bonds, seed=fitting.seed, stratify=fitting.task == "classification")
            epochs = FIXED_EPOCHS if part is None else self._epochs(keras, rows, part)
        self.learned(self._run(keras, rows, epochs, followed=fitting.rounds is not None or not self.curve))
        self.rounds = epochs
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.generic]:
        """Give values, or positions of the likeliest class."""
        if self.fitting.task == "classification":
            return np.asarray(self.predict_proba(X).argmax(axis=1))
        return np.asarray(self.answers(X)[:, 0] * self.spread + self.center)

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give probabilities, shape (n_rows, n_classes)."""
        made = self.answers(X)
        return np.column_stack([1 - made, made]) if made.shape[1] == 1 else made

    def _epochs(self, keras: ModuleType, rows: _Rows, part: Part) -> int:
        """Stop on the inner part; give the epoch that was best there."""
        learned, inner = part
        enough = Enough(self.fitting.seconds_left)
        taken, held = rows.take(learned), rows.take(inner)
        self._run(keras, taken, EPOCHS, followed=True, inner=held, batch=rows.batch, enough=enough)
        if enough.was_said:
            warnings.warn(CUT_SHORT, stacklevel=2)
        judged = np.nan_to_num(np.asarray(self.curve["val_loss"]), nan=np.inf)
        return int(judged.argmin()) + 1

    def _run(
        self,
        keras: ModuleType,
        rows: _Rows,
        epochs: int,
        *,
        followed: bool,
        inner: _Rows | None = None,
        batch: int | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> Model:
        keras.utils.clear_session(free_memory=False)  # names of layers count from the start: the same file each time
        keras.utils.set_random_seed(self.fitting.seed % 2**31)
        model = self.network(keras, rows.X)
        callbacks = [self._watch(keras, model, followed=followed, enough=enough)]
        if inner is not None:
            callbacks.append(keras.callbacks.EarlyStopping(patience=PATIENCE))
        made = model.fit(
            rows.X,
            rows.y,
            sample_weight=rows.weight,
            validation_data=None if inner is None else inner.judged(),
            epochs=epochs,
            batch_size=batch or rows.batch,
            callbacks=callbacks,
            verbose=0,
        )
        if inner is not None:
            self.curve = {name: tuple(map(float, values)) for name, values in made.history.items()}
        return model

    def _watch(self, keras: ModuleType, model: Model, *, followed: bool, enough: Callable[[], bool]) -> object:
        def in_time(batch: int, logs: object = None) -> None:
            if self.fitting.out_of_time():
                raise OutOfTime

        def told(epoch: int, logs: Mapping[str, float] | None = None) -> None:
            if followed:
                self.fitting.report(epoch, {name: float(value) for name, value in (logs or {}).items()})
            if enough():
                model.stop_training = True

        return keras.callbacks.LambdaCallback(on_train_batch_begin=in_time, on_epoch_end=told)


class _Rows:
    """Rows as Keras takes them."""

    def __init__(
        self, X: NDArray[np.float32], y: NDArray[np.float32], weight: NDArray[np.float64] | None = None
    ) -> None:
        self.X, self.y, self.weight = X, y, weight

    @property
    def batch(self) -> int:
        """Rows a step; about twenty steps an epoch."""
        return int(np.clip(len(self.X) // 20, 32, 256))

    def take(self, which: NDArray[np.bool_]) -> _Rows:
        return _Rows(self.X[which], self.y[which], None if self.weight is None else self.weight[which])

    def judged(self) -> tuple[NDArray[np.generic], ...]:
        return (self.X, self.y) if self.weight is None else (self.X, self.y, self.weight)
