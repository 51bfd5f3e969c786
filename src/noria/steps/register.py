"""Step 8: the model becomes a version, with everything that says where it came from and what it can do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from noria.datasets.settings import DataSettings
from noria.evaluation import evaluate as evaluation
from noria.evaluation import report
from noria.evaluation.judged import place_of
from noria.evaluation.metrics import get
from noria.evaluation.sections import MANY_LOOKS
from noria.evaluation.threshold import decided
from noria.monitoring.reference import learn_reference
from noria.preparation.frame import frame, labels
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.looks import looks_at
from noria.registry.verdicts import Verdicts
from noria.runs.code import git_state
from noria.runs.environment import environment
from noria.scoring.proof.compiled import compiled
from noria.scoring.proof.files import told_of
from noria.steps.explaining import EXPLANATION, explanation
from noria.steps.matrix import (
    TRAINED_ON,
    answers,
    feature_columns,
    fingerprints,
    fitted,
    of_group,
    score_of,
)
from noria.steps.present import present
from noria.steps.signing import signature_of
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.pipeline.context import StepContext
    from noria.registry.version import ModelVersion
    from noria.steps.outputs import CheckOutput, GateOutput, RegisterOutput, SplitOutput, TrainOutput
    from noria.training.model import FittedModel

__all__ = ["register"]


def register(
    check: CheckOutput,
    split: SplitOutput,
    train: TrainOutput,
    evaluate: Mapping[str, object],
    gate: GateOutput,
    context: StepContext,
    *,
    name: str,
    data: Mapping[str, object],
    metric: str | None,
    trusted: Mapping[str, str] | None = None,
) -> RegisterOutput:
    """Register the version; one that passed its gates becomes the challenger.

    Returns
    -------
    dict
        JSON: the version's number and what `noria.lock` says of it.
    """
    settings, dataset, winner = DataSettings.model_validate(data), check["dataset"], _winner(train)
    figures = cast("dict[str, dict[str, float | None]]", evaluate["metrics"])
    code, created = git_state(context.root), datetime.now(UTC)
    surroundings = environment() | ({"machine": train["machine"]} if "machine" in train else {})
    registry = Registry(context.database, context.blobs)
    looks = looks_at(registry, name, split["about"].get("test_digest", ""))
    told = {
        "project": name,
        "created": f"{created:%Y-%m-%d %H:%M:%S} UTC",
        "run_id": context.run_id,
        "code_commit": code.commit,
        "code_clean": code.clean,
        "family": winner["family"],
        "evaluation": evaluate,
        "looks": looks.to_json() | {"new": True},
        "selection": train["selection"],
        "verdicts": _verdicts(context, name, gate),
        "dataset": dataset,
        "split": split["about"],
        "checks": _findings(check, split),
        "params": winner["params"],
        "environment": surroundings,
    }
    model = fitted(train["model"], trusted or {}, context.root)
    signature = signature_of(split, settings, model, evaluation.Evaluation.from_json(evaluate))
    context.progress(None, "compiling the model, and proving that the plan answers alike")
    plan = compiled(model, signature, split["test"], seed=context.seed)
    context.progress(None, "what it answers by: importance of the columns, and their shapes")
    told["explanation"] = explanation(
        model,
        split,
        settings,
        signature,
        plan,
        metric=str(evaluate["metric"]),
        threshold=_threshold(evaluate),
        seed=context.seed,
    )
    version = registry.register(
        name,
        train["model"],
        run_id=context.run_id,
        dataset=f"{dataset['name']}@{dataset['number']}",
        data_digest=str(dataset["digest"]),
        task=split["about"]["task"],
        family=str(winner["family"]),
        created=created,
        evidence=_evidence(told)
        | {
            "reference.json": _reference(split, evaluate, settings, metric, model, context),
            TRAINED_ON: _trained_on(split, settings),
        }
        | plan,
        evaluation_digest=digest_json(evaluate),
        code_commit=code.commit,
        code_clean=code.clean,
        environment=surroundings,
        params={"family": winner["family"], **cast("dict[str, object]", winner["params"])},
        metrics=figures,
        signature=signature.to_json(),
        tags={"metric": str(evaluate["metric"])},
    )
    if gate["passed"]:
        _challenge(context, version)
    context.note(f"{version.ref}: {version.family}, trained on {version.dataset}")
    context.note(told_of(plan))
    if len(looks.versions) >= MANY_LOOKS:
        context.note(
            f"{len(looks.versions)} versions before it were judged on the same test rows: the best looks too good"
        )
    return {
        "version": version.number,
        "model_digest": version.model_digest,
        "family": version.family,
        "params": dict(version.params),
        "metric": str(evaluate["metric"]),
        "metrics": figures,
        "dataset": {field: dataset[field] for field in ("name", "number", "digest", "rows")},
        "split": split["about"],
        "selection": cast("list[dict[str, object]]", train["selection"]["table"]),
        "finalists": cast("list[dict[str, object]]", train["selection"].get("finalists", [])),
    }


def _winner(train: TrainOutput) -> dict[str, object]:
    return cast("dict[str, object]", train["selection"]["winner"])


def _threshold(evaluate: Mapping[str, object]) -> float | None:
    chosen = cast("Mapping[str, float] | None", evaluate.get("threshold"))
    return None if chosen is None else chosen["value"]


def _evidence(told: Mapping[str, object]) -> dict[str, bytes]:
    """Write what stands beside the model: the report, and the figures it was made of."""
    data = {part: told[part] for part in ("dataset", "split", "checks")}
    return {
        "report.html": report.html(told).encode(),
        "report.md": report.markdown(told).encode(),
        "evaluation.json": json.dumps(told["evaluation"], sort_keys=True).encode(),
        "selection.json": json.dumps(told["selection"], sort_keys=True).encode(),
        EXPLANATION: json.dumps(told["explanation"], sort_keys=True, allow_nan=False).encode(),
        "data.json": json.dumps(data).encode(),
    }


def _findings(check: CheckOutput, split: SplitOutput) -> dict[str, object]:
    """Join what the checks of the data found, and what rows of both sides know of each other."""
    report = dict(check["report"])
    found = cast("list[dict[str, object]]", report.get("findings", []))
    return {**report, "findings": [*found, *split.get("findings", [])]}


def _verdicts(context: StepContext, name: str, gate: GateOutput) -> list[Mapping[str, object]]:
    judged = Verdicts(context.database).latest(name, gate["model_digest"])
    return list(judged.verdicts) if judged is not None else []


def _challenge(context: StepContext, version: ModelVersion) -> None:
    aliases = Aliases(context.database)
    current = aliases.all(version.model)
    if version.number not in (current.get("challenger"), current.get("champion")):
        aliases.move(
            version.model, "challenger", version.number, actor="pipeline", reason="passed its gates",
            at=datetime.now(UTC),
        )  # fmt: skip


def _trained_on(split: SplitOutput, settings: DataSettings) -> bytes:
    """Remember the rows of the training: a later challenger is compared on none of them."""
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it

    seen = fingerprints(
        split["train"], feature_columns(split), target=settings.target, task=split["about"]["task"]
    )  # fmt: skip
    return np.unique(seen).astype("<u8").tobytes()


def _reference(
    split: SplitOutput,
    judged: Mapping[str, object],
    settings: DataSettings,
    metric: str | None,
    model: FittedModel,
    context: StepContext,
) -> bytes:
    """Profile the version for the monitor: features from all its rows, answers and metrics from the locked ones.

    After a shift, all of it from the rows of the new time where they are enough: those are what comes next.
    """
    import pyarrow as pa  # noqa: PLC0415 - the engine imports this module to look at it

    columns, task = feature_columns(split), split["about"]["task"]
    test = present(split["test"], settings, task)
    said = decided(answers(model, frame(test, columns)), _threshold(judged), settings.positive)
    estimates = cast("dict[str, dict[str, float | None]]", judged["metrics"])
    if test is not split["test"]:
        context.note(f"the monitor compares with the {test.num_rows:,} locked rows that came in since the alert")
        found = evaluation.evaluate(
            task, labels(test, settings.target or "", task=task), said, metric=metric, positive=settings.positive,
            groups=of_group(test, settings.group), seed=context.seed,
        )  # fmt: skip
        estimates = {name: one.to_json() for name, one in found.metrics.items()}
    bounded = {
        name: (one["value"], one["low"], one["high"])
        for name, one in estimates.items()
        if one["value"] is not None and one["low"] is not None and one["high"] is not None
    }
    place = None if settings.positive is None or not said.classes else place_of(settings.positive, said.classes)
    reference = learn_reference(
        present(pa.concat_tables([split["train"], split["test"]]), settings, task),
        columns,
        score=score_of(said, settings.positive),
        metric=get(metric, task).name,
        metrics=bounded,
        rows=test.num_rows,
        task=task,
        # As the answers name it: the 0 of the project file may be the False of the data.
        positive=None if place is None or said.classes is None else str(said.classes[place]),
        classes=said.classes or (),
        pii=[name for name, column in settings.columns.items() if column.is_personal],
    )
    return json.dumps(reference.to_json(), allow_nan=False).encode()
