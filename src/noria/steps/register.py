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
from noria.monitoring.reference import learn_reference
from noria.preparation.frame import frame, labels
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.verdicts import Verdicts
from noria.runs.code import git_state
from noria.runs.environment import environment
from noria.scoring.signature import learn
from noria.steps.matrix import (
    TRAINED_ON,
    answers,
    carried_columns,
    feature_columns,
    fingerprints,
    fitted,
    of_group,
    score_of,
)
from noria.steps.present import present
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.pipeline.context import StepContext
    from noria.registry.version import ModelVersion
    from noria.scoring.signature import Signature
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
    code, created, surroundings = git_state(context.root), datetime.now(UTC), environment()
    told = {
        "project": name,
        "created": f"{created:%Y-%m-%d %H:%M:%S} UTC",
        "run_id": context.run_id,
        "code_commit": code.commit,
        "code_clean": code.clean,
        "family": winner["family"],
        "evaluation": evaluate,
        "selection": train["selection"],
        "verdicts": _verdicts(context, name, gate),
        "dataset": dataset,
        "split": split["about"],
        "checks": check["report"],
        "params": winner["params"],
        "environment": surroundings,
    }
    model = fitted(train["model"], trusted or {}, context.root)
    version = Registry(context.database, context.blobs).register(
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
        },
        evaluation_digest=digest_json(evaluate),
        code_commit=code.commit,
        code_clean=code.clean,
        environment=surroundings,
        params={"family": winner["family"], **cast("dict[str, object]", winner["params"])},
        metrics=figures,
        signature=_signature(split, settings).to_json(),
        tags={"metric": str(evaluate["metric"])},
    )
    if gate["passed"]:
        _challenge(context, version)
    context.note(f"{version.ref}: {version.family}, trained on {version.dataset}")
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
    }


def _winner(train: TrainOutput) -> dict[str, object]:
    return cast("dict[str, object]", train["selection"]["winner"])


def _signature(split: SplitOutput, settings: DataSettings) -> Signature:
    """Learn what the model accepts from all its rows: a category of the locked ones is no stranger."""
    import pyarrow as pa  # noqa: PLC0415 - the engine imports this module to look at it

    return learn(
        pa.concat_tables([split["train"], split["test"]]),
        feature_columns(split),
        carried=carried_columns(split, settings),
        task=split["about"]["task"],
        target=settings.target,
        positive=cast("str | int | bool | None", settings.positive),
    )


def _evidence(told: Mapping[str, object]) -> dict[str, bytes]:
    """Write what stands beside the model: the report, and the figures it was made of."""
    data = {part: told[part] for part in ("dataset", "split", "checks")}
    return {
        "report.html": report.html(told).encode(),
        "report.md": report.markdown(told).encode(),
        "evaluation.json": json.dumps(told["evaluation"], sort_keys=True).encode(),
        "selection.json": json.dumps(told["selection"], sort_keys=True).encode(),
        "data.json": json.dumps(data).encode(),
    }


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
    said = answers(model, frame(test, columns))
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
        pii=[name for name, column in settings.columns.items() if column.pii],
    )
    return json.dumps(reference.to_json(), allow_nan=False).encode()
