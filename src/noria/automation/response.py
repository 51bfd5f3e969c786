"""What an alert should lead to: evidence in, a plan out. Nothing is read or done here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from noria.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

__all__ = ["Contest", "Facts", "Plan", "respond"]

OnDrift = Literal["alert", "retrain"]
OnRegression = Literal["alert", "rollback", "retrain"]


@dataclass(frozen=True)
class Contest:
    """The version before against the present one, on the same labelled rows.

    Parameters
    ----------
    previous : int
        The version before.
    verdict : str
        ``better``, ``worse``, ``equivalent`` or ``inconclusive``: of the version before.
    evidence : mapping
        Which rows they are, metric, difference, interval, level, number of rows.
    """

    previous: int
    verdict: str
    evidence: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {"previous": self.previous, "verdict": self.verdict, **self.evidence}


@dataclass(frozen=True)
class Facts:
    """What is known when an alert is to be answered.

    Parameters
    ----------
    kind : str
        Of the alert: ``drift``, ``input``, ``performance`` or ``rollout``.
    input_broken : bool
        Whether an alert about broken input is open.
    new_rows : int
        Labelled rows since the new period began.
    data : str
        Digest of what would be trained on.
    since_retraining : timedelta or None
        Time since the last automatic retraining.
    failed_on : str
        Digest of the data on which the last challenger failed its gates.
    contest : Contest or None
        For a rollback; None where there is no version to go back to, or too little to compare on.
    """

    kind: str
    input_broken: bool = False
    new_rows: int = 0
    data: str = ""
    since_retraining: timedelta | None = None
    failed_on: str = ""
    contest: Contest | None = None


@dataclass(frozen=True)
class Plan:
    """What to do.

    Parameters
    ----------
    action : str
        ``tell``, ``hold``, ``retrain`` or ``rollback``.
    reason : str
        Why; the same words for the same reason, so that nothing is said twice.
    """

    action: Literal["tell", "hold", "retrain", "rollback"]
    reason: str


def respond(facts: Facts, *, on_drift: OnDrift, on_regression: OnRegression, retrain_rows: int, cooldown: str) -> Plan:
    """Choose the answer to an alert.

    Broken input is told and never trained on. Drift retrains only with enough labelled rows of the new period.
    A fall rolls back only if the version before does better on the same rows: when the world has changed, the old
    version may be worse still.

    Examples
    --------
    >>> facts = Facts("drift", new_rows=1000, data="d1")
    >>> respond(facts, on_drift="retrain", on_regression="alert", retrain_rows=200, cooldown="6h").action
    'retrain'
    """
    if facts.kind == "input":
        return Plan("tell", "the input looks broken: nothing is trained on it")
    if facts.kind == "rollout":
        return Plan("tell", "the deployment has answered it by itself")
    if facts.kind == "answers":
        return Plan("tell", "what was answered is not what the model computes: somebody must look")
    if facts.kind == "drift":
        if on_drift == "alert":
            return Plan("tell", 'on_drift = "alert"')
        return _retrain(facts, retrain_rows, cooldown)
    if on_regression == "alert":
        return Plan("tell", 'on_regression = "alert"')
    if on_regression == "retrain":
        return _retrain(facts, retrain_rows, cooldown)
    if facts.contest is not None and facts.contest.verdict == "better":
        return Plan("rollback", f"version {facts.contest.previous} does better on the same labelled rows")
    if on_drift == "retrain":
        return _retrain(facts, retrain_rows, cooldown)
    if facts.contest is None:
        return Plan("hold", "there is no earlier version to compare with on labelled rows")
    return Plan("hold", f"version {facts.contest.previous} is not proven better on the same labelled rows")


def _retrain(facts: Facts, retrain_rows: int, cooldown: str) -> Plan:
    if facts.input_broken:
        return Plan("hold", "the input looks broken: nothing is trained on it")
    if facts.new_rows < retrain_rows:
        return Plan("hold", f"fewer than {retrain_rows} labelled rows of the new period")
    if facts.failed_on and facts.failed_on == facts.data:
        return Plan("hold", "the last challenger failed its gates on the same data")
    if facts.since_retraining is not None and facts.since_retraining < parse_duration(cooldown):
        return Plan("hold", f"the last retraining was less than {cooldown} ago")
    return Plan("retrain", f"at least {retrain_rows} labelled rows of the new period are in")
