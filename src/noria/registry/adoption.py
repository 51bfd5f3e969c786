"""Versions of models that other clients logged: kept as they are, labelled, and never loaded here."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import CorruptedBlob, ModelNotFound, UntrustedFormat
from noria.registry.catalog import add_version
from noria.registry.foreign import DESCRIPTION, Description, read_description, why_unsafe
from noria.registry.tables import registered_models
from noria.registry.version import MODEL_FOLDER
from noria.runs.artifacts import Artifacts
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion
    from noria.runs.run import Run
    from noria.store.blobs import Digest

__all__ = ["Whence", "adopt"]

_LOOKED_INTO = 256 << 20
"""Bytes up to which a file is looked into for what could run code; a larger one is judged by its name alone."""

_COMMIT_TAG = "mlflow.source.git.commit"


@dataclass(frozen=True)
class Whence:
    """Where a version comes from.

    Parameters
    ----------
    source : str
        As the client named it.
    owner, folder : str
        The run or logged model whose files it is made of, and the folder of them; an empty owner: the files are
        somewhere else, and only their address is kept.
    run : Run or None
        The run that made it.
    logged_model_id : str
        The logged model it was.
    run_link : str
        An address for people.
    files : mapping of str to Digest, or None
        The files themselves, of a version that is registered once more.
    """

    source: str
    owner: str = ""
    folder: str = ""
    run: Run | None = None
    logged_model_id: str = ""
    run_link: str = ""
    files: Mapping[str, Digest] | None = None


def adopt(
    registry: Registry,
    model: str,
    whence: Whence,
    *,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    user_id: str = "",
    dataset: str = "",
    number: int | None = None,
    at: datetime | None = None,
) -> ModelVersion:
    """Register what another client logged as the next version of a model.

    Its files are those that lie under the source now: what is logged there later changes nothing of the version.

    Parameters
    ----------
    registry : Registry
        Where to.
    model : str
        A model that is there.
    whence : Whence
        Where it comes from.
    description : str
        What people wrote about it.
    tags : mapping of str to str, optional
        Labels.
    user_id : str
        Who registers it.
    dataset : str
        The data it was trained on, as far as the run says.
    number : int, optional
        Its number, for one that is brought along from elsewhere; the next, when left out.
    at : datetime, optional
        When; now, when left out.

    Raises
    ------
    ModelNotFound
        There is no such model.
    """
    now = at or datetime.now(UTC)
    files = _files(registry, whence)
    said, unsafe = _looked_at(registry, files)
    run = whence.run
    row: dict[str, object] = {
        "model": model,
        "identity": uuid.uuid4().hex,
        "created": now,
        "updated": now,
        "run_id": run.id if run is not None else "",
        "dataset": dataset,
        "data_digest": "",
        "model_digest": digest_json(files),
        "evaluation_digest": "",
        "code_commit": run.tags.get(_COMMIT_TAG) or run.git_commit if run is not None else None,
        "code_clean": None,
        "task": "",
        "family": said.family if said.flavors else "unknown",
        "environment": {
            "mlflow": said.mlflow_version,
            "flavors": {name: dict(flavor) for name, flavor in said.flavors.items()},
            "signature": dict(said.signature),
        },
        "params": dict(run.params) if run is not None else {},
        "metrics": {name: value for name, value in run.metrics.items() if math.isfinite(value)} if run else {},
        "signature": {},
        "files": files,
        "description": description,
        "source": whence.source,
        "run_link": whence.run_link,
        "logged_model_id": whence.logged_model_id,
        "origin": "mlflow",
        "unsafe": unsafe,
        "user_id": user_id,
    }

    def work(connection: sa.Connection) -> int:
        there = sa.select(registered_models.c.name).where(registered_models.c.name == model)
        if connection.execute(there).first() is None:
            raise ModelNotFound(
                f"no model is called {model!r}", mend="create the registered model first", code="N-REGISTRY-002"
            )
        return add_version(connection, row, tags or {}, number=number)

    return registry.get(model, registry.write(work))


def _files(registry: Registry, whence: Whence) -> dict[str, Digest]:
    if whence.files is not None:
        return dict(whence.files)
    if not whence.owner:
        return {}
    book = Artifacts(registry.database)
    before = f"{whence.folder}/" if whence.folder else ""
    return {
        MODEL_FOLDER + file.path.removeprefix(before): file.digest for file in book.all(whence.owner, whence.folder)
    }


def _looked_at(registry: Registry, files: Mapping[str, Digest]) -> tuple[Description, str]:
    """Read what the model says of itself, and look for what could run code."""
    said, worries = Description(), []
    for path, digest in files.items():
        try:
            whole = registry.blobs.size(digest) <= _LOOKED_INTO
            content = registry.blobs.get(digest) if whole else b""
        except CorruptedBlob:
            worries.append(f"{path}: damaged in the store")
            continue
        if path == MODEL_FOLDER + DESCRIPTION:
            try:
                said = read_description(content)
            except UntrustedFormat as error:
                worries.append(f"{DESCRIPTION}: {error.why}")
        if why := why_unsafe([(path.removeprefix(MODEL_FOLDER), content)]):
            worries.append(why)
    return said, "; ".join(worries)
