"""The facts of a run, for the account of why its model was chosen: of a version, or of what a run got to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from noria.errors import BlobNotFound, CorruptedBlob, NotFound
from noria.evaluation import metrics
from noria.pipeline.artifact import ArtifactRef, decode
from noria.pipeline.records import Records
from noria.runs.runs import Runs
from noria.steps.facts import facts
from noria.steps.recorded import recorded

if TYPE_CHECKING:
    from noria.pipeline.records import StepRecord
    from noria.registry.aliases import Aliases
    from noria.registry.catalog import Registry
    from noria.registry.verdicts import Verdicts
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["explained"]


def explained(
    database: Database,
    blobs: Blobs,
    registry: Registry,
    verdicts: Verdicts,
    aliases: Aliases,
    text: str,
    *,
    project: str,
) -> dict[str, object]:
    """Gather what `noria.evaluation.account.account` tells of a run or a version.

    Parameters
    ----------
    database, blobs, registry, verdicts, aliases
        The rooms.
    text : str
        A run, or a version; see `noria.steps.recorded.recorded`.
    project : str
        Whose runs these are.

    Raises
    ------
    RunNotFound, ModelNotFound, NotFound
        There is no such run or version, or it was none of the pipeline.
    """
    try:
        found = recorded(database, blobs, registry, text, project=project)
    except NotFound as error:
        if error.code != "N-STEPS-010":
            raise
        return _broken_off(database, blobs, text, project, error)
    folds = _folds(found.parts)
    if found.version is None:
        run = Runs(database).get(found.run_id)
        return _of_steps(Records(database, project).states(run.id), blobs, project) | {"folds": folds}
    version = found.version
    standing = [name for name, number in aliases.all(version.model).items() if number == version.number]
    # Two runs may make the same model; each tells of its own search.
    selection = found.train["selection"]
    return facts(registry, verdicts, version) | {"selection": selection, "standing": standing, "folds": folds}


def _broken_off(database: Database, blobs: Blobs, text: str, project: str, error: NotFound) -> dict[str, object]:
    """Tell of a run that did not get to a model; another error says that it was none of the pipeline."""
    run = Runs(database).get(text) if "@" not in text else None
    states = Records(database, project).states(run.id) if run is not None else []
    if not states:
        raise error
    return _of_steps(states, blobs, project)


def _of_steps(states: list[StepRecord], blobs: Blobs, project: str) -> dict[str, object]:
    outputs = {one.step: _output(one.output, blobs) for one in states}
    check, split, train, judged = (_mapping(outputs.get(name)) for name in ("check", "split", "train", "evaluate"))
    about = _mapping(split.get("about"))
    told: dict[str, object] = {"project": f"a run of {project}", "dataset": _mapping(check.get("dataset"))}
    told |= {"checks": _mapping(check.get("report")), "split": about, "selection": _mapping(train.get("selection"))}
    if judged:
        told["evaluation"] = judged
    elif about:
        told["metric"] = metrics.get(None, about["task"]).name
    ended = next((one for one in states if one.state in ("failed", "running", "cancelled")), None)
    if ended is not None:
        told["stopped"] = {"step": ended.step, "state": ended.state, **dict(ended.error or {})}
    return told


def _output(ref: ArtifactRef | None, blobs: Blobs) -> object:
    if ref is None:
        return None
    try:
        return decode(ref, blobs)
    except (BlobNotFound, CorruptedBlob):
        return None  # what is left is told


def _folds(parts: Mapping[str, object]) -> int | None:
    model = _mapping(_mapping(parts.get("params")).get("model"))
    folds = model.get("folds")
    return folds if isinstance(folds, int) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
