"""Step 7: what the version must show, also beside the champion on the same rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.datasets.marks import COLLECTED
from noria.datasets.settings import DataSettings
from noria.evaluation import gates as judging
from noria.evaluation.clustering import space_of
from noria.evaluation.evaluate import Evaluation
from noria.evaluation.settings import Gate
from noria.evaluation.threshold import decided
from noria.preparation.frame import frame, labels
from noria.registry.catalog import Registry
from noria.registry.verdicts import Verdicts
from noria.registry.version import model_digest
from noria.scoring.signature import Signature
from noria.steps import measuring
from noria.steps.matrix import TRAINED_ON, answers, feature_columns, fingerprints, fitted, of_group
from noria.steps.present import enough, present
from noria.steps.signing import signature_of
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.evaluation.measured import Measured
    from noria.pipeline.context import StepContext
    from noria.steps.outputs import GateOutput, SplitOutput, TrainOutput

__all__ = ["gate"]


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
    day: str = "",
) -> GateOutput:
    """Judge, and write the verdicts down for this model.

    Parameters
    ----------
    split, train, evaluate : mapping
        Outputs of those steps.
    context : StepContext
        Of the engine; gets every verdict.
    name : str
        Of the model.
    gates : sequence of mapping
        The sections ``[[gates]]``.
    champion : int or None
        Version to compare with.
    data : mapping
        The section ``[data]``.
    trusted : mapping of str to str, optional
        Class of the user's own that the models may hold -> digest of its code.
    day : str
        Today, where a gate asks how old the data is: it is only part of what the step depends on.

    Returns
    -------
    dict
        JSON: ``passed`` and ``model_digest``. The verdicts themselves are records: a reworded or moved bound that
        changes no verdict re-runs this step and nothing after it.
    """
    settings, judged = DataSettings.model_validate(data), Evaluation.from_json(evaluate)
    files = train["model"]
    digest = model_digest(files)
    evidence = (
        _beside_champion(split, train, judged, context, name, champion, settings, trusted or {})
        if champion is not None and any(rule.get("against") for rule in gates)
        else None
    )
    rules = [Gate.model_validate(rule) for rule in gates]
    measured = _measured({str(rule.metric) for rule in rules}, split, train, judged, settings, context, name, champion,
                         trusted or {})  # fmt: skip
    verdicts = judging.judge(rules, judged, evidence, measured)
    for verdict in verdicts:
        context.note(verdict.message)
    told = [one | {"evaluation": digest_json(evaluate)} for one in judging.to_json(verdicts)]
    Verdicts(context.database).record(name, digest, context.run_id, told, datetime.now(UTC))
    return {"passed": all(verdict.passed for verdict in verdicts), "model_digest": digest}


def _measured(
    wanted: Collection[str],
    split: SplitOutput,
    train: TrainOutput,
    judged: Evaluation,
    settings: DataSettings,
    context: StepContext,
    name: str,
    champion: int | None,
    trusted: Collection[str],
) -> dict[str, Measured]:
    """Measure what the gates ask for and the evaluation does not hold."""
    import pyarrow as pa  # noqa: PLC0415 - the engine imports this module to look at it

    made: dict[str, Measured] = {}
    if "size_kb" in wanted:
        made["size_kb"] = measuring.size(train["model"])
    if "fold_sd" in wanted:
        made["fold_sd"] = measuring.fold_sd(train["selection"])
    if "latency_ms" in wanted:
        model = fitted(train["model"], trusted, context.root)
        made["latency_ms"] = measuring.latency(model, signature_of(split, settings, model, judged))
    if "data_age_days" in wanted and settings.time is not None:
        tables = [split["train"], split["test"]]
        made["data_age_days"] = measuring.age_days(tables, settings.time, datetime.now(UTC))
    if "data_drift" in wanted:
        registry = Registry(context.database, context.blobs)
        version = None if champion is None else registry.get(name, champion)
        rows = present(pa.concat_tables([split["train"], split["test"]]), settings, split["about"]["task"])
        made["data_drift"] = measuring.data_drift(registry, version, rows)
    return made


def _beside_champion(
    split: SplitOutput,
    train: TrainOutput,
    judged: Evaluation,
    context: StepContext,
    name: str,
    number: int,
    settings: DataSettings,
    trusted: Collection[str],
) -> judging.ChampionEvidence:
    """Ask both models about the same held-out rows: those that came back from production where there are enough."""
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it

    registry = Registry(context.database, context.blobs)
    version = registry.get(name, number)
    champion = fitted(registry.files(version), trusted, context.root)
    signature = Signature.from_json(version.signature)
    challenger = fitted(train["model"], trusted, context.root)
    test = split["test"]
    unseen = None
    if TRAINED_ON in version.files:
        seen = np.frombuffer(registry.file(version, TRAINED_ON), dtype="<u8")
        asked = fingerprints(test, list(signature.features), target=settings.target, task=champion.task)
        unseen = ~np.isin(asked, seen)
    table, note = _rows(test, settings, champion.task, unseen)
    rows = frame(table, feature_columns(split))
    return judging.ChampionEvidence(
        version=version.ref,
        y=labels(table, settings.target, task=champion.task) if settings.target else None,
        challenger=decided(
            answers(challenger, rows), judged.threshold.value if judged.threshold else None, settings.positive
        ),
        # Each decides as it would in production.
        champion=decided(
            answers(champion, frame(table, list(signature.features))), signature.threshold, signature.positive
        ),
        positive=settings.positive,
        # Both clusterings are judged in one space, which the challenger's columns span.
        space=space_of(rows) if champion.task == "clustering" else None,
        groups=of_group(table, settings.group),
        seed=context.seed,
        note=note,
    )


def _rows(test: pa.Table, settings: DataSettings, task: str, unseen: NDArray[np.bool_] | None) -> tuple[pa.Table, str]:
    """Choose the rows that say most: from production and new to the champion, new to it, from production, all."""
    import pyarrow as pa  # noqa: PLC0415 - the engine imports this module to look at it
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    fair = test if unseen is None else test.filter(pa.array(unseen))
    seen = test.num_rows - fair.num_rows
    known = f"; {seen:,} that the champion trained on are left out" if seen else ""
    if COLLECTED in test.column_names:
        recent = fair.filter(pc.fill_null(fair[COLLECTED], False))
        if enough(recent, settings, task):
            told = "on held-out rows that came back from production" + known
            return recent, told if unseen is not None else f"{told}; the champion may have trained on some of them"
    if unseen is None:
        return test, "the champion may have trained on some of these rows"
    if not seen:
        return test, "" if COLLECTED not in test.column_names else (
            f"on all test rows: only {recent.num_rows:,} of them came back from production"
        )
    if enough(fair, settings, task):
        return fair, "on held-out rows" + known
    return test, (
        f"on all test rows: the champion trained on {seen:,} of them, which flatters it, and the others are too few"
    )
