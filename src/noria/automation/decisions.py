"""What automation decided, why, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.automation.tables import decisions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.store.database import Database

__all__ = ["Action", "Decision", "Decisions"]

Action = Literal["tell", "hold", "run", "retrain", "promote", "rollback"]


@dataclass(frozen=True)
class Decision:
    """One decision.

    Parameters
    ----------
    id, at, model
        Which, when, about which model.
    alert_id : int or None
        The alert it answers.
    cause : str
        ``alert:drift``, ``cron:0 3 * * 1 UTC``, ``data:changed`` …
    action : str
        ``tell`` somebody, ``hold`` back, ``run`` the pipeline, ``retrain`` on what has come in, ``promote``,
        ``rollback``.
    reason : str
        Why, in one line.
    outcome : str
        What came of it, in one line.
    evidence : mapping
        JSON: the figures it rests on.
    """

    id: int
    at: datetime
    model: str
    alert_id: int | None
    cause: str
    action: Action
    reason: str
    outcome: str
    evidence: Mapping[str, object]

    def to_json(self) -> dict[str, object]:
        """Give plain JSON."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "model": self.model,
            "alert_id": self.alert_id,
            "cause": self.cause,
            "action": self.action,
            "reason": self.reason,
            "outcome": self.outcome,
            "evidence": dict(self.evidence),
        }


class Decisions:
    """The decisions about all models.

    Parameters
    ----------
    database : Database
        With this room's tables.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def record(
        self,
        *,
        at: datetime,
        model: str,
        cause: str,
        action: Action,
        reason: str,
        outcome: str,
        evidence: Mapping[str, object],
        alert_id: int | None = None,
    ) -> Decision:
        """Write a decision down."""
        values = {
            "at": at,
            "model": model,
            "alert_id": alert_id,
            "cause": cause,
            "action": action,
            "reason": reason,
            "outcome": outcome,
            "evidence": dict(evidence),
        }
        with self.database.transaction() as connection:
            number = connection.execute(sa.insert(decisions).values(values).returning(decisions.c.id)).scalar_one()
        return Decision(number, at, model, alert_id, cause, action, reason, outcome, dict(evidence))

    def list(self, model: str | None = None, *, limit: int = 50) -> tuple[Decision, ...]:
        """Give the newest decisions, newest first."""
        query = sa.select(decisions).order_by(decisions.c.id.desc()).limit(limit)
        if model is not None:
            query = query.where(decisions.c.model == model)
        return self._read(query)

    def of_alert(self, alert_id: int) -> tuple[Decision, ...]:
        """Give what was decided about an alert, oldest first."""
        return self._read(sa.select(decisions).where(decisions.c.alert_id == alert_id).order_by(decisions.c.id))

    def last(self, model: str, action: Action) -> Decision | None:
        """Give the newest decision of a kind."""
        query = sa.select(decisions).where(decisions.c.model == model, decisions.c.action == action)
        found = self._read(query.order_by(decisions.c.id.desc()).limit(1))
        return found[0] if found else None

    def _read(self, query: sa.Select[tuple[object, ...]]) -> tuple[Decision, ...]:
        with self.database.reading() as connection:
            return tuple(Decision(**row) for row in connection.execute(query).mappings())
