"""Step 6: the model on the locked rows, every metric with its interval."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from noria.datasets.settings import DataSettings
from noria.evaluation import evaluate as evaluation
from noria.evaluation.classes import weakest
from noria.evaluation.fairness import told_of
from noria.evaluation.settings import EvaluateSettings
from noria.evaluation.wording import estimate as estimate_of
from noria.preparation.frame import frame, labels
from noria.steps.matrix import answers, feature_columns, fitted, of_group
from noria.steps.out_of_fold import conformal_of, groups_of, threshold_of
from noria.steps.protected import personal_columns, protected_columns

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
    settings: Mapping[str, object] | None = None,
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
    settings : mapping, optional
        The section ``[evaluate]``.
    """
    wanted = EvaluateSettings.model_validate(settings or {})
    roles, table = DataSettings.model_validate(data), split["test"]
    model = fitted(train["model"], trusted or {}, context.root)
    rows, guarded = frame(table, feature_columns(split)), protected_columns(split, roles, wanted)
    found = evaluation.evaluate(
        model.task,
        labels(table, roles.target, task=model.task) if roles.target else None,
        answers(model, rows),
        metric=metric,
        positive=roles.positive,
        frame=rows,
        slice_metrics=slice_metrics,
        groups=of_group(table, roles.group),
        protected=frame(table, guarded) if guarded else None,
        personal=personal_columns(roles),
        conformal=conformal_of(split, train, model, roles, wanted.conformal),
        conformal_groups=groups_of(split, table, wanted.conformal),
        threshold=threshold_of(split, train, model, roles, wanted.threshold, seed=context.seed),
        rule=wanted.threshold,
        seed=context.seed,
    )
    for name, estimate in found.metrics.items():
        if estimate.value is not None:
            context.log_metric(name, estimate.value)
    decisive = found.metrics[found.metric]
    if decisive.value is not None:
        context.note(f"{found.metric} {decisive.value:.4g} on {found.n:,} locked rows")
    weak = weakest(found.of_classes)
    if weak is not None:
        told = estimate_of(weak.f1.to_json(), "f1")
        context.note(f"weakest of {len(found.classes)} classes: {weak.label}, F1 {told} on {weak.n:,} rows")
    if found.threshold is not None:
        context.log_metric("threshold", found.threshold.value)
        context.note(f"called {found.positive} from {found.threshold.value:.3f} on: {found.threshold.rule}")
    for each in found.fairness:
        if each.parity_ratio.value is not None:
            # A column may be called anything; a metric may not.
            named = re.sub(r"[^\w -]", "_", each.name)[:200]
            context.log_metric(f"parity_ratio.{named}", each.parity_ratio.value)
            context.note(f"{each.name}: {told_of(each)}")
    if guarded and not found.fairness:
        context.note("fairness is judged for decisions between classes only")
    if found.conformal is not None and found.conformal.test is not None:
        held = found.conformal.test.share.value or 0.0
        context.log_metric("coverage", held)
        context.note(f"{held:.1%} of the locked rows had the truth inside, {found.conformal.regions.level:.0%} wanted")
    for note in found.notes:
        context.note(note)
    return found.to_json()
