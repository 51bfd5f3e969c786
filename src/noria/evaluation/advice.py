"""What the record of a selection advises: is it overfitted, is the choice luck, what would be worth trying next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from noria.evaluation.catalogue import DEFINITIONS
from noria.evaluation.diagnosis import diagnosed, doubled, optimism_of
from noria.evaluation.fold_difference import fold_difference
from noria.evaluation.penalties import REGULARISERS
from noria.evaluation.wording import figure

if TYPE_CHECKING:
    from noria.evaluation.catalogue import Definition
    from noria.evaluation.diagnosis import Diagnosed
    from noria.evaluation.fold_difference import FoldDifference

__all__ = ["Advice", "Topic", "advice"]

Topic = Literal[
    "baseline", "gap", "spread", "choice", "optimism", "overfitting", "learning", "regularisation", "budget",
    "failures", "data",
]  # fmt: skip

_FLATTERY = 0.25
"""Share of the winner's lead over the baseline that luck must take before it is spoken of."""
_FEW_ROWS = 200
_LOUD = 0.25

SIMPLE = frozenset(
    {"discriminant", "elastic_net", "huber", "lasso", "linear", "linear_svm", "linear_svr", "logistic", "ridge", "tree"}
)
"""Families a person can read; held equal to training's own mark of them by a test."""


@dataclass(frozen=True)
class Advice:
    """One thing worth knowing, with what shows it.

    Parameters
    ----------
    topic : Topic
        What it is about.
    text : str
        In plain words, with the figures.
    urgent : bool
        Something is likely wrong; otherwise it is a hint.
    evidence : mapping of str to float
        The figures themselves.
    """

    topic: Topic
    text: str
    urgent: bool
    evidence: Mapping[str, float | None]

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {"topic": self.topic, "text": self.text, "urgent": self.urgent, "evidence": dict(self.evidence)}


def advice(
    selection: Mapping[str, Any],
    metric: str,
    *,
    test: Mapping[str, float | None] | None = None,
    test_share: float | None = None,
    train_rows: int | None = None,
    findings: Sequence[Mapping[str, Any]] = (),
) -> tuple[Advice, ...]:
    """Read a selection's record; what is likely wrong comes first.

    Parameters
    ----------
    selection : mapping
        As training's ``Selection.to_json`` gave it.
    metric : str
        What decided.
    test : mapping, optional
        The metric on the locked rows: ``value``, ``low``, ``high``.
    test_share : float, optional
        Rows judged over rows learned from in a fold, see `fold_difference`; what the selection recorded by default.
    train_rows : int, optional
        Rows the selection had.
    findings : sequence of mapping
        Of the checks of the data; leakage among them explains a score too good to be true.
    """
    table = [row for row in selection.get("table") or () if isinstance(row, Mapping)]
    winner, definition = selection.get("winner") or {}, DEFINITIONS[metric]
    complete = [row for row in table if row.get("mean") is not None and row.get("family") != "dummy"]
    is_clustering = definition.task == "clustering"
    seen = None if is_clustering else diagnosed(selection)
    test_share = selection.get("test_share") if test_share is None else test_share
    found = [
        _baseline(selection, definition, test_share),
        None if is_clustering else _gap(winner, definition, test),
        _too_good(winner, definition, findings),
        _spread(winner, definition, train_rows),
        None if is_clustering else _choice(winner, complete, definition, test_share),
        None if is_clustering else _optimism(selection, definition),
        *(() if seen is None else (_more_rows(seen, definition), _overfitting(seen, winner, definition))),
        (None if seen is None else _penalty(seen, definition))
        or _regularisation(winner, complete, definition, test_share)
        or (None if seen is None else _tried(seen)),
        _budget(table, selection),
        _failures(table),
        _few(train_rows, winner, definition),
    ]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: not one.urgent))


def _baseline(selection: Mapping[str, Any], definition: Definition, test_share: float | None) -> Advice | None:
    winner, baseline = selection.get("winner") or {}, selection.get("baseline") or {}
    if winner.get("mean") is None or baseline.get("mean") is None or winner.get("family") == "dummy":
        return None
    evidence = {"winner": definition.from_error(winner["mean"]), "baseline": definition.from_error(baseline["mean"])}
    if winner["mean"] >= baseline["mean"]:
        text = (
            f"The features tell nothing that helps: {_worded(winner, definition)} is not better than the baseline that "
            f"knows only the target ({_worded(baseline, definition)}). Look for features that could know the answer, "
            "or for a target that is noise."
        )
        return Advice("baseline", text, True, evidence)
    compared = _compared(winner, baseline, test_share)
    if compared is None or compared.is_certain:
        return None
    text = (
        f"The lead over the baseline that knows only the target is not certain: {_lead(compared)}. "
        "More rows or better features, before anything else."
    )
    return Advice("baseline", text, True, {**evidence, "low": compared.low, "high": compared.high})


