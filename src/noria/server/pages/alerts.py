"""What the page of alerts shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.automation.decisions import Decisions
from noria.server.pages.decisions import DecisionRow, decision_row

if TYPE_CHECKING:
    from datetime import datetime

    from noria.monitoring.alerts import Alert
    from noria.workspace import Workspace

__all__ = ["AlertRow", "listing"]


@dataclass(frozen=True)
class AlertRow:
    """An alert with what automation did about it."""

    alert: Alert
    muted: bool
    decisions: tuple[DecisionRow, ...]


def listing(workspace: Workspace, now: datetime, *, model: str | None = None, limit: int = 100) -> tuple[AlertRow, ...]:
    """List the alerts: the open ones first, then the newest."""
    found = workspace.alerts.list(model, limit=limit)
    ordered = sorted(found, key=lambda alert: (alert.state != "open", -alert.opened.timestamp()))
    decisions = Decisions(workspace.database)
    return tuple(
        AlertRow(alert, alert.muted(now), tuple(decision_row(one) for one in decisions.of_alert(alert.id)))
        for alert in ordered
    )
