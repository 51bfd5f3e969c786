"""A winner fitted again from the record of its run, and held against the model that was registered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from noria.datasets.settings import DataSettings
from noria.errors import NoriaError, NotFound, WrongArgument
from noria.evaluation import metrics
from noria.evaluation.sameness import sameness
from noria.pipeline.context import StepContext
from noria.pipeline.key import compare, summary
from noria.pipeline.own import importable
from noria.pipeline.planning import Keys
from noria.pipeline.step import Step
from noria.preparation.frame import frame, labels
from noria.registry import format as formats
from noria.registry.version import model_digest
from noria.runs.machine import machine
from noria.steps.affordable import affordable
from noria.steps.fitting import circumstances
from noria.steps.matrix import answers, feature_columns, fitted
from noria.steps.recorded import split_of
from noria.store.blobs import canonical_json
from noria.training.candidate import Candidate
from noria.training.families import resolve
from noria.training.replay import Member, replay, replay_clusters
from noria.training.rounds import CUT_SHORT
from noria.training.settings import ModelSettings
from noria.training.task import encode
from noria.training.trial import Bench, Matrices, threads_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from noria.evaluation.judged import Prediction
    from noria.evaluation.metrics import Metric
    from noria.steps.outputs import SplitOutput
    from noria.steps.recorded import Recorded
    from noria.store.blobs import Blobs
    from noria.training.family import Family
    from noria.training.model import FittedModel, TabularModel
    from noria.training.replay import Replay

__all__ = ["WITHIN", "Outcome", "Reproduction", "reproduce"]

Outcome = Literal["bit-equal", "close", "metric-equal", "not reproduced"]

WITHIN = 0.001
"""Difference of the metric up to which a refit counts as equally good: absolute for shares, else relative."""

_TRAIN = "noria.steps.train:train"


@dataclass(frozen=True)
class Reproduction:
    """What came of fitting a winner again.

    Parameters
    ----------
    model, run_id : str
        The version, or the run where nothing was registered; the run.
    candidate, family : str
        The winner.
    outcome : Outcome
        ``bit-equal``: every prediction on the test rows; ``close``: none further than 1e-6; ``metric-equal``:
        predictions differ and the metric does not; else ``not reproduced``.
    files_equal : bool
        The refitted model's files are the registered ones, byte for byte.
    rows, differing : int
        Test rows compared, and those told otherwise.
    largest : float
        Largest difference of a prediction; of labels the share of rows.
    metric : str
        What decided the selection.
    before, after : float or None
        The metric of the registered model and of the refit on the test rows.
    folds : tuple of (float, float)
        Error of each fold then and now, where the folds were fitted too.
    reasons : tuple of str
        What differs from then, the likeliest cause first; or what cannot be told.
    seconds : float
        Spent.
    """

    model: str
    run_id: str
    candidate: str
    family: str
    outcome: Outcome
    files_equal: bool
    rows: int
    differing: int
    largest: float
    metric: str
    before: float | None
    after: float | None
    folds: tuple[tuple[float, float], ...]
    reasons: tuple[str, ...]
    seconds: float

    @property
    def reproduced(self) -> bool:
        """Whether the refit stands for the registered model."""
        return self.outcome != "not reproduced"

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "folds": [list(pair) for pair in self.folds],
            "reasons": list(self.reasons),
            "reproduced": self.reproduced,
            "seconds": round(self.seconds, 3),
        }


def reproduce(
    found: Recorded,
    blobs: Blobs,
    *,
    root: Path,
    store: Path,
    within: float = WITHIN,
    folds: bool = False,
) -> Reproduction:
    """Fit the winner of a run again, without the search, and compare predictions on the locked test rows.

    Parameters
    ----------
    found : Recorded
        The training, see `noria.steps.recorded`.
    blobs : Blobs
        The store.
    root, store : Path
        The project's folder and its ``.noria``.
    within : float
        Difference of the metric that still counts as equal, see `WITHIN`.
    folds : bool
        Also fit every fold, and compare with the errors on record.

    Raises
    ------
    WrongArgument
        The training was a step of the user's own, or its winner cannot be fitted from the record alone.
    NotFound
        The rows are gone.
    """
    begun = time.monotonic()
    params = cast("Mapping[str, Mapping[str, object]]", found.parts.get("params") or {})
    if found.parts.get("uses") != _TRAIN:
        raise WrongArgument(
            f"{found.name} was trained by a step of the project's own: {found.parts.get('uses')}",
            why="only noria's own training says in its record how its winner is fitted",
            mend="noria run --force train        does that step again, its search included",
            code="N-STEPS-014",
        )
    trusted = cast("Mapping[str, str]", params.get("trusted") or {})
    if trusted or params.get("networks"):
        importable(root)
    data, settings = DataSettings.model_validate(params["data"]), ModelSettings.model_validate(params["model"])
    split = split_of(found, blobs)
    stored = _stored(found, trusted, root)
    won = _who_won(found, stored)
    made, cells = _refitted(found, split, won, root, blobs, folds=folds)
    rows, task = frame(split["test"], feature_columns(split)), split["about"]["task"]
    then, now = answers(stored, rows), answers(made.model, rows)
    alike, metric = sameness(then, now), metrics.get(settings.metric, task)
    before, after = None, None
    if data.target:
        truth = labels(split["test"], data.target, task=task)
        before, after = (metrics.value(metric.name, truth, said, positive=data.positive) for said in (then, now))
    outcome: Outcome = "bit-equal" if alike.grade == "bit-equal" else "close"
    if alike.grade == "different":
        outcome = "metric-equal" if _apart(metric, before, after, then, now) <= within else "not reproduced"
    winner = cast("Mapping[str, Any]", found.train["selection"]["winner"])
    return Reproduction(
        model=found.name,
        run_id=found.run_id,
        candidate=str(winner["name"]),
        family=str(winner["family"]),
        outcome=outcome,
        files_equal=model_digest(formats.save(made.model, trusted=trusted)) == model_digest(found.train["model"]),
        rows=alike.n,
        differing=alike.differing,
        largest=alike.largest,
        metric=metric.name,
        before=before,
        after=after,
        folds=_folds([row for row, _ in won], made),
        reasons=() if outcome == "bit-equal" else _reasons(found, store, cells),
        seconds=time.monotonic() - begun,
    )


def _refitted(
    found: Recorded,
    split: SplitOutput,
    won: Sequence[tuple[Mapping[str, Any], float]],
    root: Path,
    blobs: Blobs,
    *,
    folds: bool,
) -> tuple[Replay, int]:
    """Give the refit, and how many cells its matrix has."""
    params = cast("Mapping[str, Mapping[str, object]]", found.parts["params"])
    settings = ModelSettings.model_validate(params["model"])
    quiet = StepContext("train", found.run_id, root, 7, blobs, "sqlite://", lambda message: None)
    sampled = affordable(split, DataSettings.model_validate(params["data"]), settings.rows, quiet, seed=settings.seed)
    given = circumstances(sampled, data=params["data"], model=params["model"], prepare=params["prepare"])
    families = resolve(settings.candidates, given.task, backend=settings.keras_backend)
    members = [_member(found, row, families, weight) for row, weight in won]
    matrix = given.matrix.reset_index(drop=True)
    target = None if given.target is None else encode(given.target, given.task)
    bench = Bench(given.task, target, Matrices(matrix, target, [], given.prepared, given.shaping), settings.seed)
    if given.target is None:
        return replay_clusters(bench, members[0].candidate), matrix.size
    bench = replace(bench, bonds=given.bonds)
    together = cast("float | None", cast("Mapping[str, Any]", found.train["selection"])["winner"].get("temperature"))
    made = replay(
        bench,
        members,
        y=given.target,
        error=given.error,
        splitter=given.folds,
        folds=folds,
        temperature=together if len(members) > 1 else None,
    )
    return made, matrix.size


def _who_won(found: Recorded, stored: FittedModel) -> list[tuple[Mapping[str, Any], float]]:
    """Read who won and what each counts: a candidate alone, or the members of an ensemble."""
    selection = cast("Mapping[str, Any]", found.train["selection"])
    if selection["winner"]["family"] != "ensemble":
        return [(selection["winner"], 1.0)]
    parts = cast("Sequence[TabularModel]", getattr(stored, "members", ()))
    weights = cast("Sequence[float]", getattr(stored, "weights", ()))
    rows = [_row_of(part, selection.get("table") or ()) for part in parts]
    if not rows or None in rows:
        raise _unknown(found, selection["winner"])
    return [(row, weight) for row, weight in zip(rows, weights, strict=True) if row is not None]


def _row_of(part: TabularModel, table: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Find the candidate that a member of an ensemble was: no two have the same family and parameters."""
    params = canonical_json(_plain(part.params))
    alike = (row for row in table if row["family"] == part.family and canonical_json(row["params"]) == params)
    return next(alike, None)


