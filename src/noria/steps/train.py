"""Step 5: the candidates race in cross-validation; the winner is fitted on all training rows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from noria.datasets.settings import DataSettings
from noria.errors import NoriaError
from noria.evaluation.diagnosis import diagnosed, in_short
from noria.pipeline.artifact import Files
from noria.pipeline.own import importable
from noria.registry import format as formats
from noria.runs.machine import machine
from noria.steps.affordable import affordable
from noria.steps.fitting import circumstances
from noria.steps.hands import hands_for
from noria.steps.out_of_fold import out_of_fold
from noria.steps.past import past_winners
from noria.steps.weighing import weighed
from noria.training.clock import Budget
from noria.training.diagnosis import diagnose, without_diagnosis
from noria.training.families import resolve
from noria.training.refining import Tuning
from noria.training.search import select
from noria.training.settings import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.pipeline.context import StepContext
    from noria.pipeline.memo import Memo
    from noria.steps.fitting import Circumstances
    from noria.steps.outputs import SplitOutput, TrainOutput
    from noria.training.candidate import CandidateResult, Finalist, Progress, Selection
    from noria.training.family import Family

__all__ = ["train", "without_own"]


_MOST_TOLD = 40
_SEARCHED = tuple(
    f"model.{name}"
    for name in (
        "budget",
        "trials",
        "ensemble",
        "candidates",
        "sampler",
        "warm_start",
        "prefer",
        "diagnose",
        "temperature",
    )
)
"""What says how far to search, and not how one candidate fares on a fold."""


def train(
    split: SplitOutput,
    context: StepContext,
    *,
    data: Mapping[str, object],
    model: Mapping[str, object],
    prepare: Mapping[str, object],
    trusted: Mapping[str, str] | None = None,
    networks: Mapping[str, str] | None = None,
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
    networks : mapping of str to str, optional
        Function of the user's own that builds a network -> digest of its code.

    Returns
    -------
    dict
        ``model``: its files; ``selection``: the table of candidates as JSON; ``machine``: what it was computed
        with; ``oof``: the winner's answers about rows
        that its model had not seen, see `TrainOutput`.
    """
    settings = ModelSettings.model_validate(model)
    split = affordable(split, DataSettings.model_validate(data), settings.rows, context, seed=settings.seed)
    if trusted or networks:
        importable(context.root)
    given = circumstances(split, data=data, model=model, prepare=prepare)
    task, metric, matrix, cut = given.task, given.metric, given.matrix, given.folds
    chosen = [{"for": each, **one.to_json()} for each in ("linear", "tree") for one in given.recipes[each].choices]
    _tell(chosen, context)

    best: list[CandidateResult] = []

    def heard(progress: Progress) -> None:
        result, text = progress.result, progress.text
        if result is not None and result.mean is not None:
            # The search minimises errors; people read the metric that decides.
            text = f"{result.name}: {metric.from_error(result.mean):.4f}"
            if result.family != "dummy" and (not best or result.mean < (best[0].mean or 0.0)):
                best[:] = [result]
        if best and best[0] is not result:
            text += f"; best so far {best[0].name}: {metric.from_error(best[0].mean or 0.0):.4f}"
        elif best:
            text += ", the best so far"
        context.progress(progress.done, text)

    if "valid" in split["about"] and cut:
        context.note(
            f"candidates learn from {len(cut[0][0]):,} rows and are judged on {len(cut[0][1]):,} ([split] valid)"
        )

    def followed(name: str, last: bool, epoch: int, losses: Mapping[str, float]) -> None:
        for loss, value in losses.items():
            context.log_metric(f"{name}/{'final_' if last else ''}{loss}", value, step=epoch)

    families = resolve(settings.candidates, task, backend=settings.keras_backend)
    looked_at = settings.diagnose == "auto" and given.target is not None
    clock = Budget(settings.budget_seconds)
    own = [one for one in settings.candidates if not isinstance(one, str)]
    memo = context.memo("fold", without=_SEARCHED, own=own)
    with hands_for(context.executor, context.hands) as work:
        selection = select(
            matrix,
            given.target,
            task=task,
            families=families,
            prepare=given.prepared,
            error=given.error,
            splitter=cut,
            bonds=given.bonds,
            budget_seconds=without_diagnosis(settings.budget_seconds) if looked_at else settings.budget_seconds,
            trials=settings.trials,
            seed=settings.seed,
            report=heard,
            ensemble=settings.ensemble,
            follow=followed,
            prefer=settings.prefer,
            tuning=Tuning(settings.sampler, past_winners(context) if settings.starts_warm else {}),
            memory=memo,
            work=work,
            tempers=given.metric.proper and settings.temperature == "auto",
            shaping=given.shaping,
        )
    selection = weighed(
        selection,
        split,
        DataSettings.model_validate(data),
        trusted=trusted or {},
        left=lambda: float("inf") if clock.seconds is None else clock.seconds - clock.spent(),
    )
    for name, value in selection.winner.params.items():
        context.log_param(f"model.{name}", value)
    context.log_param("model", selection.winner.family)
    for note in selection.notes:
        context.note(note)
    if memo is not None:
        _wind_up(memo, selection, context)
    context.note(_summary(selection))
    if settings.balance != "none" and task == "classification":
        context.log_param("balance", settings.balance)
        context.note(
            f"rare classes weighed up in training ({settings.balance}); probabilities led back to their shares"
        )
    kept = given.shaping.keep if given.shaping is not None else None
    left_out = 0 if kept is None else int((~kept(_family(selection, families), matrix)).sum())
    for finalist in selection.finalists:
        context.note(f"{finalist.kind}: {_named(finalist)}{', chosen' if finalist.chosen else ''} - {finalist.why}")
    if left_out:
        context.note(f"{left_out:,} of {len(matrix):,} training rows left out of the final fit, as [prepare] asks")
    record = selection.to_json() | ({"preparation": chosen} if chosen else {})
    if looked_at:
        record["diagnosis"] = _diagnosed(selection, given, families, settings, clock, context)
    made: TrainOutput = {
        "model": Files(formats.save(selection.model, trusted=trusted or {})),
        "selection": record,
        "machine": machine(),
    }
    if selection.oof is not None:
        made["oof"] = out_of_fold(selection.oof, split.get("sampled"))
    return made


