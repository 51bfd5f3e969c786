"""An MLflow model: a folder that ``mlflow.pyfunc.load_model`` loads, and every tool that takes such models.

noria need not be installed there. The folder brings the few modules of noria that load a bundle and answer, as source,
and the bundle as data: no pickle, and files are checked against noria's own list of types as everywhere.

Reference: MLflow, storage format of models, flavor ``python_function``.
"""

from __future__ import annotations

import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from noria.deployment.context import bundle_faults, write_files
from noria.deployment.requirements import closure, libraries
from noria.deployment.target import Option, Written
from noria.deployment.yaml import dumps
from noria.pipeline.cachefile import CacheFile
from noria.pipeline.closure import LAYOUT, Sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.deployment.target import Wishes
    from noria.scoring.column import SignatureColumn
    from noria.scoring.scorer import Scorer
    from noria.serving.bundle import Bundle

__all__ = ["MLflow"]

_ROOTS = (
    "noria.serving.bundle",
    "noria.preparation.encoders",
    "noria.preparation.outliers",
    "noria.preparation.transforms",
)
"""What loads a bundle; and what a preparation may hold, which no import statement names."""

_LIBRARIES = ("blake3", "msgspec", "numpy", "pandas", "pyarrow")

_SHIM = '''\
"""Lets MLflow ask a model that noria trained. noria itself need not be installed: what is needed lies beside this."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from noria.serving.bundle import Bundle

DIGEST = "{digest}"


class Model:
    """Answers frames, each row checked against the signature of its training."""

    def __init__(self, folder):
        self._scorer = Bundle.read(Path(folder), digest=DIGEST).scorer()

    def predict(self, model_input, params=None):
        """Give a frame: prediction, score, a column p.CLASS for each class, flags."""
        table = pa.Table.from_pandas(pd.DataFrame(model_input), preserve_index=False)
        return self._scorer.score_table(table).to_pandas().set_axis(model_input.index)


def _load_pyfunc(path):
    return Model(path)
'''

_TYPES = {
    "float": "double",
    "int": "long",
    "bool": "boolean",
    "category": "string",
    "text": "string",
    "timestamp": "datetime",
}


class MLflow:
    """A model of flavor ``python_function``."""

    name = "mlflow"
    summary = "a folder that mlflow.pyfunc.load_model loads where noria is not installed"
    options: Mapping[str, Option] = {}

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the model."""
        scorer = bundle.scorer()
        bundle.write(folder / "data")
        pins = [f"{name}=={version(name)}" for name in closure((*_LIBRARIES, *libraries(scorer.engine)))]
        python = platform.python_version()
        environment = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
        write_files(
            folder,
            {
                "MLmodel": dumps(_description(bundle, scorer, python)),
                "requirements.txt": "".join(f"{pin}\n" for pin in pins),
                "python_env.yaml": dumps(environment),
                "code/noria_shim.py": _SHIM.format(digest=bundle.digest),
                **{f"code/{path}": text for path, text in _modules().items()},
            },
        )
        return Written(
            (
                "python -c 'import mlflow; print(mlflow.pyfunc.load_model(\".\").metadata.signature)'",
                "mlflow models serve -m . --env-manager local",
            ),
            notes=("a frame comes back: prediction, score, a column p.CLASS for each class, flags",),
        )

    def check(self, folder: Path) -> Sequence[str]:
        """Let the bundle answer, and read every module."""
        faults = bundle_faults(folder / "data")
        for path in sorted((folder / "code").rglob("*.py")):
            try:
                compile(path.read_text(encoding="utf-8"), path.name, "exec")
            except (SyntaxError, ValueError) as error:
                faults.append(f"{path.relative_to(folder)}: {error}")
        if not (folder / "MLmodel").is_file():
            faults.append("MLmodel is missing")
        return faults


def _description(bundle: Bundle, scorer: Scorer, python: str) -> dict[str, object]:
    signature = {
        "inputs": json.dumps([_input(column) for column in scorer.signature.columns]),
        "outputs": json.dumps(_outputs(scorer)),
        "params": None,
    }
    function = {
        "loader_module": "noria_shim",
        "code": "code",
        "data": "data",
        "env": {"virtualenv": "python_env.yaml"},
        "python_version": python,
    }
    noria = {"version": version("noria"), "model": bundle.version.ref, "bundle": bundle.digest, "data": "data"}
    return {
        "flavors": {"python_function": function, "noria": noria},
        "signature": signature,
        # The day the version was registered: the day of the export would make two exports differ.
        "utc_time_created": bundle.version.created.strftime("%Y-%m-%d %H:%M:%S.%f"),
    }


def _input(column: SignatureColumn) -> dict[str, object]:
    # A frame holds integers with gaps as floating-point numbers, and the client would refuse those as long.
    gaps = column.type == "int" and column.missing != "refuse"
    return {"type": "double" if gaps else _TYPES[column.type], "name": column.name, "required": True}


def _outputs(scorer: Scorer) -> list[dict[str, object]]:
    label = {"BYTES": "string", "INT64": "long", "BOOL": "boolean"}[scorer.label_datatype]
    task = scorer.signature.task
    prediction = label if task == "classification" else "double" if task == "regression" else "long"
    columns = {"prediction": prediction, "score": "double"}
    columns |= {f"p.{name}": "double" for name in scorer.classes} | {"flags": "string"}
    return [{"type": kind, "name": name, "required": True} for name, kind in columns.items()]


def _modules() -> dict[str, str]:
    """Give the source of all of noria that answering can reach."""
    with tempfile.TemporaryDirectory() as folder:
        sources = Sources(CacheFile(Path(folder) / "facts.json", LAYOUT))
        found = {path for root in _ROOTS for path in sources.closure(root, None).files}
    package = Path(__file__).parent.parent
    reached = {f"noria/{path.relative_to(package)}": path.read_text(encoding="utf-8") for path in sorted(found)}
    # Not the public face: it names all the rooms that are not here.
    return {"noria/__init__.py": f'"""The part of noria {version("noria")} that answers."""\n', **reached}
