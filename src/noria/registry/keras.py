"""Networks: the ``.keras`` file for everybody, and of perceptrons the same weights as plain arrays for answering.

A ``.keras`` file is a zip whose ``config.json`` says which classes to build; building them can run code, and
``safe_mode`` has been passed by (CVE-2025-9906, CVE-2026-1462). So the config is compared with a list of layers,
keys and activations before Keras sees the file, and old Keras is refused. Answering a perceptron needs none of it: the
arrays are read by NumPy, so that no serving process has to start TensorFlow.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from noria.errors import MissingExtra, UntrustedFormat
from noria.training.backend import BACKENDS, Backend, backend_version, open_keras
from noria.training.layers import ACTIVATIONS, LAYERS, PARTS

if TYPE_CHECKING:
    from keras import Model

    from noria.training.dense import Dense

__all__ = ["archive_of", "check", "check_network", "dump_network", "dumps", "load_layers", "open_model"]

MEMBERS = frozenset({"config.json", "metadata.json", "model.weights.h5"})
MOST_BYTES = 2**30
OLDEST = (3, 15, 1)
"""Before, an archive could make Orbax write outside its folder."""

_STACKED = ("InputLayer", "Dense", "Dropout")
_ENDS = ("relu", "linear", "sigmoid", "softmax")
"""Layers and activations of a perceptron."""

_MODELS = frozenset(("name", "trainable", "dtype", "layers", "build_input_shape", "input_layers", "output_layers"))
_LARGEST = 10**6
"""More units, filters or axes than this would be made before the weights could show that they are not there."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive_of(model: Model | None) -> bytes:
    """Write a network as Keras does, without optimizer, dates and what else is of one moment: equal ones are equal."""
    if model is None:
        raise RuntimeError("save before fit")
    plain = type(model).from_config(model.get_config())  # uncompiled: an optimizer's class is of one backend
    plain.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.keras"
        plain.save(path)
        with zipfile.ZipFile(path) as written:
            members = {name: written.read(name) for name in written.namelist()}
    config, about = json.loads(members["config.json"]), json.loads(members["metadata.json"])
    members["config.json"] = json.dumps(_without(config, "shared_object_id")).encode()
    members["metadata.json"] = json.dumps({**about, "date_saved": "1980-01-01@00:00:00"}).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])
    return made.getvalue()


def _without(value: object, key: str) -> object:
    if isinstance(value, dict):
        return {name: _without(child, key) for name, child in value.items() if name != key}
    return [_without(child, key) for child in value] if isinstance(value, list) else value


def dump_network(archive: bytes) -> dict[str, bytes]:
    """Write ``head.keras`` of a network that Keras itself answers."""
    check_network(archive)
    return {"head.keras": archive}


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

    from noria.training.dense import Dense  # noqa: PLC0415 - loads numpy

    shapes = check(files.get("head.keras", b""))
    try:
        with np.load(io.BytesIO(files.get("head.npz", b"")), allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name]) for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
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


