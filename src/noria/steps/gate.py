"""Step 7: what the version must show, also beside the champion on the same rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.datasets.settings import DataSettings
from noria.evaluation import gates as judging
from noria.evaluation.clustering import space_of
from noria.evaluation.evaluate import Evaluation
from noria.evaluation.settings import Gate
from noria.preparation.frame import frame, labels
from noria.registry.catalog import Registry
from noria.registry.verdicts import Verdicts
from noria.registry.version import model_digest
from noria.scoring.signature import Signature
from noria.steps.matrix import answers, feature_columns, fitted, of_group
from noria.steps.split import COLLECTED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

    from noria.pipeline.context import StepContext
    from noria.steps.outputs import GateOutput, SplitOutput, TrainOutput

__all__ = ["gate"]

_ENOUGH = 30
"""Held-out rows from production, of each class, that make a comparison on those rows alone worth more than on all."""


def gate(
    split: SplitOutput,
    train: TrainOutput,
    evaluate: Mapping[str, object],
    context: StepContext,
    *,
    name: str,
    gates: Sequence[Mapping[str, object]],
    champion: int | None,
    data: Mapping[str, object],
    trusted: Mapping[str, str] | None = None,
) -> GateOutput:
    """Judge, and write the verdicts down for this model.

    Returns
    -------
    dict
        JSON: ``passed`` and ``model_digest``. The verdicts themselves are records: a reworded or moved bound that
        changes no verdict re-runs this step and nothing after it.
    """
    settings = DataSettings.model_validate(data)
    files = train["model"]
    digest = model_digest(files)
    evidence = (
        _beside_champion(split, train, context, name, champion, settings, trusted or {})
        if champion is not None
        else None
    )
    verdicts = judging.judge([Gate.model_validate(rule) for rule in gates], Evaluation.from_json(evaluate), evidence)
    for verdict in verdicts:
        context.note(verdict.message)
    Verdicts(context.database).record(name, digest, context.run_id, judging.to_json(verdicts), datetime.now(UTC))
    return {"passed": all(verdict.passed for verdict in verdicts), "model_digest": digest}


def _beside_champion(
    split: SplitOutput,
    train: TrainOutput,
    context: StepContext,
    name: str,
    number: int,
    settings: DataSettings,
    trusted: Collection[str],
) -> judging.ChampionEvidence:
    """Ask both models about the same held-out rows: those that came back from production where there are enough."""
    registry = Registry(context.database, context.blobs)
    version = registry.get(name, number)
    champion = fitted(registry.files(version), trusted, context.root)
    signature = Signature.from_json(version.signature)
    challenger = fitted(train["model"], trusted, context.root)
    table, note = _rows(split["test"], settings, champion.task)
    rows = frame(table, feature_columns(split))
    return judging.ChampionEvidence(
        version=version.ref,
        y=labels(table, settings.target, task=champion.task) if settings.target else None,
        challenger=answers(challenger, rows),
        champion=answers(champion, frame(table, list(signature.features))),
        positive=settings.positive,
        # Both clusterings are judged in one space, which the challenger's columns span.
        space=space_of(rows) if champion.task == "clustering" else None,
        groups=of_group(table, settings.group),
        seed=context.seed,
        note=note,
    )


def _rows(test: pa.Table, settings: DataSettings, task: str) -> tuple[pa.Table, str]:
    import pyarrow.compute as pc  # noqa: PLC0415 - the engine imports this module to look at it

    if COLLECTED not in test.column_names:
        return test, "the champion may have trained on some of these rows"
    recent = test.filter(pc.fill_null(test[COLLECTED], False))
    counts = (
        [count["counts"] for count in pc.value_counts(recent[settings.target]).to_pylist()]
        if task == "classification" and settings.target
        else [recent.num_rows]
    )
    classes = 2 if task == "classification" else 1
    if len(counts) >= classes and min(counts) >= _ENOUGH:
        return recent, "on held-out rows that came back from production"
    return test, f"on all test rows: only {recent.num_rows:,} of them came back from production"
