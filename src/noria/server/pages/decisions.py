"""Decisions of automation as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from noria.automation.decisions import Decision

__all__ = ["DecisionRow", "decision_row"]

_TONES = {"promote": "good", "retrain": "busy", "run": "busy", "rollback": "warn", "hold": "", "tell": ""}


@dataclass(frozen=True)
class DecisionRow:
    """A decision: what was done, why, what came of it."""

    id: int
    at: datetime
    cause: str
    action: str
    tone: str
    reason: str
    outcome: str
    evidence: Mapping[str, object]
    alert_id: int | None


def decision_row(decision: Decision) -> DecisionRow:
    """Shorten a decision to a line."""
    return DecisionRow(
        decision.id,
        decision.at,
        decision.cause,
        decision.action,
        _TONES.get(decision.action, ""),
        decision.reason,
        decision.outcome,
        decision.evidence,
        decision.alert_id,
    )