def _plain(params: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()}


def _member(found: Recorded, row: Mapping[str, Any], families: Sequence[Family], weight: float) -> Member:
    family = next((one for one in families if one.name == row["family"]), None)
    if family is None:
        raise _unknown(found, row)
    told = {name: _as_it_was(value, family.space.get(name)) for name, value in row["params"].items()}
    return Member(
        Candidate(str(row["name"]), family, told),
        weight,
        rounds=row.get("rounds"),
        folds=len(row["scores"]) or None,
        temperature=row.get("temperature"),
        cut_short=CUT_SHORT in str(row.get("note")),
    )


def _as_it_was(value: object, dimension: object) -> object:
    """Give a parameter back its kind: JSON has no tuples, noria's own families know no lists, others' may have some."""
    is_list = isinstance(value, list)
    return tuple(value) if is_list and value not in getattr(dimension, "values", ()) else value  # type: ignore[arg-type]


def _unknown(found: Recorded, row: Mapping[str, Any]) -> WrongArgument:
    return WrongArgument(
        f"the winner of {found.name}, {row['name']}, cannot be fitted from the record alone",
        why=f"{row['family']!r} is none of the families this noria knows here",
        mend="pip install the noria it was trained with: noria models show names it",
        code="N-STEPS-015",
    )


