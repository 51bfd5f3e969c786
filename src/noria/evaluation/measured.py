"""What gates judge besides metrics: figures of the evaluation, and those that somebody else measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from noria.evaluation.measures import MEASURES

if TYPE_CHECKING:
    from noria.evaluation.evaluate import Evaluation
    from noria.evaluation.fairness import Fairness
    from noria.evaluation.resampling import Estimate

__all__ = ["Asked", "Measured", "look_up"]

_OF_EVALUATION = ("parity_ratio", "equalised_odds_gap", "calibration_slope")


class Asked(Protocol):
    """What a gate wants to know."""

    @property
    def metric(self) -> str | None:
        """Which measure."""

    @property
    def by(self) -> str | None:
        """Which protected column; None for the one that fares worst."""


@dataclass(frozen=True)
class Measured:
    """A figure that a gate judges.

    Attributes
    ----------
    value : float or None
        None where it cannot be judged.
    told : str
        The figure and what it comes from, or why there is none.
    evidence : mapping
        The same as JSON.
    passes : bool
        Whether a gate is passed although there is no value: there is nothing yet to be compared with.
    """

    value: float | None
    told: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    passes: bool = False


def look_up(gate: Asked, evaluation: Evaluation, measured: Mapping[str, Measured]) -> Measured:
    """Find what a gate asks for: in the evaluation, or among what was measured.

    Parameters
    ----------
    gate : Asked
        Its metric is one of `noria.evaluation.measures.MEASURES`.
    evaluation : Evaluation
        On the locked test rows.
    measured : mapping of str to Measured
        By measure, what the evaluation does not hold.
    """
    name = str(gate.metric)
    if name == "calibration_slope":
        return _slope(evaluation)
    if MEASURES[name].by:
        return _fairness(name, gate.by, evaluation)
    return measured.get(name) or Measured(None, "it was not measured")


def _slope(evaluation: Evaluation) -> Measured:
    found = evaluation.calibration
    if found is None or found.slope is None:
        return Measured(None, "the test rows say nothing of it: the score separates the classes, or there are not two")
    evidence = {"value": found.slope, "low": found.slope_low, "high": found.slope_high, "n": evaluation.n}
    if found.slope_low is None or found.slope_high is None:
        return Measured(found.slope, f"{found.slope:.3f} ({evaluation.n:,} rows)", evidence)
    between = f"95 % interval {found.slope_low:.3f} to {found.slope_high:.3f}"
    return Measured(found.slope, f"{found.slope:.3f} ({between}, {evaluation.n:,} rows)", evidence)


def _fairness(name: str, by: str | None, evaluation: Evaluation) -> Measured:
    asked = [each for each in evaluation.fairness if by in (None, each.column)]
    if not asked:
        return Measured(None, f"{by or 'a protected column'} was not judged", {"by": by})
    found_of = [(each, _estimate(each, name)) for each in asked]
    # The one that fares worst may be the one that could not be judged: then nothing is known of the worst.
    unknown = [each for each, found in found_of if found.value is None]
    if unknown:
        told = "; ".join(f"{each.name}: {_why_not(name)}" for each in unknown)
        return Measured(None, told, {"by": by, "not_judged": [each.name for each in unknown]})
    values = [(each, found, found.value) for each, found in found_of if found.value is not None]
    ordered = sorted(values, key=lambda one: one[2], reverse=not MEASURES[name].greater_is_better)
    column, found, value = ordered[0]
    between = "" if found.low is None or found.high is None else f"95 % interval {found.low:.3f} to {found.high:.3f}, "
    groups = ", ".join(f"{group.label} {group.n:,}" for group in column.judged)
    few = f"; too small to be judged: {', '.join(group.label for group in column.small)}" if column.small else ""
    return Measured(
        value, f"{value:.3f} by {column.name} ({between}rows: {groups}){few}", {**column.to_json(), **found.to_json()}
    )


def _estimate(found: Fairness, name: str) -> Estimate:
    return found.parity_ratio if name == "parity_ratio" else found.equalised_odds_gap


def _why_not(name: str) -> str:
    if name == "parity_ratio":
        return "fewer than two groups are large enough, or nobody is called positive"
    return "fewer than two groups have enough positives, or enough negatives"