def _gap(winner: Mapping[str, Any], definition: Definition, test: Mapping[str, float | None] | None) -> Advice | None:
    """Hold the locked rows against what cross-validation promised, each with its own error."""
    if test is None or winner.get("mean") is None or None in (test.get("value"), test.get("low"), test.get("high")):
        return None
    value, low, high = (float(test[name] or 0.0) for name in ("value", "low", "high"))
    promised, folds = definition.from_error(winner["mean"]), len(winner.get("scores") or ())
    fold_error = float(winner.get("sd") or 0.0) / max(1, folds) ** 0.5
    error = float(np.hypot((high - low) / 3.92, fold_error))
    worse = (promised - value) if definition.greater_is_better else (value - promised)
    evidence: dict[str, float | None] = {"promised": promised, "found": value, "error": error}
    shown = (
        f"{figure(promised, definition.name)} in cross-validation, {figure(value, definition.name)} on the locked rows"
    )
    if error == 0 or abs(worse) <= 1.96 * error:
        return None
    if worse > 0:
        text = (
            f"The locked rows disappoint by {worse / error:.1f} standard errors: {shown}. The selection learned "
            "something that does not hold there: rows of one origin in several folds ([data] group), times mixed "
            "([data] time), or too many candidates for so few rows ([model] trials lower, or simpler candidates)."
        )
        return Advice("gap", text, True, evidence)
    text = (
        f"The locked rows do better by {-worse / error:.1f} standard errors: {shown}. Check that they are not easier: "
        "noria report tells their digest and the checks across the split."
    )
    return Advice("gap", text, False, evidence)


def _too_good(
    winner: Mapping[str, Any], definition: Definition, findings: Sequence[Mapping[str, Any]]
) -> Advice | None:
    if definition.unit != "share" or winner.get("mean") is None or definition.name in ("brier", "silhouette"):
        return None
    leaks = [str(one.get("message")) for one in findings if "leak" in str(one.get("check", "")).lower()]
    if winner["mean"] > 0.005 and not (leaks and winner["mean"] < 0.05):
        return None
    text = f"{_worded(winner, definition)} is too good for most data: look for a column that knows the answer."
    if leaks:
        text += f" The checks suspect: {'; '.join(leaks[:3])}."
    return Advice("data", text, True, {"winner": definition.from_error(winner["mean"])})


def _spread(winner: Mapping[str, Any], definition: Definition, train_rows: int | None) -> Advice | None:
    scores = [float(score) for score in winner.get("scores") or ()]
    if len(scores) < 3 or winner.get("mean") is None or not winner["mean"]:
        return None
    sd = float(np.std(scores, ddof=1))
    if sd <= _LOUD * abs(winner["mean"]):
        return None
    values = [definition.from_error(score) for score in scores]
    low, high = (figure(one, definition.name) for one in (min(values), max(values)))
    known = f" of about {train_rows // len(scores):,} rows each" if train_rows else ""
    text = (
        f"The folds disagree: {definition.title} from {low} to {high} over {len(scores)} folds{known}. Differences "
        "between candidates smaller than that are noise unless all folds show them; more rows, or repeated folds, "
        "would tell more."
    )
    return Advice("spread", text, False, {"sd": sd, "mean": float(winner["mean"])})


def _choice(
    winner: Mapping[str, Any],
    complete: Sequence[Mapping[str, Any]],
    definition: Definition,
    test_share: float | None,
) -> Advice | None:
    """Name the simplest candidate that is as good as the winner, as far as these folds can tell."""
    if winner.get("family") in SIMPLE or winner.get("family") == "dummy":
        return None
    for row in sorted((row for row in complete if row.get("family") in SIMPLE), key=lambda row: row["mean"]):
        compared = _compared(winner, row, test_share)
        if compared is None or compared.is_certain:
            continue
        text = (
            f"{row['name']}, which a person can read, is not certainly worse: {_lead(compared)}. If "
            f'transparency, speed or size matter, [model] candidates = ["{row["family"]}"] costs little.'
        )
        return Advice("choice", text, False, {"difference": compared.mean, "low": compared.low, "high": compared.high})
    return None


