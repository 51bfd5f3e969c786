"""The cheap steps of a run, done for nothing but what they refuse: `noria check` says it before `noria run` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from noria.datasets.settings import DataSettings
from noria.evaluation.catalogue import find
from noria.evaluation.classes import class_named
from noria.evaluation.measures import MEASURES
from noria.evaluation.settings import EvaluateSettings
from noria.pipeline.context import StepContext
from noria.pipeline.discovery import discover
from noria.preparation.frame import labels
from noria.steps.clean import clean
from noria.steps.fitting import judged_rows, recipes_of
from noria.steps.out_of_fold import groups_of, must_be_two
from noria.steps.protected import protected_columns
from noria.steps.split import split
from noria.steps.standard import standard_steps
from noria.steps.train import without_own
from noria.store.blobs import Blobs
from noria.training.settings import ModelSettings
from noria.training.task import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noria.evaluation.catalogue import Task
    from noria.evaluation.judged import Label
    from noria.pipeline.step import Step
    from noria.project.file import Project
    from noria.steps.outputs import CheckOutput

__all__ = ["rehearse"]


def rehearse(project: Project, table: pa.Table) -> list[dict[str, object]]:
    """Clean, split and set up the preparation, keeping nothing; give what rows of both sides know of each other.

    Left out where a step of ``pipeline.py`` stands among them: that is the user's code, and only a run runs it.

    Parameters
    ----------
    project : Project
        The effective project file.
    table : Table
        The rows that passed the checks.

    Raises
    ------
    WrongSetting, WrongData
        What `noria run` would refuse with.
    """
    values = cast("Mapping[str, Mapping[str, object]]", project.values)
    steps = standard_steps(values, name=project.name, token="")
    if _has_own_steps(project, steps):
        return []
    asked = {step.name: cast("Any", dict(step.params)) for step in steps}
    context = StepContext(
        "check", "", project.root, 7, Blobs(project.root / ".noria" / "objects"), "sqlite://", lambda message: None
    )
    wanted = DataSettings.model_validate(asked["split"]["data"])
    kept = table.filter(table[wanted.target].is_valid()) if wanted.target else table
    passed: CheckOutput = {"table": kept, "report": {}, "dataset": {}}
    parts = split(clean(passed, context, **asked["clean"]), context, **asked["split"])
    model = ModelSettings.model_validate(asked["train"]["model"])
    looked = EvaluateSettings.model_validate(asked["evaluate"]["settings"])
    protected_columns(parts, wanted, looked)
    groups_of(parts, parts["test"], looked.conformal)
    recipes_of(parts, without_own(asked["train"]["prepare"]), seed=model.seed)
    if wanted.target:
        task, rows = parts["about"]["task"], parts["train"]
        target = labels(rows, wanted.target, task=task)
        encode(target, task)
        _gates(asked["gate"]["gates"], task, [*target, *labels(parts["test"], wanted.target, task=task)])
        if looked.threshold is not None:
            must_be_two(task, set(target.tolist()))
        judged_rows(parts, wanted, model, target)
    return parts.get("findings", [])


def _gates(gates: Sequence[Mapping[str, Any]], task: Task, told: Sequence[Label]) -> None:
    """Hold what gates name against what there is."""
    for gate in gates:
        if gate["metric"] is not None and gate["metric"] not in MEASURES:
            find(gate["metric"], task)
        if gate["of_class"] is not None:
            class_named(gate["of_class"], list(dict.fromkeys(told)))


def _has_own_steps(project: Project, standard: Sequence[Step]) -> bool:
    sections = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", project.values["steps"])
    params = {step: section["params"] for step, section in sections.items()}
    return any(step.root is not None for step in discover(project.root / "pipeline.py", standard, params))
