"""What the records keep of a run's training: the version it made, and everything its fit was made from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from noria.errors import BlobNotFound, CorruptedBlob, NotFound, RunNotFound
from noria.pipeline.artifact import ArtifactRef, decode
from noria.pipeline.records import Records
from noria.pipeline.tables import actions
from noria.registry.version import MODEL_FOLDER, model_digest
from noria.runs.runs import Runs
from noria.store.blobs import Digest

if TYPE_CHECKING:
    from noria.pipeline.key import KeyParts
    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion
    from noria.steps.outputs import SplitOutput, TrainOutput
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["Recorded", "recorded", "split_of"]

_VERSION = re.compile(r"v?[0-9]{1,9}|champion|challenger|latest")


@dataclass(frozen=True)
class Recorded:
    """A training as the records have it.

    Parameters
    ----------
    run_id : str
        The run asked for, or the one that registered the version.
    version : ModelVersion or None
        What was registered of it; None where the run did not get that far.
    parts : KeyParts
        What the training depended on: parameters, inputs, code, libraries, seed.
    train : mapping
        Output of that step.
    """

    run_id: str
    version: ModelVersion | None
    parts: KeyParts
    train: TrainOutput

    @property
    def name(self) -> str:
        """How to call it: the version, else the run."""
        return self.version.ref if self.version is not None else f"run {self.run_id}"


def recorded(database: Database, blobs: Blobs, registry: Registry, text: str, *, project: str) -> Recorded:
    """Find a training by its run (the first digits do) or by a version it made.

    Parameters
    ----------
    database, blobs : Database, Blobs
        The store.
    registry : Registry
        Where versions are.
    text : str
        A run, or ``NAME@3``, ``NAME@champion``, ``3``, ``champion``.
    project : str
        Whose runs these are.

    Raises
    ------
    RunNotFound, ModelNotFound
        There is no such run or version.
    NotFound
        The run trained nothing, or what its training gave or was made from is no longer in the records.
    """
    version = None
    if "@" in text or text == project or _VERSION.fullmatch(text):
        version = registry.resolve(text, model=project)
        run_id = version.run_id
    else:
        run_id = Runs(database).get(text).id
    records = Records(database, project)
    state = next((one for one in records.states(run_id) if one.step == "train"), None) if run_id else None
    parts = records.parts(state.key) if state is not None and state.key is not None else None
    output = state.output if state is not None else None
    if version is not None and (parts is None or output is None):  # the run was tidied away; what it computed was not
        parts, output = _made(database, version)
    if parts is None or output is None:
        raise _nothing(text, state.state if state is not None else None, version)
    try:
        train = cast("TrainOutput", decode(output, blobs))
    except (BlobNotFound, CorruptedBlob) as error:
        raise NotFound(
            f"what the training of {text} gave is no longer in the store",
            why=error.what,
            mend="noria fsck       tells what is damaged and what can be made again",
            code="N-STEPS-011",
        ) from None
    if version is None and isinstance(train, Mapping) and "model" in train:
        digest = model_digest(train["model"])
        same = [one for one in registry.versions(project) if one.model_digest == digest]
        version = next((one for one in same if one.run_id == run_id), same[0] if same else None)
    return Recorded(run_id, version, parts, train)


def split_of(found: Recorded, blobs: Blobs) -> SplitOutput:
    """Read the rows the training had.

    Raises
    ------
    NotFound
        They are not in the store any more, as after an erasure.
    """
    inputs = cast("Mapping[str, tuple[str, str]]", found.parts.get("inputs") or {})
    if "split" not in inputs:
        raise NotFound(f"the record of {found.name} does not say which rows it had", code="N-STEPS-012")
    kind, digest = inputs["split"]
    try:
        return cast("SplitOutput", decode(ArtifactRef(kind, Digest(digest)), blobs))  # type: ignore[arg-type]
    except (BlobNotFound, CorruptedBlob) as error:
        raise NotFound(
            f"the rows {found.name} was trained on are no longer in the store",
            why=f"{error.what}; data that was erased or swept away cannot be learned from again",
            mend="noria data log        lists the versions that are here\nnoria run             trains on today's",
            code="N-STEPS-013",
        ) from None


def _made(database: Database, version: ModelVersion) -> tuple[KeyParts | None, ArtifactRef | None]:
    """Find the training whose output holds a version's files."""
    wanted = {digest for path, digest in version.files.items() if path.startswith(MODEL_FOLDER)}
    query = sa.select(actions.c.parts, actions.c.output).where(actions.c.step == "train")
    with database.reading() as connection:
        for row in connection.execute(query.order_by(actions.c.created.desc())):
            output = ArtifactRef.from_json(row.output)
            if wanted and wanted <= set(output.objects):
                return row.parts, output
    return None, None


def _nothing(text: str, state: str | None, version: ModelVersion | None) -> NotFound:
    if version is not None and version.origin != "noria":
        return NotFound(
            f"{version.ref} was logged by another client: noria has no record of how it was made", code="N-STEPS-010"
        )
    if state == "failed":
        return RunNotFound(
            f"run {text} has no model: its training failed", mend=f"noria runs show {text}", code="N-STEPS-010"
        )
    why = (
        "its training is not among the records any more, or was never one of the pipeline"
        if version is not None
        else "it is no run of the pipeline, or it ended before the training"
    )
    return NotFound(
        f"there is no record of a training of {text}",
        why=why,
        mend="noria runs list       lists runs\nnoria models list     lists versions",
        code="N-STEPS-010",
    )
