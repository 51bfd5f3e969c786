"""Step 6: the model on the locked rows, every metric with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets.settings import DataSettings
from noria.evaluation import evaluate as evaluation
from noria.preparation.frame import frame, labels
from noria.steps.matrix import answers, feature_columns, fitted, of_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.pipeline.context import StepContext
    from noria.steps.outputs import SplitOutput, TrainOutput

__all__ = ["evaluate"]


def evaluate(
    split: SplitOutput,
    train: TrainOutput,
    context: StepContext,
    *,
    data: Mapping[str, object],
    metric: str | None,
    slice_metrics: Sequence[str] = (),
    trusted: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Judge the model; give the evaluation as JSON.

    Parameters
    ----------
    split, train : mapping
        Outputs of those steps.
    context : StepContext
        Of the engine; gets every metric.
    data : mapping
        The section ``[data]``.
    metric : str or None
        The one that decides; the task's own when left out.
    slice_metrics : sequence of str
        Metrics that a gate wants judged on the worst slice.
    trusted : mapping of str to str, optional
        Class of the user's own that the model may hold -> digest of its code.
    """
    settings, table = DataSettings.model_validate(data), split["test"]
    model = fitted(train["model"], trusted or {}, context.root)
    rows = frame(table, feature_columns(split))
    found = evaluation.evaluate(
        model.task,
        labels(table, settings.target, task=model.task) if settings.target else None,
        answers(model, rows),
        metric=metric,
        positive=settings.positive,
        frame=rows,
        slice_metrics=slice_metrics,
        groups=of_group(table, settings.group),
        seed=context.seed,
    )
    for name, estimate in found.metrics.items():
        if estimate.value is not None:
            context.log_metric(name, estimate.value)
    decisive = found.metrics[found.metric]
    if decisive.value is not None:
        context.note(f"{found.metric} {decisive.value:.4g} on {found.n:,} locked rows")
    for note in found.notes:
        context.note(note)
    return found.to_json()