def _diagnosed(
    selection: Selection,
    given: Circumstances,
    families: Sequence[Family],
    settings: ModelSettings,
    clock: Budget,
    context: StepContext,
) -> dict[str, object]:
    """Look at the winner in what is left of the budget, and say what was found."""
    assert given.target is not None  # noqa: S101 - asked for with a target only
    context.progress(1.0, f"looking at {selection.winner.name}: does it overfit, would more rows help")
    found = diagnose(
        selection,
        given.matrix,
        given.target,
        task=given.task,
        families=families,
        prepare=given.prepared,
        error=given.error,
        splitter=given.folds,
        bonds=given.bonds,
        seed=settings.seed,
        shaping=given.shaping,
        seconds=None if clock.seconds is None else max(0.0, clock.seconds - clock.spent()),
    ).to_json()
    seen = diagnosed({**selection.to_json(), "diagnosis": found})
    for line in (*in_short(seen, given.metric), *seen.notes):
        context.note(line)
    return found


def _wind_up(memo: Memo, selection: Selection, context: StepContext) -> None:
    """Say what was recalled, or could not be kept; let old parts go."""
    if selection.recalled:
        fits = sum(len(row.scores) for row in selection.table if row.family != "ensemble")
        context.note(f"{selection.recalled} of {fits} fits on a fold were done by an earlier search, and recalled")
    if memo.fault:
        context.note(f"what the folds gave could not be kept for a later search: {memo.fault}")
    with suppress(NoriaError):
        memo.forget_old()


def without_own(prepare: Mapping[str, object]) -> dict[str, object]:
    """Leave the user's own classes out of ``[prepare]``: who only looks a project over does not run its code."""
    made: dict[str, object] = {}
    for name, rules in prepare.items():
        kept = [rule for rule in rules if not isinstance(rule, dict)] if isinstance(rules, list) else rules
        if kept or name in ("numeric", "category"):
            made[name] = kept
    return made


def _tell(chosen: Sequence[Mapping[str, object]], context: StepContext) -> None:
    for one in chosen[:_MOST_TOLD]:
        rules = ", ".join(cast("list[str]", one["rules"])) or "as it is"
        context.note(f"{one['column']} ({one['for']}): {rules} - {one['why']}")
    if len(chosen) > _MOST_TOLD:
        context.note(f"{len(chosen) - _MOST_TOLD} more choices stand in the report")


def _named(finalist: Finalist) -> str:
    if len(finalist.members) == 1:
        return finalist.name
    return " + ".join(f"{share:.0%} {name}" for name, share in finalist.members.items())


def _family(selection: Selection, families: Sequence[Family]) -> Family:
    """Give the winner's family; of an ensemble, that of its first member."""
    first = getattr(selection.model, "members", (selection.model,))[0]
    return next(family for family in families if family.name == first.family)


def _summary(selection: Selection) -> str:
    winner = selection.winner
    complete = sum(row.status == "complete" for row in selection.table)
    beaten = "" if selection.beats_baseline else "; it does NOT beat the baseline that knows only the target"
    part = "draw" if selection.model.task == "clustering" else "fold"
    tried = f"{len(selection.table)} candidates, {complete} of them judged on every {part}"
    return f"{winner.name} wins of {tried} ({selection.stopped_by}){beaten}"
