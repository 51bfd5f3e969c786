"""Fitted models as files without pickle, and back.

A model is a few files: ``meta.json`` (what it is), ``preparation.skops`` (raw features to matrix) and a head in the
native form of its library. Nothing is believed because of its name: each file is checked against what it must be.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, cast

from noria.errors import UntrustedFormat
from noria.registry import boosters, keras, lightgbm, skops

if TYPE_CHECKING:
    from noria.training.family import Estimator, Fitting
    from noria.training.model import FittedModel, TabularModel, Transformer

__all__ = ["FORMAT", "load", "save"]

FORMAT = 1
"""Number of this layout; readers of older numbers are kept when it grows."""

HEADS: Mapping[str, tuple[str, ...]] = {
    "skops": ("head.skops",),
    "lightgbm": ("head.txt",),
    "keras": ("head.keras", "head.npz"),
    "xgboost": ("head.json",),
    "catboost": ("head.cbm",),
}

LIBRARIES = ("noria", "numpy", "scikit-learn", "skops", "lightgbm", "keras", "xgboost", "catboost")


def save(model: FittedModel, *, trusted: Collection[str] = ()) -> dict[str, bytes]:
    """Write a fitted model as files.

    Parameters
    ----------
    model : FittedModel
        As `noria.training.search.select` gives it.
    trusted : collection of str
        Classes of the user's own, ``package.module.Class``, that it may hold.

    Returns
    -------
    dict of str to bytes
        File name to content; equal models give models that answer equally.

    Raises
    ------
    UntrustedFormat
        The model holds a type that could not be loaded again: found now, not in production.
    """
    tabular = cast("TabularModel", model)
    kind, files = _dump_head(tabular.head)
    files["preparation.skops"] = skops.dumps(tabular.preparation)
    files["meta.json"] = json.dumps(_meta(tabular, kind), indent=1, sort_keys=True).encode()
    load(files, trusted=trusted)
    return files


def load(files: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> FittedModel:
    """Rebuild a fitted model after every file was checked.

    Parameters
    ----------
    files : mapping of str to bytes
        As `save` gave them; further names are ignored.
    trusted : collection of str
        Classes of the user's own that the caller vouches for; never read from a file.

    Raises
    ------
    UntrustedFormat
        A file is missing, altered, of another kind, or holds a type that is not on noria's list.
    MissingExtra
        The head needs a library that is not installed.
    """
    from noria.training.model import TabularModel  # noqa: PLC0415 - loads numpy

    meta = _read_meta(files.get("meta.json", b""))
    kind = str(meta["head"])
    for name in ("preparation.skops", *HEADS[kind]):
        if name not in files:
            raise _wrong(f"the model lacks its file {name}", "")
    classes = cast("list[str | int | bool] | None", meta["classes"])
    columns = cast("list[list[str]]", meta["columns"])
    preparation = skops.loads(files["preparation.skops"], name="preparation.skops", trusted=trusted)
    return TabularModel(
        task=meta["task"],  # type: ignore[arg-type]  # checked when read
        family=str(meta["family"]),
        columns=tuple((name, feature) for name, feature in columns),  # type: ignore[misc]
        preparation=cast("Transformer", preparation),
        head=_load_head(kind, files, meta, trusted),
        classes=tuple(classes) if classes is not None else None,
        params=cast("Mapping[str, object]", meta["params"]),
    )


def _dump_head(head: Estimator) -> tuple[str, dict[str, bytes]]:
    from noria.training.boosting import LightGBM  # noqa: PLC0415 - loads numpy
    from noria.training.catboost import CatBoost  # noqa: PLC0415 - loads numpy
    from noria.training.keras import KerasMLP  # noqa: PLC0415 - loads numpy
    from noria.training.xgboost import XGBoost  # noqa: PLC0415 - loads numpy

    if isinstance(head, LightGBM) and head.booster is not None:
        return "lightgbm", {"head.txt": lightgbm.dumps(head.booster)}
    if isinstance(head, KerasMLP):
        archive = head.archive or keras.archive_of(head.model)
        return "keras", keras.dumps(archive, head.layers)
    if isinstance(head, XGBoost) and head.booster is not None:
        return "xgboost", {"head.json": boosters.dump_xgboost(head.booster)}
    if isinstance(head, CatBoost) and head.model is not None:
        return "catboost", {"head.cbm": boosters.dump_catboost(head.model)}
    return "skops", {"head.skops": skops.dumps(head)}


def _load_head(
    kind: str, files: Mapping[str, bytes], meta: Mapping[str, object], trusted: Collection[str]
) -> Estimator:
    from noria.training.boosting import LightGBM  # noqa: PLC0415 - loads numpy
    from noria.training.catboost import CatBoost  # noqa: PLC0415 - loads numpy
    from noria.training.keras import KerasMLP  # noqa: PLC0415 - loads numpy
    from noria.training.xgboost import XGBoost  # noqa: PLC0415 - loads numpy

    params = cast("Mapping[str, object]", meta["params"])
    fitting = _fitting(meta)
    match kind:
        case "lightgbm":
            return LightGBM(params, fitting, lightgbm.loads(files["head.txt"]))
        case "keras":
            center, spread = cast("tuple[float, float]", meta["scale"])
            network = KerasMLP(params, fitting, keras.load_layers(files), center, spread)
            network.archive = files["head.keras"]
            return network
        case "xgboost":
            return XGBoost(params, fitting, boosters.load_xgboost(files["head.json"]))
        case "catboost":
            return CatBoost(params, fitting, boosters.load_catboost(files["head.cbm"]))
        case _:
            return cast("Estimator", skops.loads(files["head.skops"], name="head.skops", trusted=trusted))


def _fitting(meta: Mapping[str, object]) -> Fitting:
    from noria.training.family import Fitting  # noqa: PLC0415 - loads numpy

    return Fitting(
        task=meta["task"],  # type: ignore[arg-type]  # checked when read
        seed=0,
        n_classes=len(cast("list[object]", meta["classes"] or ())),
        categorical=tuple(cast("list[int]", meta["categorical"])),
    )


def _meta(model: TabularModel, kind: str) -> dict[str, object]:
    fitting = getattr(model.head, "fitting", None)
    return {
        "format": FORMAT,
        "head": kind,
        "task": model.task,
        "family": model.family,
        "params": {name: list(value) if isinstance(value, tuple) else value for name, value in model.params.items()},
        "columns": [list(column) for column in model.columns],
        "classes": list(model.classes) if model.classes is not None else None,
        "categorical": list(fitting.categorical) if fitting is not None else [],
        "scale": [getattr(model.head, "center", 0.0), getattr(model.head, "spread", 1.0)],
        "libraries": _libraries(),
    }


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read_meta(data: bytes) -> Mapping[str, object]:
    try:
        meta = json.loads(data)
    except (ValueError, RecursionError):
        raise _wrong("meta.json is not JSON", "") from None
    if not isinstance(meta, dict):
        raise _wrong("meta.json is not an object", "")
    if meta.get("format") != FORMAT:
        raise _wrong(f"the model has format {meta.get('format')!r}", f"this noria reads format {FORMAT}")
    columns, classes = meta.get("columns"), meta.get("classes")
    sound = (
        meta.get("head") in HEADS
        and meta.get("task") in ("regression", "classification", "clustering")
        and isinstance(meta.get("family"), str)
        and isinstance(meta.get("params"), dict)
        and isinstance(columns, list)
        and all(_is_column(column) for column in columns)
        and (classes is None or (isinstance(classes, list) and all(isinstance(c, (str, int)) for c in classes)))
        and (classes is not None) == (meta.get("task") == "classification")
        and isinstance(meta.get("categorical"), list)
        and all(isinstance(position, int) for position in meta["categorical"])
        and isinstance(meta.get("scale"), list)
        and len(meta["scale"]) == 2
        and all(isinstance(part, (int, float)) for part in meta["scale"])
    )
    if not sound:
        raise _wrong("meta.json does not describe a model", "a field is missing or has another type")
    return meta


def _is_column(column: object) -> bool:
    return (
        isinstance(column, list)
        and len(column) == 2
        and isinstance(column[0], str)
        and column[1] in ("number", "string", "timestamp")
    )


def _wrong(what: str, why: str) -> UntrustedFormat:
    return UntrustedFormat(
        what,
        why=why,
        mend="the files were altered or come from another version of noria: train again, or restore them",
        code="N-REG-100",
    )