def _optimism(selection: Mapping[str, Any], definition: Definition) -> Advice | None:
    found = optimism_of(selection)
    baseline = (selection.get("baseline") or {}).get("mean")
    if found is None or found.flattery <= 0 or baseline is None:
        return None
    lead = float(baseline) - found.error
    if lead <= 0 or found.flattery < _FLATTERY * lead:
        return None
    text = (
        f"Choosing the best of {found.candidates} on {found.units} folds flatters: chosen on some folds and judged on "
        f"the others, the winner would have {figure(definition.from_error(found.corrected), definition.name)} instead "
        f"of {figure(definition.from_error(found.error), definition.name)}. Trust the locked rows, try fewer "
        "candidates, or gather more rows."
    )
    return Advice("optimism", text, True, {"reported": found.error, "corrected": found.corrected, "low": found.low,
                                           "high": found.high})  # fmt: skip


def _more_rows(seen: Diagnosed, definition: Definition) -> Advice | None:
    """Say whether more data would help, where the folds can tell."""
    curve = seen.learning
    if curve is None or curve.doubling is None or curve.doubling.tendency == "unclear":
        return None
    evidence = {"gain": curve.doubling.gain, "low": curve.doubling.low, "high": curve.doubling.high}
    now = figure(definition.from_error(curve.valid[-1]), definition.name)
    if curve.doubling.tendency == "rising":
        more = {"groups": "twice as many groups", "time": "a history twice as long"}.get(curve.by, "twice as many rows")
        text = (
            f"More data would help: {more} would bring {definition.title} from {now} to about "
            f"{doubled(curve, definition)}, if the learning curve goes on as it has over {curve.folds} folds."
        )
        return Advice("learning", text, False, evidence)
    wide = curve.gap is not None and curve.gap.is_wide
    then = "less overfitting: regularise more, or a simpler family" if wide else "a richer model, or better features"
    text = (
        f"More rows of the same kind would hardly help: twice as many would bring {definition.title} from {now} to "
        f"{doubled(curve, definition)}. What may help is {then}."
    )
    return Advice("learning", text, False, evidence)


def _overfitting(seen: Diagnosed, winner: Mapping[str, Any], definition: Definition) -> Advice | None:
    """Speak of a wide gap where something shows that it costs: a penalty that helps, or trials that point there."""
    gap = seen.learning.gap if seen.learning is not None else None
    helps = [each for each in seen.penalties if each.is_certain and each.is_stronger]
    points = [each for each in seen.tried if each.wants_more]
    if gap is None or not gap.is_wide or not (helps or points):
        return None
    train, valid = (figure(definition.from_error(each), definition.name) for each in (gap.train, gap.valid))
    text = (
        f"{winner.get('name')} learns its training rows by heart at a price: {definition.title} {train} on them, "
        f"{valid} on others, a gap of {figure(gap.mean, definition.name)} ± {figure(gap.error, definition.name)}."
    )
    return Advice("overfitting", text, False, {"gap": gap.mean, "low": gap.low, "high": gap.high})


def _penalty(seen: Diagnosed, definition: Definition) -> Advice | None:
    """Quote the change of penalty that gains most, where that is beyond chance."""
    found = max((each for each in seen.penalties if each.is_certain), key=lambda each: each.gain, default=None)
    if found is None or found.low is None or found.high is None:
        return None
    title = REGULARISERS[found.parameter][0]
    if found.at is None:
        what = f"Another penalty: {found.family} with {found.name}, {title} {figure(found.best)},"
    else:
        way = "more" if found.is_stronger else "less"
        what = f"Regularise {way}: {found.candidate} with {title} from {figure(found.at)} to {figure(found.best)}"
    text = (
        f"{what} gains {figure(found.gain, definition.name)} of {definition.title} (95 % interval "
        f"{figure(found.low, definition.name)} to {figure(found.high, definition.name)}, over {found.folds} folds, "
        "each judged with the value that does best on the others)."
    )
    evidence = {"from": found.at, "to": found.best, "gain": found.gain, "low": found.low, "high": found.high}
    return Advice("regularisation", text, False, evidence)


