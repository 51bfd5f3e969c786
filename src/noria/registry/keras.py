"""Perceptrons: the ``.keras`` file for everybody, and the same weights as plain arrays for answering.

A ``.keras`` file is a zip whose ``config.json`` says which classes to build; building them can run code, and
``safe_mode`` has been passed by (CVE-2025-9906, CVE-2026-1462). So the config is compared with a short list of layers,
keys and activations before Keras sees the file, and old Keras is refused. Answering needs none of it: the arrays
are read by NumPy, so that no serving process has to start TensorFlow.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from noria.errors import MissingExtra, UntrustedFormat

if TYPE_CHECKING:
    from keras import Model

    from noria.training.keras import Dense

__all__ = ["archive_of", "check", "dumps", "load_layers", "open_model"]

ACTIVATIONS = ("relu", "linear", "sigmoid", "softmax")
MEMBERS = frozenset({"config.json", "metadata.json", "model.weights.h5"})
MOST_BYTES = 2**30
OLDEST = (3, 15, 1)
"""Before, an archive could make Orbax write outside its folder."""

_LAYERS = {
    "InputLayer": {"batch_shape", "dtype", "sparse", "ragged", "name", "optional"},
    "Dense": {
        "name",
        "trainable",
        "dtype",
        "units",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "quantization_config",
    },
    "Dropout": {"name", "trainable", "dtype", "rate", "seed", "noise_shape"},
}
_PARTS = {
    "keras": {"Sequential", "DTypePolicy"},
    "keras.layers": set(_LAYERS),
    "keras.initializers": {"GlorotUniform", "Zeros"},
    "keras.regularizers": {"L2"},
    "keras.optimizers": {"Adam"},
}


def archive_of(model: Model | None) -> bytes:
    """Write a network as Keras does."""
    if model is None:
        raise RuntimeError("save before fit")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.keras"
        model.save(path)
        return path.read_bytes()


def dumps(archive: bytes, layers: Sequence[Dense]) -> dict[str, bytes]:
    """Write ``head.keras`` and ``head.npz``."""
    import numpy as np  # noqa: PLC0415 - heavy

    arrays = io.BytesIO()
    named = {f"{kind}{n}": getattr(layer, kind) for n, layer in enumerate(layers) for kind in ("kernel", "bias")}
    np.savez(arrays, allow_pickle=False, **named)
    check(archive)
    return {"head.keras": archive, "head.npz": arrays.getvalue()}


def load_layers(files: Mapping[str, bytes]) -> list[Dense]:
    """Read the layers from the arrays, their order and activations from the checked ``.keras`` config.

    Raises
    ------
    UntrustedFormat
        The ``.keras`` file is not a plain perceptron, or the arrays do not fit it.
    """
    import numpy as np  # noqa: PLC0415 - heavy

    from noria.training.keras import Dense  # noqa: PLC0415 - loads numpy

    shapes = check(files.get("head.keras", b""))
    try:
        with np.load(io.BytesIO(files.get("head.npz", b"")), allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name]) for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise _broken("head.npz", f"it holds no plain arrays: {error}") from None
    layers: list[Dense] = []
    for number, (units, activation) in enumerate(shapes):
        kernel, bias = found.pop(f"kernel{number}", None), found.pop(f"bias{number}", None)
        if kernel is None or bias is None or kernel.ndim != 2 or kernel.shape[1] != units or bias.shape != (units,):
            raise _broken("head.npz", f"the arrays of layer {number} do not fit head.keras")
        if layers and layers[-1].kernel.shape[1] != kernel.shape[0]:
            raise _broken("head.npz", f"layer {number} does not fit the one before")
        if kernel.dtype != np.float32 or bias.dtype != np.float32:
            raise _broken("head.npz", f"layer {number} is not float32")
        layers.append(Dense(kernel, bias, activation))
    if found:
        raise _broken("head.npz", f"it holds arrays that head.keras does not name: {', '.join(sorted(found))}")
    return layers


def open_model(data: bytes) -> Model:
    """Give the Keras model itself, for work beyond answering.

    Raises
    ------
    MissingExtra
        Keras is not installed, or too old to open files safely.
    UntrustedFormat
        The file is not a plain perceptron.
    """
    check(data)
    _demand_keras()
    import keras  # noqa: PLC0415 - heavy, and an extra

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.keras"
        path.write_bytes(data)
        return keras.saving.load_model(path, safe_mode=True, compile=False)


def check(data: bytes) -> list[tuple[int, str]]:
    """Compare a ``.keras`` file with what noria writes, loading nothing; give (units, activation) of each layer.

    Raises
    ------
    UntrustedFormat
        A member, a layer, a class, a key or an activation is not on the list.
    """
    if not data.startswith(b"PK\x03\x04"):
        raise _broken("head.keras", "it is not a zip file")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            odd = {member.filename for member in members} ^ MEMBERS
            if odd or len(members) != len(MEMBERS):
                raise _broken("head.keras", f"it holds {', '.join(sorted(odd)) or 'a member twice'}")
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise _broken("head.keras", "it unpacks to more than a perceptron may")
            config = json.loads(archive.read("config.json"))
            json.loads(archive.read("metadata.json"))
            weights = archive.read("model.weights.h5")
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError, NotImplementedError, EOFError) as error:
        raise _broken("head.keras", f"it cannot be read: {error}") from None
    if not weights.startswith(b"\x89HDF\r\n\x1a\n"):
        raise _broken("head.keras", "its weights are not HDF5")
    _check_classes(config, 0)
    return _shapes(config)


def _check_classes(value: object, depth: int) -> None:
    if depth > 30:
        raise _broken("head.keras", "its config is too deep")
    if isinstance(value, Mapping):
        if "class_name" in value or "module" in value or "registered_name" in value:
            module, kind, registered = (value.get(key) for key in ("module", "class_name", "registered_name"))
            if not isinstance(module, str) or kind not in _PARTS.get(module, ()) or registered not in (None, kind):
                raise _broken("head.keras", f"it names {module}.{kind}, registered as {registered!r}")
        for child in value.values():
            _check_classes(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            _check_classes(child, depth + 1)


def _shapes(config: object) -> list[tuple[int, str]]:
    body = config.get("config") if isinstance(config, Mapping) and config.get("class_name") == "Sequential" else None
    layers = body.get("layers") if isinstance(body, Mapping) else None
    if not isinstance(layers, list):
        raise _broken("head.keras", "it is not a stack of layers")
    found: list[tuple[int, str]] = []
    for layer in layers:
        kind, settings = layer.get("class_name"), layer.get("config")
        if kind not in _LAYERS or not isinstance(settings, Mapping) or set(settings) - _LAYERS[cast("str", kind)]:
            raise _broken("head.keras", f"layer {kind!r} is not on the list, or has settings that are not")
        if kind == "Dense":
            units, activation = settings.get("units"), settings.get("activation")
            if not isinstance(units, int) or activation not in ACTIVATIONS or settings.get("use_bias") is not True:
                raise _broken("head.keras", f"a dense layer has {units!r} units and the activation {activation!r}")
            found.append((units, str(activation)))
    return found


def _demand_keras() -> None:
    try:
        installed = version("keras")
    except PackageNotFoundError:
        raise MissingExtra("Keras is not installed", mend='pip install "noria[keras]"', code="N-REG-105") from None
    if tuple(int(part) for part in installed.split(".")[:3] if part.isdigit()) < OLDEST:
        raise MissingExtra(
            f"Keras {installed} can be made to write outside its folder by a model file",
            mend="pip install --upgrade keras",
            code="N-REG-105",
        )


def _broken(name: str, why: str) -> UntrustedFormat:
    return UntrustedFormat(
        f"{name} is not a network that noria loads",
        why=why,
        mend="the file was altered or is of another kind: train again, or restore it",
        code="N-REG-104",
    )
