"""Step 5: the candidates race in cross-validation; the winner is fitted on all training rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from noria.datasets.settings import DataSettings
from noria.duration import parse_duration
from noria.evaluation import metrics
from noria.pipeline.artifact import Files
from noria.preparation.frame import frame, labels
from noria.preparation.recipe import preparation
from noria.preparation.settings import PrepareSettings
from noria.registry import format as formats
from noria.steps.matrix import feature_columns, moments, of_group
from noria.training.families import resolve
from noria.training.folds import folds
from noria.training.inner import Bonds
from noria.training.own import importable
from noria.training.search import select
from noria.training.settings import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.pipeline.context import StepContext
    from noria.steps.outputs import SplitOutput, TrainOutput
    from noria.training.candidate import Progress, Selection
    from noria.training.family import Family
    from noria.training.trial import Preparation

__all__ = ["refuse_recipe", "train"]


def train(
    split: SplitOutput,
    context: StepContext,
    *,
    data: Mapping[str, object],
    model: Mapping[str, object],
    prepare: Mapping[str, object],
    trusted: Mapping[str, str] | None = None,
) -> TrainOutput:
    """Select and fit.

    Parameters
    ----------
    split : mapping
        Output of that step.
    context : StepContext
        Of the engine; gets the progress and the winner's parameters.
    data, model, prepare : mapping
        The sections of the project file.
    trusted : mapping of str to str, optional
        Class of the user's own that the model may hold -> digest of its code.

    Returns
    -------
    dict
        ``model``: its files; ``selection``: the table of candidates as JSON.
    """
    wanted, settings = DataSettings.model_validate(data), ModelSettings.model_validate(model)
    recipe, about, table = PrepareSettings.model_validate(prepare), split["about"], split["train"]
    if trusted:
        importable(context.root)
    task, columns = about["task"], feature_columns(split)
    matrix = frame(table, columns)
    target = labels(table, wanted.target, task=task) if wanted.target else None
    metric = metrics.get(settings.metric, task)
    groups = of_group(table, wanted.group)
    times = moments(table, wanted.time) if about["method"] == "time" else None
    gap = parse_duration(about["gap"]) if "gap" in about else timedelta(0)

    def prepared(family: Family) -> Preparation:
        return preparation(  # type: ignore[no-any-return] # scikit-learn has no types
            columns, recipe, encoding=family.encoding, task=task, seed=settings.seed
        )

    refuse_recipe(split, prepare, seed=settings.seed)

    def told(progress: Progress) -> None:
        result, text = progress.result, progress.text
        if result is not None and result.mean is not None:
            # The search minimises errors; people read the metric that decides.
            text = f"{result.name}: {metric.from_error(result.mean):.4f}"
        context.progress(progress.done, text)

    selection = select(
        matrix,
        target,
        task=task,
        families=resolve(settings.candidates, task),
        prepare=prepared,
        error=metrics.error_for(metric, positive=wanted.positive),
        splitter=[]
        if target is None
        else folds(
            target,
            n_rows=table.num_rows,
            task=task,
            k=settings.folds,
            seed=settings.seed,
            groups=groups,
            times=times,
            gap=gap,
        ),
        bonds=Bonds.of(groups, times, gap),
        budget_seconds=settings.budget_seconds,
        trials=settings.trials,
        seed=settings.seed,
        report=told,
    )
    for name, value in selection.winner.params.items():
        context.log_param(f"model.{name}", value)
    context.log_param("model", selection.winner.family)
    context.note(_summary(selection))
    return {
        "model": Files(formats.save(selection.model, trusted=trusted or {})),
        "selection": selection.to_json(),
    }


def refuse_recipe(split: SplitOutput, prepare: Mapping[str, object], *, seed: int) -> None:
    """Refuse a rule that no candidate could follow, as what it is and before any is tried.

    Raises
    ------
    WrongSetting
        ``[prepare]`` names a column that is not there, or a rule that does not fit it.
    """
    recipe, columns = PrepareSettings.model_validate(prepare), feature_columns(split)
    for encoding in ("linear", "tree"):
        preparation(columns, recipe, encoding=encoding, task=split["about"]["task"], seed=seed)


def _summary(selection: Selection) -> str:
    winner = selection.winner
    complete = sum(row.status == "complete" for row in selection.table)
    beaten = "" if selection.beats_baseline else "; it does NOT beat the baseline that knows only the target"
    tried = f"{len(selection.table)} candidates, {complete} of them judged on every fold"
    return f"{winner.name} wins of {tried} ({selection.stopped_by}){beaten}"
