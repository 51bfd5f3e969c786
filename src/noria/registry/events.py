"""What happened in the registry, written in the transaction of what it tells, for those who want to hear of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from noria.registry.tables import registry_events as table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["KINDS", "EventKind", "RegistryEvent", "any_waiting", "hand_over", "record"]

EventKind = Literal[
    "registered_model.created",
    "registered_model.updated",
    "registered_model.renamed",
    "registered_model.deleted",
    "registered_model.tag_set",
    "registered_model.tag_deleted",
    "model_version.created",
    "model_version.updated",
    "model_version.deleted",
    "model_version.tag_set",
    "model_version.tag_deleted",
    "model_version.transitioned",
    "model_alias.moved",
    "model_alias.deleted",
    "promotion.requested",
    "promotion.approved",
    "promotion.rejected",
]

KINDS: tuple[EventKind, ...] = EventKind.__args__  # type: ignore[attr-defined]

_AT_ONCE = 200


@dataclass(frozen=True)
class RegistryEvent:
    """Something that happened.

    Parameters
    ----------
    id : int
        Unique; later ones are not always higher.
    at : datetime
        When.
    kind : str
        One of `KINDS`.
    model : str
        Its name then.
    number : int or None
        The version; None for what is about the model.
    actor : str
        Who did it; empty where nobody said.
    detail : mapping
        More, as JSON.
    """

    id: int
    at: datetime
    kind: EventKind
    model: str
    number: int | None
    actor: str
    detail: Mapping[str, object]

    def to_json(self) -> dict[str, object]:
        """Give the event as JSON."""
        text = self.kind.replace(".", " ").replace("_", " ")
        return {
            "event": self.kind,
            "id": self.id,
            "at": self.at.isoformat(),
            "model": self.model,
            "version": self.number,
            "actor": self.actor,
            "detail": dict(self.detail),
            # What Slack and its like show.
            "text": f"{self.model}{'' if self.number is None else f'@{self.number}'}: {text}"
            + (f" by {self.actor}" if self.actor else ""),
        }


def record(
    connection: sa.Connection,
    kind: EventKind,
    model: str,
    number: int | None = None,
    *,
    at: datetime,
    actor: str = "",
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write an event down, in the transaction of what it tells."""
    row = {"at": at, "kind": kind, "model": model, "number": number, "actor": actor, "detail": dict(detail or {})}
    connection.execute(sa.insert(table), row)


def any_waiting(connection: sa.Connection) -> bool:
    """Say whether there is an event that nobody has taken."""
    return connection.execute(sa.select(table.c.id).where(table.c.handed.is_(None)).limit(1)).first() is not None


def hand_over(connection: sa.Connection, *, now: datetime) -> tuple[RegistryEvent, ...]:
    """Take some events that nobody has taken yet, oldest first: each is given to one caller, if it commits."""
    shown = (table.c.id, table.c.at, table.c.kind, table.c.model, table.c.number, table.c.actor, table.c.detail)
    # Locked on PostgreSQL, so that of two who take at once each gets others; SQLite lets one writer in anyway.
    waiting = sa.select(*shown).where(table.c.handed.is_(None)).order_by(table.c.id).limit(_AT_ONCE)
    found = tuple(RegistryEvent(*row) for row in connection.execute(waiting.with_for_update(skip_locked=True)))
    if found:
        taken = sa.update(table).where(table.c.id.in_([event.id for event in found]))
        connection.execute(taken.values(handed=now))
    return tuple(replace(event, detail=dict(event.detail)) for event in found)
