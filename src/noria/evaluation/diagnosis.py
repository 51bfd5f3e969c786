"""Does it overfit, would more rows help, would more penalty: what the record of a selection says, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noria.evaluation.learning import Learning, learning
from noria.evaluation.optimism import selection_optimism
from noria.evaluation.penalties import REGULARISERS, Penalty, Tried, penalty, tried
from noria.evaluation.wording import figure

if TYPE_CHECKING:
    from noria.evaluation.catalogue import Definition
    from noria.evaluation.optimism import Optimism

__all__ = ["Diagnosed", "diagnosed", "doubled", "optimism_of", "told", "wanted_rows"]

_MOST_FOLDS = 10


@dataclass(frozen=True)
class Diagnosed:
    """What a diagnosis found.

    Parameters
    ----------
    learning : Learning or None
        Of the winner.
    penalties : tuple of Penalty
        Of the best model that can be read, along its own penalty first.
    tried : tuple of Tried
        Regularisers of the winner's family that go with the error beyond chance, among the candidates tried.
    optimism : Optimism or None
        What choosing the best flatters.
    notes : tuple of str
        What was left out.
    folds : tuple of (float, float)
        Training and validation error of each fold.
    """

    learning: Learning | None
    penalties: tuple[Penalty, ...]
    tried: tuple[Tried, ...]
    optimism: Optimism | None
    notes: tuple[str, ...]
    folds: tuple[tuple[float, float], ...]

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "learning": None if self.learning is None else self.learning.to_json(),
            "penalties": [each.to_json() for each in self.penalties],
            "tried": [vars(each) | {"certain": each.is_certain} for each in self.tried],
            "optimism": None if self.optimism is None else dict(vars(self.optimism)),
            "notes": list(self.notes),
            "folds": [list(pair) for pair in self.folds],
        }


def diagnosed(selection: Mapping[str, Any]) -> Diagnosed:
    """Read what training found out about its winner.

    Parameters
    ----------
    selection : mapping
        As training's ``Selection.to_json`` gave it, with ``diagnosis`` where one was made. Not of a clustering: its
        draws are no folds.
    """
    found = selection.get("diagnosis") or {}
    curve = found.get("curve") or {}
    winner = selection.get("winner") or {}
    whole = (curve.get("sizes") or [{}])[-1]
    judged, rows = curve.get("judged") or (), whole.get("rows") or ()
    folds = len(winner.get("scores") or ())
    share = sum(n / of for n, of in zip(judged, rows, strict=False)) / len(rows) if rows else 1 / max(1, folds - 1)
    known = selection.get("test_share")  # of folds forward in time more than the rows say
    share = share if known is None else float(known)
    family = str(winner.get("family"))
    has_path = any(path["family"] == family for path in found.get("paths") or ())  # which changes nothing else
    return Diagnosed(
        learning=learning(curve, test_share=known) if curve else None,
        penalties=tuple(penalty(path, test_share=share) for path in found.get("paths") or ()),
        tried=() if has_path else tuple(one for one in tried(selection.get("table") or (), family) if one.is_certain),
        optimism=optimism_of(selection),
        notes=tuple(found.get("notes") or ()),
        folds=tuple(zip(whole.get("train") or (), whole.get("valid") or (), strict=False)),
    )


def optimism_of(selection: Mapping[str, Any]) -> Optimism | None:
    """Say what choosing the best of the candidates flatters, from those that were judged on every fold."""
    folds = len((selection.get("winner") or {}).get("scores") or ())
    rows = [row for row in selection.get("table") or () if row.get("mean") is not None and row.get("family") != "dummy"]
    errors = [row["scores"] for row in rows if len(row.get("scores") or ()) == folds]
    return selection_optimism(errors) if len(errors) >= 2 and folds >= 3 else None


def told(found: Diagnosed, definition: Definition) -> tuple[str, ...]:
    """Say it in sentences."""
    lines = [*in_short(found, definition)]
    lines += [_path(each, definition) for each in found.penalties]
    lines += [_tried(each) for each in found.tried]
    lines += _luck(found.optimism, definition)
    return (*lines, *(f"{note[:1].upper()}{note[1:]}." for note in found.notes))


def in_short(found: Diagnosed, definition: Definition) -> tuple[str, ...]:
    """Say what is said of every winner: its gap and its learning curve."""
    return (*_gap(found, definition), *_curve(found.learning, definition))


def doubled(found: Learning, definition: Definition) -> str:
    """Say where twice the rows would bring the metric."""
    assert found.doubling is not None  # noqa: S101 - asked for where there is one
    now, gain = found.valid[-1], found.doubling
    ends = [now - gain.gain, *sorted((now - gain.high, now - gain.low))]
    # No error is below that of a faultless answer, however steep the line through a few folds.
    floor = float("-inf") if definition.greater_is_better and definition.unit != "share" else 0.0
    best, *around = (definition.from_error(max(each, floor)) for each in ends)
    low, high = sorted(around)
    shown = [figure(each, definition.name) for each in (best, low, high)]
    return f"{shown[0]} (95 % interval {shown[1]} to {shown[2]})"


def wanted_rows(found: Learning) -> str:
    """Name what a curve has more and less of."""
    return {"groups": "groups, and so rows,", "time": "rows of a history"}.get(found.by, "rows")


def _gap(found: Diagnosed, definition: Definition) -> list[str]:
    gap = found.learning.gap if found.learning is not None else None
    if gap is None:
        return []
    train, valid = (figure(definition.from_error(each), definition.name) for each in (gap.train, gap.valid))
    said = f"On rows it learned from: {definition.title} {train}; on rows it had not seen: {valid}. The gap is "
    if gap.error is None:
        return [f"{said}{figure(gap.mean, definition.name)}; one fold cannot say how sure that is."]
    low, high = (figure(each, definition.name) for each in (gap.low, gap.high))
    gaps = [figure(valid - train, definition.name) for train, valid in found.folds]
    by_fold = f"; by fold {', '.join(gaps)}" if len(gaps) <= _MOST_FOLDS else ""
    return [
        f"{said}{figure(gap.mean, definition.name)} ± {figure(gap.error, definition.name)} (95 % interval {low} to "
        f"{high}, paired over {gap.folds} folds and corrected for rows that they share){by_fold}."
    ]


def _curve(found: Learning | None, definition: Definition) -> list[str]:
    if found is None or len(found.rows) < 2:
        return []
    rows = _series([f"{round(each):,}" for each in found.rows])
    values = _series([figure(definition.from_error(each), definition.name) for each in found.valid])
    said = f"Learning from {rows} {wanted_rows(found)} of each fold it reached {values} on the same other rows"
    if found.by == "time":
        said = f"Learning from the newest {rows} rows of each fold it reached {values} on the same later rows"
    if found.doubling is None:
        return [f"{said}; {'one fold' if found.folds < 2 else 'two sizes'} cannot say where that leads."]
    follows = {
        "rising": "more data would help",
        "flat": "more rows of the same kind would hardly help",
        "unclear": "these folds cannot tell whether more data would help",
    }[found.doubling.tendency]
    return [f"{said}. If that goes on, twice as many would bring it to {doubled(found, definition)}: {follows}."]


def _path(found: Penalty, definition: Definition) -> str:
    title = REGULARISERS[found.parameter][0]
    best, end = min(found.valid), ", the end of the path," if found.is_at_end else ""
    said = (
        f"{found.family} along {title}{'' if found.name == title else f' ({found.name})'}: best at "
        f"{figure(found.best)}{end} with {definition.title} "
        f"{figure(definition.from_error(best), definition.name)}"
    )
    if found.used and min(found.used) < max(found.used):
        said += f" and {figure(round(found.used[found.values.index(found.best)], 1))} coefficients that are not zero"
    if found.simplest != found.best:
        said += f"; {figure(found.simplest)}, which regularises more, is within one standard error of it"
    if found.low is None or found.high is None:
        return f"{said}. Of {found.folds} folds, too few to say what it would gain."
    ends = f"{_signed(found.low, definition)} to {_signed(found.high, definition)}"
    than = f"{figure(found.at)}" if found.at is not None else f"{found.candidate}'s own penalty"
    sure = "beyond chance" if found.is_certain else "not beyond chance"
    way = "better" if found.gain >= 0 else "worse"
    return (
        f"{said}. Chosen on the other folds, it is {figure(abs(found.gain), definition.name)} {way} than {than} (95 % "
        f"interval of the gain {ends}), {sure}."
    )


def _tried(found: Tried) -> str:
    way = "regularise more" if found.wants_more else "regularise less"
    return (
        f"Of {found.candidates} candidates of {found.family}, those that {way} by {REGULARISERS[found.parameter][0]} "
        f"erred less on the first fold (rank correlation {found.correlation:.2f}, p {found.p:.2g} by Holm's rule); "
        "other parameters changed too."
    )


def _luck(found: Optimism | None, definition: Definition) -> list[str]:
    if found is None:
        return []
    if found.flattery <= 0:
        return [f"Choosing the best of {found.candidates} candidates on {found.units} folds shows no flattery."]
    shown = [figure(definition.from_error(each), definition.name) for each in (found.error, found.corrected)]
    return [
        f"Choosing the best of {found.candidates} candidates on {found.units} folds flatters by about "
        f"{figure(found.flattery, definition.name)}: {shown[0]} as reported, {shown[1]} chosen on some folds and "
        "judged on the others."
    ]


def _series(shown: Sequence[str]) -> str:
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _signed(value: float, definition: Definition) -> str:
    written = figure(abs(value), definition.name)
    return f"-{written}" if value < 0 and any(digit in written for digit in "123456789") else written