def _folds(then: Sequence[Mapping[str, Any]], made: Replay) -> tuple[tuple[float, float], ...]:
    """Pair the errors of folds on record with those of now, member by member."""
    pairs = (zip(row["scores"], now, strict=False) for row, now in zip(then, made.scores, strict=False))
    return tuple(pair for each in pairs for pair in each)


def _stored(found: Recorded, trusted: Mapping[str, str], root: Path) -> FittedModel:
    try:
        return fitted(found.train["model"], trusted, root)
    except NoriaError as error:
        raise NotFound(
            f"the model of {found.name} cannot be loaded, so there is nothing to compare with",
            why=error.what,
            mend=error.mend,
            code="N-STEPS-016",
        ) from error


def _apart(metric: Metric, before: float | None, after: float | None, then: Prediction, now: Prediction) -> float:
    """Say how far the metric moved; without a truth, how far the groups are from the same ones."""
    if before is not None and after is not None:
        return abs(before - after) / (1.0 if metric.unit == "share" else max(abs(before), 1e-12))
    if then.proba is not None or np.asarray(then.values).dtype.kind == "f":
        return float("inf")
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - only where there is no target

    return 1 - float(adjusted_rand_score(then.values, now.values))


def _reasons(found: Recorded, store: Path, cells: int) -> tuple[str, ...]:
    """Say what is otherwise than in the record, the likeliest cause first."""
    parts = found.parts
    step = Step(
        "train", uses=_TRAIN, params=cast("Mapping[str, object]", parts["params"]), inputs={"split": "split"},
        seed=cast("int", parts.get("seed", 7)), version=cast("int", parts.get("version", 0)),
    )  # fmt: skip
    keys = Keys(store / "cache")
    now = {**keys.parts(step, {}), "inputs": parts.get("inputs")}
    keys.save()
    differing = compare(parts, now, step)
    told = [str(one) for one in differing if one.part == "library"]
    told += [str(one) for one in differing if one.part == "setting"]
    code = [one for one in differing if one.part == "code"]
    told += [summary(code)] if code else []
    told += _other_machine(found.train.get("machine"))
    if told:
        return tuple(told)
    how = "one thread" if threads_for(cells) == 1 else "several threads"
    return (f"nothing on record differs: a fit of this family on {how} does not repeat to the bit",)


def _other_machine(then: Mapping[str, object] | None) -> list[str]:
    if not then:
        return ["the record is older than noria's notes on processor, BLAS and threads: those may differ"]
    now = machine()
    told = []
    for name, title in (("cpu", "processor"), ("flags", "instructions"), ("threads", "threads"), ("pools", "BLAS")):
        was, is_ = then.get(name), now[name]
        if name == "pools":
            # Which pools are loaded depends on what else the process did; only what both have can differ.
            was, is_ = (_blas(cast("Sequence[str]", one or ())) for one in (was, is_))
            if not was or not is_:
                continue
        if was != is_:
            told.append(f"{title}: {_line(was)} -> {_line(is_)}")
    return told


def _blas(pools: Sequence[str]) -> list[str]:
    return [pool.partition(", ")[0] for pool in pools if not pool.startswith("openmp")]


def _line(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
