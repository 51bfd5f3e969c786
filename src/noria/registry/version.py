"""One trained model with everything that says where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongArgument
from noria.store.blobs import Digest, digest_bytes, digest_json

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["MODEL_FOLDER", "ModelRef", "ModelVersion", "model_digest", "parse_ref"]

MODEL_FOLDER = "model/"
"""Under this prefix stand the files the model itself consists of; evidence stands beside it."""


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model: its files and where they come from never change once registered.

    Attributes
    ----------
    model, number : str, int
        Its name, counted from 1.
    created : datetime
        When it was registered.
    run_id : str
        The run that made it.
    dataset, data_digest : str
        The data it was trained on, as ``name@number`` and by content.
    code_commit, code_clean : str or None, bool or None
        The git commit, and whether the tree was clean; None outside git.
    environment : mapping
        Python, platform and library versions.
    params, metrics : mapping
        What it was trained with, and what the evaluation found.
    signature : mapping
        Its input (see `noria.scoring.signature`).
    model_digest : Digest
        Of the model's own files: equal for equal models, whatever the evidence beside them.
    evaluation_digest : Digest
        Of the evaluation that was made of it.
    files : mapping of path to Digest
        The model under ``model/``, evidence (reference profile, reports) beside it.
    family, task : str
        Such as ``random_forest`` and ``classification``.
    tags : mapping
        Free text.
    description : str
        What people wrote about it.
    source, run_link, logged_model_id : str
        Where another client said it came from, and which logged model that was.
    status : str
        ``ready``, ``pending`` or ``failed``.
    stage : str
        For clients that know stages: ``None``, ``Staging``, ``Production`` or ``Archived``.
    origin : str
        ``noria``, or ``mlflow`` for what an MLflow client logged.
    unsafe : str
        Why its files must never be loaded, as they can run code; empty: nothing of that sort was found.
    user_id : str
        Who registered it.
    updated : datetime or None
        When anything of this was last changed; tags, description and stage are all that can be.
    """

    model: str
    number: int
    created: datetime
    run_id: str
    dataset: str
    data_digest: Digest
    code_commit: str | None
    code_clean: bool | None
    environment: Mapping[str, object]
    params: Mapping[str, object]
    metrics: Mapping[str, object]
    signature: Mapping[str, object]
    model_digest: Digest
    evaluation_digest: Digest
    files: Mapping[str, Digest]
    family: str
    task: str
    tags: Mapping[str, str]
    description: str = ""
    source: str = ""
    run_link: str = ""
    logged_model_id: str = ""
    status: str = "ready"
    stage: str = "None"
    origin: str = "noria"
    unsafe: str = ""
    user_id: str = ""
    updated: datetime | None = None

    @property
    def ref(self) -> str:
        """How people write it: ``credit-risk@3``."""
        return f"{self.model}@{self.number}"


@dataclass(frozen=True)
class ModelRef:
    """What somebody wrote to mean a version: a number, an alias or ``latest``."""

    model: str
    which: int | str


def parse_ref(text: str, *, model: str | None = None) -> ModelRef:
    """Read ``name@3``, ``name@v3``, ``name@champion``, ``name`` (latest), and with a default model ``3`` or ``v3``.

    Parameters
    ----------
    text : str
        What was written.
    model : str, optional
        The model meant when only a version is written.

    Raises
    ------
    WrongArgument
        Nothing like it.

    Examples
    --------
    >>> parse_ref("credit-risk@champion")
    ModelRef(model='credit-risk', which='champion')
    >>> parse_ref("v3", model="credit-risk")
    ModelRef(model='credit-risk', which=3)
    """
    name, at, which = text.partition("@")
    if not at and model is not None:
        if _number(text) is not None:
            name, which = model, text
        elif text != model:
            name, which = (model, text) if text in ("champion", "challenger", "latest") else (text, "latest")
    if not name or (at and not which):
        raise WrongArgument(
            f"{text!r} does not name a model version",
            mend="write name@3, name@champion or name@latest",
            code="N-REGISTRY-001",
        )
    number = _number(which) if which else None
    return ModelRef(name, number if number is not None else which or "latest")


def _number(text: str) -> int | None:
    digits = text.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def model_digest(files: Mapping[str, bytes]) -> Digest:
    """Name a model by the content of its files, before it is registered.

    Parameters
    ----------
    files : mapping of path to bytes
        As `noria.registry.format.save` gives them, without the ``model/`` prefix.
    """
    return digest_json({path: digest_bytes(data) for path, data in files.items()})
