"""Making a safe version of a model that another client logged.

Only whoever wrote a pickle knows what it does when it is opened, so it is opened in a process of its own: without the
environment of this one, in a folder that is thrown away, bounded in time, memory and size of files. It can still read
what this user can read and reach the network, and that has to be agreed to. What the process leaves is read as every
foreign file is; what comes of it must answer as the model itself did.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from noria.errors import CheckFailed, StepFailed, UntrustedFormat, WrongArgument
from noria.registry import format as formats
from noria.registry.assembly import assemble, differences, known_categories
from noria.registry.foreign import DESCRIPTION, Description, read_description
from noria.registry.version import MODEL_FOLDER
from noria.store.files import contained

if TYPE_CHECKING:
    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion

__all__ = ["Converted", "convert"]

FLAVORS = ("sklearn", "lightgbm", "xgboost")
SECONDS = 120

_MOST_OUTPUT = 64 << 10
_MOST_PART = 2 << 30
_MOST_EXAMPLE = 4 << 20
_KINDS = {
    "double": "number", "float": "number", "long": "number", "integer": "number", "boolean": "number",
    "string": "string", "datetime": "timestamp",
}  # fmt: skip


@dataclass(frozen=True)
class Converted:
    """What came of it.

    Parameters
    ----------
    files : mapping of str to bytes
        The model in noria's own format.
    task, family : str
        What it does, and the class that does it.
    columns : tuple of (name, kind)
        Its features.
    types : mapping of str to str
        Types of the columns as the client wrote them.
    categories : mapping of str to tuple of str
        What columns of texts may hold, where the model knows.
    classes : tuple, or None
        Labels of a classification.
    checked : str
        On which rows it was found to answer as the original; empty: on none.
    note : str
        Why on none.
    """

    files: Mapping[str, bytes]
    task: str
    family: str
    columns: tuple[tuple[str, str], ...]
    types: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str | int | bool, ...] | None = None
    checked: str = ""
    note: str = ""


def convert(
    registry: Registry, version: ModelVersion, *, python: str = sys.executable, seconds: int = SECONDS
) -> Converted:
    """Open a foreign version in a process of its own and make files of noria's format of it.

    Parameters
    ----------
    registry : Registry
        Where it is.
    version : ModelVersion
        What another client logged.
    python : str
        The Python that opens it: one with the libraries the model was made with, and skops.
    seconds : int
        How long it may take.

    Raises
    ------
    WrongArgument
        It is noria's own already, or of a library that cannot be converted.
    StepFailed
        The process failed or took too long.
    UntrustedFormat
        What it left holds what noria does not load.
    CheckFailed
        The converted model answers otherwise than the original.
    """
    said, file = _described(registry, version)
    example = _example(registry, version)
    types = _types(said)
    request = {
        **file,
        "types": {name: _KINDS.get(kind, "string") for name, kind in types.items()},
        "example": example,
        "seconds": seconds,
    }
    with tempfile.TemporaryDirectory(prefix="noria-convert-") as name:
        folder = Path(name)
        for path, digest in version.files.items():
            if path.startswith(MODEL_FOLDER):
                target = contained(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(registry.blobs.get(digest))
        (folder / "out").mkdir()
        (folder / "request.json").write_text(json.dumps(request))
        _run(folder, python, seconds)
        parts = _left(folder / "out")
    facts = _facts(parts.pop("facts.json", b""))
    model = assemble(facts, parts, types=cast("Mapping[str, str]", request["types"]))
    files = formats.save(model)
    checked, note = "", ""
    probe = facts.get("probe")
    if isinstance(probe, dict) and "failed" not in probe:
        wrong = differences(formats.load(files), probe)
        if wrong:
            raise CheckFailed(
                f"{version.ref} cannot be converted: the converted model answers otherwise",
                why=wrong,
                mend="train it with noria, or serve it with the client that logged it",
                code="N-REGISTRY-052",
            )
        rows = f"{len(cast('list[object]', probe['rows']))} rows"
        checked = f"{rows} of the input example" if probe.get("source") != "drawn" else f"{rows} drawn at random"
    else:
        note = str(probe["failed"]) if isinstance(probe, dict) else "it was logged without an input example"
    return Converted(
        files=files,
        task=model.task,
        family=model.family,
        columns=tuple((name, str(kind)) for name, kind in model.columns),
        types=types,
        categories=known_categories(model),
        classes=model.classes,
        checked=checked,
        note=note,
    )


def _described(registry: Registry, version: ModelVersion) -> tuple[Description, dict[str, str]]:
    if version.origin == "noria":
        raise WrongArgument(
            f"{version.ref} is in noria's own format already", mend="there is nothing to do", code="N-REGISTRY-050"
        )
    digest = version.files.get(MODEL_FOLDER + DESCRIPTION)
    if digest is None:
        raise _impossible(version, f"it has no file {DESCRIPTION}" if version.files else "its files are elsewhere")
    said = read_description(registry.blobs.get(digest))
    for flavor in FLAVORS:
        own = said.flavors.get(flavor)
        if own is None:
            continue
        file = str(own.get("pickled_model") or own.get("data") or own.get("model_data") or "model.pkl")
        if MODEL_FOLDER + file not in version.files:
            raise _impossible(version, f"its file {file[:80]!r} is missing")
        return said, {
            "flavor": flavor,
            "file": file,
            "model_class": str(own.get("model_class") or ""),
            "serialization": str(own.get("serialization_format") or ""),
        }
    known = ", ".join(said.flavors) or "none"
    raise _impossible(version, f"its flavors are {known}; these can be converted: {', '.join(FLAVORS)}")


def _impossible(version: ModelVersion, why: str) -> WrongArgument:
    return WrongArgument(
        f"{version.ref} cannot be converted",
        why=why,
        mend="train it with noria, or serve it with the client that logged it",
        code="N-REGISTRY-051",
    )


def _types(said: Description) -> dict[str, str]:
    """Read the names and types of the inputs, as far as the client wrote them."""
    try:
        inputs = json.loads(str(said.signature.get("inputs") or "[]"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(inputs, list):
        return {}
    return {
        str(one["name"]): str(one.get("type", ""))
        for one in inputs
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    }


def _example(registry: Registry, version: ModelVersion) -> dict[str, object] | None:
    digest = version.files.get(f"{MODEL_FOLDER}input_example.json")
    if digest is None or registry.blobs.size(digest) > _MOST_EXAMPLE:
        return None
    try:
        value = json.loads(registry.blobs.get(digest))
    except (ValueError, RecursionError):
        return None
    columns: list[object] | None = None
    if isinstance(value, dict) and isinstance(value.get("columns"), list):
        columns, value = value["columns"], value.get("data")
    elif isinstance(value, dict):
        value = value.get("data", value.get("inputs", value.get("instances")))
    sound = isinstance(value, list) and value and all(isinstance(row, list) for row in value)
    width = len(value[0]) if sound else 0
    if not sound or any(len(row) != width for row in value) or (columns is not None and len(columns) != width):
        return None
    plain = (str, int, float, bool, type(None))
    if not all(isinstance(item, plain) for row in value for item in row):
        return None
    return {"columns": None if columns is None else [str(name) for name in columns], "rows": value}


def _run(folder: Path, python: str, seconds: int) -> None:
    script = folder / "unpickler.py"
    script.write_bytes((Path(__file__).parent / "unpickler.py").read_bytes())
    # Nothing of this environment but what a library needs to start: no token, no password, no way to a database.
    environment = {
        "PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
    }  # fmt: skip
    log = folder / "log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # the command is ours; what it opens was agreed to
                [python, "-I", str(script), str(folder)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise WrongArgument(
                f"{python} cannot be started",
                why=str(error),
                mend="name a Python: --python PATH",
                code="N-REGISTRY-053",
            ) from error
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            # What it may have started belongs to its group, and goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if status == 0:
        return
    lines = _tail(log)
    why = f"it took longer than {seconds} s" if status is None else "\n".join(lines) or f"it ended with status {status}"
    missing = any("ModuleNotFoundError" in line for line in lines)
    raise StepFailed(
        "the model could not be opened",
        why=why,
        mend="give a Python that has its libraries, and skops: --python PATH"
        if missing
        else "open it with the versions of the libraries it was made with: --python PATH",
        code="N-REGISTRY-054",
    )


def _tail(log: Path) -> list[str]:
    with log.open("rb") as content:
        content.seek(max(0, log.stat().st_size - _MOST_OUTPUT))
        text = content.read(_MOST_OUTPUT).decode("utf-8", "replace")
    shown = ["".join(letter for letter in line if letter.isprintable())[:300] for line in text.splitlines()]
    return [line for line in shown if line.strip()][-3:]


def _left(folder: Path) -> dict[str, bytes]:
    """Read what the process left: plain files under names that are known, nothing else."""
    found = {}
    for name in ("facts.json", "preparation.skops", "head.skops", "head.txt", "head.json"):
        try:
            descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _odd(f"{name}: {error.strerror}") from error
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > _MOST_PART:
                raise _odd(f"{name} is no plain file, or larger than a model may be")
            with os.fdopen(os.dup(descriptor), "rb") as content:
                found[name] = content.read(_MOST_PART)
        finally:
            os.close(descriptor)
    return found


def _facts(content: bytes) -> dict[str, object]:
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise _odd("facts.json is no JSON object")
    return facts


def _odd(why: str) -> UntrustedFormat:
    return UntrustedFormat(
        "what opened the model left something else than a model",
        why=why,
        mend="look at what the model does when it is opened, before you open it again",
        code="N-REGISTRY-055",
    )
