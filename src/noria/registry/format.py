"""Fitted models as files without pickle, and back.

A model is a few files: ``meta.json`` (what it is), ``preparation.skops`` (raw features to matrix) and a head in the
native form of its library. Nothing is believed because of its name: each file is checked against what it must be.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, cast

from noria.errors import UntrustedFormat
from noria.registry import boosters, keras, lightgbm, skops
from noria.training.backend import backend_version

if TYPE_CHECKING:
    from noria.training.ensemble import EnsembleModel
    from noria.training.family import Estimator, Fitting
    from noria.training.model import FittedModel, TabularModel, Transformer

__all__ = ["FORMAT", "engine_of", "load", "save"]

FORMAT = 5
"""Number of this layout; readers of older numbers are kept when it grows: 2 brought ratios, 3 ensembles, 4 networks of
the user's own, 5 temperatures."""

_MOST_MEMBERS = 16

HEADS: Mapping[str, tuple[str, ...]] = {
    "skops": ("head.skops",),
    "lightgbm": ("head.txt",),
    "keras": ("head.keras", "head.npz"),
    "network": ("head.keras",),
    "xgboost": ("head.json",),
    "catboost": ("head.cbm",),
}

_ENGINES = {"skops": "sklearn", "network": "keras"}
"""What answers a head, where it is called otherwise."""

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
    from noria.training.ensemble import EnsembleModel  # noqa: PLC0415 - loads numpy

    if isinstance(model, EnsembleModel):
        return _save_members(model, trusted)
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

    facts = _json(files.get("meta.json", b""))
    if facts.get("head") == "ensemble":
        return _load_members(facts, files, trusted)
    meta = _read_meta(facts)
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
        ratios=tuple(cast("list[float]", meta["ratios"])) if meta.get("ratios") else None,
        temperature=cast("float | None", meta.get("temperature")),
    )


def engine_of(files: Mapping[str, bytes]) -> str:
    """Name the library that answers, of an ensemble those of its members: ``lightgbm``, ``catboost+sklearn``.

    Parameters
    ----------
    files : mapping of str to bytes
        Of a model that `load` has loaded.
    """
    head = _json(files.get("meta.json", b"")).get("head")
    if head == "ensemble":
        metas = (data for name, data in files.items() if name.startswith("member") and name.endswith(".meta.json"))
        heads = {str(_json(data).get("head")) for data in metas}
    else:
        heads = {str(head)}
    return "+".join(sorted({_ENGINES.get(one, one) for one in heads}))


