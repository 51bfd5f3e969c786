"""Opens another client's model and writes down what is safe of it: run alone, as a process of its own.

This is the only file of noria that unpickles, and no other file of noria imports it: it is started by its path, in a
Python that may not even have noria. It reads ``request.json`` and the model's files in the folder it is given, and
leaves ``facts.json`` with the parts beside it. Whatever it leaves is read with the same distrust as any foreign file.
"""

from __future__ import annotations

import importlib
import json
import pickle
import resource
import sys
import zipfile
from pathlib import Path
from typing import Any

_MOST_BYTES = 8 << 30
_MOST_FILE = 2 << 30
_ROWS = 64


def main(folder: Path) -> None:
    """Open the model in a folder and leave what it is made of."""
    request = json.loads((folder / "request.json").read_text())
    _bound(request["seconds"])
    code = folder / "model" / "code"
    if code.is_dir():
        sys.path.insert(0, str(code))
    model = _opened(folder / "model", request)
    names = _names(model, request)
    facts, parts = _taken_apart(model)
    facts["columns"] = names
    facts["named"] = hasattr(model, "feature_names_in_") or facts["kind"] != "skops"
    facts["probe"] = _probe(model, names, request)
    for name, content in parts.items():
        (folder / "out" / name).write_bytes(content)
    (folder / "out" / "facts.json").write_text(json.dumps(facts, allow_nan=True))


def _bound(seconds: int) -> None:
    """Take away, before anything foreign is loaded, what cannot be had back."""
    limits = ((resource.RLIMIT_AS, _MOST_BYTES), (resource.RLIMIT_FSIZE, _MOST_FILE), (resource.RLIMIT_CPU, seconds))
    for kind, most in (*limits, (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _opened(folder: Path, request: dict[str, Any]) -> Any:  # noqa: ANN401 - it can be anything
    flavor, file = request["flavor"], folder / request["file"]
    # The client writes the same serialization beside a booster in its own form, too.
    if file.suffix == ".skops" or (request["serialization"] == "skops" and zipfile.is_zipfile(file)):
        skops = importlib.import_module("skops.io")
        return skops.load(file, trusted=skops.get_untrusted_types(file=file))
    if flavor == "lightgbm" and file.suffix not in (".pkl", ".pickle", ".joblib"):
        return importlib.import_module("lightgbm").Booster(model_file=str(file))
    if flavor == "xgboost" and file.suffix not in (".pkl", ".pickle", ".joblib"):
        module, _, kind = str(request["model_class"] or "xgboost.core.Booster").rpartition(".")
        model = getattr(importlib.import_module(module), kind)()
        model.load_model(str(file))
        return model
    if request["serialization"] == "joblib" or file.suffix == ".joblib":
        return importlib.import_module("joblib").load(file)
    with file.open("rb") as content:
        # Whoever started this was told, and agreed, that it runs whatever code the file holds.
        return pickle.load(content)  # noqa: S301


def _names(model: Any, request: dict[str, Any]) -> list[str]:  # noqa: ANN401 - as above
    for found in (getattr(model, "feature_names_in_", None), _booster_names(model)):
        if found is not None:
            return [str(name) for name in found]
    if request["types"]:
        return list(request["types"])
    if request["example"] and request["example"]["columns"]:
        return [str(name) for name in request["example"]["columns"]]
    count = getattr(model, "n_features_in_", None)
    count = model.num_features() if count is None else count
    return [f"x{place}" for place in range(int(count))]


def _booster_names(model: Any) -> Any:  # noqa: ANN401 - as above
    found = getattr(model, "feature_names", None)
    if callable(getattr(model, "feature_name", None)):
        found = model.feature_name()
    return found or None


def _taken_apart(model: Any) -> tuple[dict[str, Any], dict[str, bytes]]:  # noqa: ANN401 - as above
    parts: dict[str, bytes] = {}
    classes = getattr(model, "classes_", None)
    head = model
    steps = getattr(model, "steps", None)
    if steps is not None:
        head = steps[-1][1]
        if len(steps) > 1:
            parts["preparation.skops"] = importlib.import_module("skops.io").dumps(type(model)(steps[:-1]))
    library = type(head).__module__.partition(".")[0]
    facts: dict[str, Any] = {"family": type(head).__name__, "task": _task(head, classes)}
    if classes is not None:
        facts["classes"] = [one.item() if hasattr(one, "item") else one for one in classes]
    if library == "lightgbm":
        booster = getattr(head, "booster_", head)
        best = getattr(booster, "best_iteration", -1)
        parts["head.txt"] = booster.model_to_string(num_iteration=best if best > 0 else -1).encode()
        facts["kind"] = "lightgbm"
    elif library == "xgboost":
        booster = head.get_booster() if hasattr(head, "get_booster") else head
        best = getattr(head, "best_iteration", None) if hasattr(head, "get_booster") else None
        booster = booster[: best + 1] if best is not None else booster
        parts["head.json"] = bytes(booster.save_raw("json"))
        facts["kind"] = "xgboost"
    else:
        parts["head.skops"] = importlib.import_module("skops.io").dumps(head)
        facts["kind"] = "skops"
    return facts, parts


def _task(head: Any, classes: Any) -> str:  # noqa: ANN401 - as above
    if classes is not None:
        return "classification"
    kind = getattr(head, "_estimator_type", "") or ""
    if not kind and hasattr(head, "__sklearn_tags__"):
        kind = str(head.__sklearn_tags__().estimator_type or "")
    return "clustering" if kind == "clusterer" else "regression"


def _probe(model: Any, names: list[str], request: dict[str, Any]) -> dict[str, Any] | None:  # noqa: ANN401 - as above
    """Ask the model about some rows, so that what is made of it can be held against it."""
    example = request["example"]
    try:
        numpy = importlib.import_module("numpy")
        if example is not None:
            rows, source = example["rows"], "the input example"
            columns = [str(name) for name in example["columns"] or names]
        else:
            if any(kind != "number" for kind in request["types"].values()):
                return None
            rows, source, columns = (
                numpy.random.default_rng(0).normal(size=(_ROWS, len(names))).tolist(),
                "drawn",
                names,
            )
        asked = rows if not hasattr(model, "feature_names_in_") else None
        if asked is None:
            frame = importlib.import_module("pandas").DataFrame(rows, columns=columns)
            X = frame[names]
        elif any(isinstance(value, str) for row in rows for value in row):
            return None
        else:
            X = numpy.asarray(rows, dtype=float)
        probe: dict[str, Any] = {"source": source, "columns": columns, "rows": rows}
        if type(model).__module__ == "xgboost.core":
            answers = model.inplace_predict(numpy.asarray(X, dtype=float))
        else:
            answers = model.predict(X)
        probe["answers"] = numpy.asarray(answers).tolist()
        if hasattr(model, "predict_proba"):
            probe["proba"] = numpy.asarray(model.predict_proba(X)).tolist()
    except Exception as error:  # noqa: BLE001 - the model's own code; it is then converted unchecked, and said to be
        return {"failed": f"{type(error).__name__}: {error}"[:500]}
    return probe


if __name__ == "__main__":
    main(Path(sys.argv[1]))
