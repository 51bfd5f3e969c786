"""Keras on the backend that is asked for: the one place that imports it."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from noria.errors import MissingExtra, WorkFailed

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["BACKENDS", "Backend", "backend_distribution", "backend_version", "install", "open_keras"]

Backend = Literal["tensorflow", "torch", "jax"]
"""What does the arithmetic of a network's fit."""

BACKENDS: tuple[Backend, ...] = ("tensorflow", "torch", "jax")

_DISTRIBUTIONS = {"tensorflow": ("tensorflow-cpu", "tensorflow"), "torch": ("torch",), "jax": ("jax",)}


def install(backend: Backend) -> str:
    """Say what to type where a backend is missing.

    Examples
    --------
    >>> install("tensorflow"), install("jax")
    ('pip install "noria[keras]"', 'pip install "keras>=3.15.1" jax')
    """
    return 'pip install "noria[keras]"' if backend == "tensorflow" else f'pip install "keras>=3.15.1" {backend}'


def backend_version(backend: str) -> str:
    """Give the installed version of a backend; empty where it is not installed."""
    for name in _DISTRIBUTIONS.get(backend, ()):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def backend_distribution() -> str:
    """Name the distribution that Keras can answer with here: a network does not care which."""
    for name in (name for backend in BACKENDS for name in _DISTRIBUTIONS[backend]):
        try:
            version(name)
        except PackageNotFoundError:
            continue
        return name
    return _DISTRIBUTIONS["tensorflow"][0]


def open_keras(backend: Backend, *, threads: int = 1, strict: bool = True) -> ModuleType:
    """Import Keras, in this process alone, and make what it computes repeatable.

    Operations whose order is left to chance are replaced, and threads are as many as asked for when a process first
    gets here: in what was tried, the weights then do not depend on how many those are.

    Parameters
    ----------
    backend : Backend
        What it shall compute with. Neither ``~/.keras/keras.json`` nor ``KERAS_BACKEND`` has a say.
    threads : int
        Threads an operation may use.
    strict : bool
        False takes Keras as it was imported already, whatever its backend: good for answering.

    Raises
    ------
    MissingExtra
        Keras or the backend is not installed.
    WorkFailed
        Keras runs on another backend in this process, and it cannot change.
    """
    loaded = sys.modules.get("keras")
    if loaded is not None and not strict:
        return loaded
    for module in ("keras", backend):
        if loaded is None and find_spec(module) is None:
            raise MissingExtra(
                f"a network on {backend} needs {module}, which is not installed",
                mend=f"{install(backend)}\nor write another [model] keras_backend: {', '.join(BACKENDS)}",
                code="N-TRAIN-080",
            )
    if loaded is None:
        loaded = _imported(backend, threads)
    runs_on = str(loaded.config.backend())
    if runs_on != backend:
        raise WorkFailed(
            f"Keras runs on {runs_on} in this process, and {backend} is asked for",
            why="a process has one backend, the one that Keras was first imported with",
            mend="import keras in no pipeline.py and no module of your own but inside functions",
            code="N-TRAIN-081",
        )
    return loaded


def _imported(backend: Backend, threads: int) -> ModuleType:
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # Keras may load TensorFlow on any backend, where it is there
    try:
        if backend == "tensorflow":
            _set_up_tensorflow(threads)
        elif backend == "torch":
            _set_up_torch(threads)
        import keras  # noqa: PLC0415 - heavy, and an extra
    finally:
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before
    return keras  # type: ignore[no-any-return]  # it has no types


def _set_up_tensorflow(threads: int) -> None:
    # oneDNN chooses its routines by the processor, and rounds as they do.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import tensorflow  # noqa: PLC0415 - heavy, and an extra

    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # code of the user's own has begun to compute: what that chose stands
    tensorflow.config.experimental.enable_op_determinism()


def _set_up_torch(threads: int) -> None:
    import torch  # noqa: PLC0415 - heavy, and an extra

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