def _dump_head(head: Estimator) -> tuple[str, dict[str, bytes]]:
    from noria.training.boosting import LightGBM  # noqa: PLC0415 - loads numpy
    from noria.training.catboost import CatBoost  # noqa: PLC0415 - loads numpy
    from noria.training.keras import KerasMLP  # noqa: PLC0415 - loads numpy
    from noria.training.own_network import OwnNetwork  # noqa: PLC0415 - loads numpy
    from noria.training.xgboost import XGBoost  # noqa: PLC0415 - loads numpy

    if isinstance(head, LightGBM) and head.booster is not None:
        return "lightgbm", {"head.txt": lightgbm.dumps(head.booster)}
    if isinstance(head, KerasMLP):
        archive = head.archive or keras.archive_of(head.model)
        return "keras", keras.dumps(archive, head.layers)
    if isinstance(head, OwnNetwork):
        return "network", keras.dump_network(head.archive or keras.archive_of(head.model))
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
    from noria.training.own_network import OwnNetwork  # noqa: PLC0415 - loads numpy
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
        case "network":
            center, spread = cast("tuple[float, float]", meta["scale"])
            own = OwnNetwork(params, fitting, center=center, spread=spread)
            own.model = keras.open_model(files["head.keras"], str(meta.get("backend")))
            own.archive = files["head.keras"]
            return own
        case "xgboost":
            return XGBoost(params, fitting, boosters.load_xgboost(files["head.json"]))
        case "catboost":
            return CatBoost(params, fitting, boosters.load_catboost(files["head.cbm"]))
        case _:
            head = skops.loads(files["head.skops"], name="head.skops", trusted=trusted)
            if getattr(head, "n_jobs", None) not in (None, 1):
                # Threads cost a request more than they save, and add a forest's trees up in whatever order they end.
                setattr(head, "n_jobs", 1)  # noqa: B010 - of a type nobody knows
            return cast("Estimator", head)


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
    # Whoever does not know of these would answer with other probabilities: such models have the higher number.
    ratios = {} if model.ratios is None else {"ratios": [float(ratio) for ratio in model.ratios]}
    temperature = {} if model.temperature is None else {"temperature": float(model.temperature)}
    # On what a network was fitted: it is loaded with that again where it is installed.
    fitted_on = getattr(model.head, "backend", None)
    backend = {} if fitted_on is None else {"backend": fitted_on, "backend_version": backend_version(fitted_on)}
    return {
        "format": 5 if temperature else 4 if kind == "network" else 2 if ratios else 1,
        **ratios,
        **temperature,
        **backend,
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


def _save_members(model: EnsembleModel, trusted: Collection[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for number, member in enumerate(model.members):
        files.update({f"member{number}.{name}": data for name, data in save(member, trusted=trusted).items()})
    meta = {
        "format": FORMAT,
        "head": "ensemble",
        "family": model.family,
        "members": len(model.members),
        "weights": [float(weight) for weight in model.weights],
        **({} if model.temperature is None else {"temperature": float(model.temperature)}),
        "params": dict(model.params),
        "libraries": _libraries(),
    }
    files["meta.json"] = json.dumps(meta, indent=1, sort_keys=True).encode()
    load(files, trusted=trusted)
    return files


def _load_members(meta: Mapping[str, object], files: Mapping[str, bytes], trusted: Collection[str]) -> EnsembleModel:
    from noria.training.ensemble import EnsembleModel  # noqa: PLC0415 - loads numpy

    count, weights, params = meta.get("members"), meta.get("weights"), meta.get("params")
    sound = (
        isinstance(count, int)
        and 1 <= count <= _MOST_MEMBERS
        and isinstance(weights, list)
        and len(weights) == count
        and all(isinstance(one, float) and 0 <= one < float("inf") for one in weights)
        and 0 < sum(weights) < float("inf")
        and isinstance(params, dict)
        and isinstance(meta.get("family"), str)
        and _is_temperature(meta.get("temperature"), ())
    )
    if not sound:
        raise _wrong("meta.json does not describe an ensemble", "a field is missing or has another type")
    members: list[TabularModel] = []
    known: dict[bytes, Transformer] = {}
    for number in range(cast("int", count)):
        prefix = f"member{number}."
        own = {name.removeprefix(prefix): data for name, data in files.items() if name.startswith(prefix)}
        if _json(own.get("meta.json", b"")).get("head") == "ensemble":
            raise _wrong(f"member {number} of the ensemble is an ensemble", "")
        member = cast("TabularModel", load(own, trusted=trusted))
        # Members that were prepared alike share what prepares: rows go through it once.
        members.append(replace(member, preparation=known.setdefault(own["preparation.skops"], member.preparation)))
    first = members[0]
    if any((one.task, one.classes, one.columns) != (first.task, first.classes, first.columns) for one in members):
        raise _wrong("the members of the ensemble do not answer the same question", "")
    return EnsembleModel(
        tuple(members),
        tuple(cast("list[float]", weights)),
        cast("Mapping[str, object]", params),
        str(meta["family"]),
        cast("float | None", meta.get("temperature")) if first.classes is not None else None,
    )


def _json(data: bytes) -> Mapping[str, object]:
    try:
        meta = json.loads(data)
    except (ValueError, RecursionError):
        raise _wrong("meta.json is not JSON", "") from None
    if not isinstance(meta, dict):
        raise _wrong("meta.json is not an object", "")
    if meta.get("format") not in range(1, FORMAT + 1):
        raise _wrong(f"the model has format {meta.get('format')!r}", f"this noria reads formats 1 to {FORMAT}")
    return meta


def _read_meta(meta: Mapping[str, object]) -> Mapping[str, object]:
    columns, classes = meta.get("columns"), meta.get("classes")
    sound = (
        meta.get("head") in tuple(HEADS)  # a tuple: what is looked for may have no hash
        and meta.get("task") in ("regression", "classification", "clustering")
        and isinstance(meta.get("family"), str)
        and isinstance(meta.get("params"), dict)
        and isinstance(columns, list)
        and len(columns) > 0
        and all(_is_column(column) for column in columns)
        and len({name for name, _ in columns}) == len(columns)
        and (classes is None or _are_classes(classes))
        and (classes is not None) == (meta.get("task") == "classification")
        and isinstance(meta.get("categorical"), list)
        and all(isinstance(position, int) for position in cast("list[object]", meta["categorical"]))
        and isinstance(meta.get("scale"), list)
        and len(cast("list[object]", meta["scale"])) == 2
        and all(isinstance(part, (int, float)) for part in cast("list[object]", meta["scale"]))
        and _are_ratios(meta.get("ratios"), classes)
        and _is_temperature(meta.get("temperature"), classes)
    )
    if not sound:
        raise _wrong("meta.json does not describe a model", "a field is missing or has another type")
    return meta


def _are_classes(classes: object) -> bool:
    return (
        isinstance(classes, list)
        and all(isinstance(one, (str, int)) for one in classes)
        and len(set(classes)) == len(classes) >= 2
    )


def _are_ratios(ratios: object, classes: object) -> bool:
    if ratios is None:
        return True
    return (
        isinstance(ratios, list)
        and isinstance(classes, list)
        and len(ratios) == len(classes)
        and all(isinstance(one, float) and 0 < one < float("inf") for one in ratios)
    )


def _is_temperature(temperature: object, classes: object) -> bool:
    return temperature is None or (
        classes is not None and isinstance(temperature, float) and 0 < temperature < float("inf")
    )


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