def open_model(data: bytes, backend: str = "tensorflow") -> Model:
    """Give the Keras model itself.

    Parameters
    ----------
    data : bytes
        The ``.keras`` file.
    backend : str
        What it was fitted on; another that is installed does too.

    Raises
    ------
    MissingExtra
        Keras is not installed, or too old to open files safely, or it has no backend.
    UntrustedFormat
        The file is not a network of layers on the list.
    """
    check_network(data)
    _demand_keras()
    here = [each for each in BACKENDS if backend_version(each)]
    chosen = backend if backend in here else next(iter(here), "tensorflow")
    keras = open_keras(cast("Backend", chosen), strict=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.keras"
        path.write_bytes(data)
        try:
            return keras.saving.load_model(path, safe_mode=True, compile=False)
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise _broken("head.keras", f"Keras cannot build it: {str(error).splitlines()[0]}") from None


def check(data: bytes) -> list[tuple[int, str]]:
    """Compare a ``.keras`` file with a perceptron of noria's; give (units, activation) of each layer.

    Raises
    ------
    UntrustedFormat
        A member, a layer, a class, a key or an activation is not on the list.
    """
    return _shapes(check_network(data))


def check_network(data: bytes) -> Mapping[str, object]:
    """Compare a ``.keras`` file with what a network may be, loading nothing; give its config.

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
                raise _broken("head.keras", "it unpacks to more than a network may")
            config = json.loads(archive.read("config.json"))
            json.loads(archive.read("metadata.json"))
            weights = archive.read("model.weights.h5")
    except (
        zipfile.BadZipFile, zlib.error, ValueError, KeyError, RecursionError, NotImplementedError, EOFError
    ) as error:  # fmt: skip
        raise _broken("head.keras", f"it cannot be read: {error}") from None
    if not weights.startswith(b"\x89HDF\r\n\x1a\n"):
        raise _broken("head.keras", "its weights are not HDF5")
    if not isinstance(config, dict) or config.get("class_name") not in ("Sequential", "Functional"):
        raise _broken("head.keras", "it is not a stack or a graph of layers")
    _check_classes(config, 0)
    return config


def _check_classes(value: object, depth: int, key: str = "") -> None:
    if depth > 60:
        raise _broken("head.keras", "its config is too deep")
    if isinstance(value, Mapping):
        if {"class_name", "module", "registered_name"} & set(value):
            _check_class(value)
        for name, child in value.items():
            _check_classes(child, depth + 1, str(name))
    elif isinstance(value, list):
        for child in value:
            _check_classes(child, depth + 1, key)
    elif isinstance(value, int) and key != "seed" and abs(value) > _LARGEST:
        raise _broken("head.keras", f"it has {key} = {value}")


def _check_class(value: Mapping[str, object]) -> None:
    module, kind, registered = (value.get(key) for key in ("module", "class_name", "registered_name"))
    if kind == "__keras_tensor__" and set(value) == {"class_name", "config"}:
        return  # where a layer's input comes from: names and numbers
    known = isinstance(module, str) and isinstance(kind, str) and kind in PARTS.get(module, ())
    if not known or registered not in (None, kind):
        raise _broken("head.keras", f"it names {module}.{kind}, registered as {registered!r}")
    settings = value.get("config")
    if not isinstance(settings, Mapping):
        raise _broken("head.keras", f"{kind} has no settings")
    if module == "keras.layers" or kind in ("Sequential", "Functional"):
        unknown = set(settings) - LAYERS.get(str(kind), _MODELS)
        if unknown:
            raise _broken("head.keras", f"layer {kind!r} has settings that are not on the list: {sorted(unknown)}")
    for name in ("activation", "recurrent_activation"):
        if name in settings and str(settings[name]) not in ACTIVATIONS:
            raise _broken("head.keras", f"layer {kind!r} has the {name} {settings[name]!r}")
    if settings.get("quantization_config") is not None:
        raise _broken("head.keras", f"layer {kind!r} is quantized")
    if kind == "DTypePolicy" and settings.get("name") != "float32":
        raise _broken("head.keras", f"it computes in {settings.get('name')!r}, not in float32")


def _shapes(config: Mapping[str, object]) -> list[tuple[int, str]]:
    body = config.get("config") if config.get("class_name") == "Sequential" else None
    layers = body.get("layers") if isinstance(body, Mapping) else None
    if not isinstance(layers, list):
        raise _broken("head.keras", "it is not a stack of layers")
    found: list[tuple[int, str]] = []
    for layer in layers:
        kind, settings = (layer.get("class_name"), layer.get("config")) if isinstance(layer, Mapping) else (None, None)
        if kind not in _STACKED or not isinstance(settings, Mapping):
            raise _broken("head.keras", f"layer {kind!r} is none of a perceptron")
        if kind == "Dense":
            units, activation = settings.get("units"), settings.get("activation")
            if not isinstance(units, int) or str(activation) not in _ENDS or settings.get("use_bias") is not True:
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