def _tried(seen: Diagnosed) -> Advice | None:
    """Say which way the race's own trials point."""
    if not seen.tried:
        return None
    found = seen.tried[0]
    title, more_is_stronger = REGULARISERS[found.parameter]
    way = "more" if found.wants_more else "less"
    of = "more" if found.wants_more == more_is_stronger else "fewer" if title.startswith(("leaves", "rows")) else "less"
    text = (
        f"Regularise {way}: of {found.candidates} candidates of {found.family} those with {of} {title} erred less "
        f"(rank correlation {found.correlation:.2f}, p {found.p:.2g}); the best has {figure(found.best)}. Other "
        "parameters changed too; a longer search would follow it."
    )
    return Advice("regularisation", text, False, {"correlation": found.correlation, "p": found.p, "to": found.best})


def _regularisation(
    winner: Mapping[str, Any],
    complete: Sequence[Mapping[str, Any]],
    definition: Definition,
    test_share: float | None,
) -> Advice | None:
    """Say which way regularisation helped, from candidates of one family that differ in nothing else."""
    best: tuple[float, Advice] | None = None
    for row in complete:
        if row is winner or row.get("name") == winner.get("name") or row.get("family") != winner.get("family"):
            continue
        changed = _changed(winner.get("params") or {}, row.get("params") or {})
        compared = _compared(winner, row, test_share)
        if compared is None or len(changed) != 1 or changed[0] not in REGULARISERS or not compared.is_certain:
            continue
        name = changed[0]
        title, more_is_stronger = REGULARISERS[name]
        ours, theirs = winner["params"][name], row["params"][name]
        if not (_is_number(ours) and _is_number(theirs)):
            continue
        stronger = (ours > theirs) == more_is_stronger
        way = "Regularising more" if stronger else "Regularising less"
        on = "further that way" if stronger else "a richer model, or more features"
        text = (
            f"{way} paid: {title} from {figure(theirs)} to {figure(ours)} improved {definition.title}, "
            f"{_lead(compared)}. Worth trying: {on}."
        )
        made = Advice(
            "regularisation", text, False, {"from": theirs, "to": ours, "gain": compared.mean, "low": compared.low}
        )
        if best is None or compared.mean > best[0]:
            best = compared.mean, made
    return best[1] if best is not None else None


def _budget(table: Sequence[Mapping[str, Any]], selection: Mapping[str, Any]) -> Advice | None:
    short = [row for row in table if row.get("status") == "skipped" and "budget" in str(row.get("note"))]
    if not short:
        return None
    names = ", ".join(str(row["name"]) for row in short[:6])
    text = (
        f"There was no time for {names}: raise [model] budget to let {'it' if len(short) == 1 else 'them'} compete; "
        f"{float(selection.get('seconds') or 0):.0f} s were spent."
    )
    return Advice("budget", text, False, {"skipped": len(short), "seconds": float(selection.get("seconds") or 0)})


def _failures(table: Sequence[Mapping[str, Any]]) -> Advice | None:
    failed = [row for row in table if row.get("status") == "failed"]
    if not failed:
        return None
    told = "; ".join(f"{row['name']}: {row.get('note')}" for row in failed[:3])
    return Advice("failures", f"Failed and left out: {told}.", False, {"failed": len(failed)})


def _few(train_rows: int | None, winner: Mapping[str, Any], definition: Definition) -> Advice | None:
    if train_rows is None or train_rows >= _FEW_ROWS or winner.get("mean") is None:
        return None
    text = (
        f"{train_rows:,} rows to learn from are few: every figure here is uncertain by more than candidates differ. "
        "More rows would help more than more candidates."
    )
    return Advice("data", text, False, {"rows": train_rows})


def _compared(first: Mapping[str, Any], second: Mapping[str, Any], test_share: float | None) -> FoldDifference | None:
    one, other = first.get("scores") or (), second.get("scores") or ()
    return fold_difference(one, other, test_share=test_share) if len(one) == len(other) and len(one) > 1 else None


def _lead(compared: FoldDifference) -> str:
    low, high = (figure(abs(one) if one == 0 else one) for one in (compared.low, compared.high))
    return (
        f"better in {compared.better} of {compared.folds} folds, by {figure(compared.mean)} on average "
        f"(95 % interval {low} to {high})"
    )


def _changed(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _worded(row: Mapping[str, Any], definition: Definition) -> str:
    return f"{definition.title} {figure(definition.from_error(row['mean']), definition.name)}"
