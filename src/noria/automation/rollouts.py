"""What a rollout hears of the labels, and the alerts it leaves: serving itself knows no monitor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.evaluation.catalogue import find
from noria.monitoring.alerts import open_or_grow, resolve
from noria.monitoring.tables import alerts
from noria.serving.gates import Labelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from noria.serving.document import Document
    from noria.store.database import Database

__all__ = ["RolloutWatch"]

_WINDOWS = 200
_HALF_WIDTH = 1.959963984540054
"""A window's interval is this many standard errors to either side."""
_Z = 2.5758293035489004
"""Level of the interval of the difference: 99 %, for it is looked at window by window."""


class RolloutWatch:
    """Reads judged windows and writes alert rows for `noria.serving.steward`."""

    def labelled(self, database: Database, model: str, arm: int, champion: int, since: datetime) -> Labelled | None:
        """Compare two versions' metric over their windows since a moment; None until both have labels."""
        from noria.monitoring.records import Windows  # noqa: PLC0415 - heavy, and most scoring servers never ask

        windows = [each for each in Windows(database).list(model, limit=_WINDOWS) if each.first_ts >= since]
        ours = _measured([each.performance for each in windows if each.version == arm])
        theirs = _measured([each.performance for each in windows if each.version == champion])
        for metric in ours.keys() & theirs.keys():
            value, error, rows = ours[metric]
            other, other_error, _ = theirs[metric]
            gap = value - other if find(metric, None).greater_is_better else other - value
            half = _Z * math.hypot(error, other_error)
            return Labelled(metric, gap, gap - half, gap + half, rows)
        return None

    def tell(self, connection: sa.Connection, model: str, version: int, document: Document, text: str) -> None:
        """Open the rollout's alert, or let it grow."""
        open_or_grow(
            connection,
            model=model,
            version=version,
            kind="rollout",
            severity="high" if document.change == "rollback" else "medium",
            since=document.began or document.at,
            text=text,
            evidence={"document": document.number, "findings": [dict(each) for each in document.evidence]},
            now=document.at,
        )

    def clear(self, connection: sa.Connection, model: str, at: datetime, resolution: str) -> None:
        """Close the rollout's alert."""
        query = sa.select(alerts.c.id).where(
            alerts.c.model == model, alerts.c.kind == "rollout", alerts.c.state == "open"
        )
        for number in connection.execute(query).scalars().all():
            resolve(connection, number, now=at, resolution=resolution)


def _measured(found: Sequence[Mapping[str, object] | None]) -> dict[str, tuple[float, float, int]]:
    """Give each metric's mean over windows, weighted by their labelled rows, with its standard error."""
    sums: dict[str, list[tuple[int, float, float]]] = {}
    for each in found:
        if each is None or each.get("value") is None or each.get("low") is None or each.get("high") is None:
            continue
        value, low, high = (float(str(each[name])) for name in ("value", "low", "high"))
        rows = int(str(each["rows"]))
        sums.setdefault(str(each["metric"]), []).append((rows, value, (high - low) / (2 * _HALF_WIDTH)))
    made = {}
    for metric, parts in sums.items():
        rows = sum(part[0] for part in parts)
        if rows:
            mean = sum(part[0] * part[1] for part in parts) / rows
            made[metric] = mean, math.sqrt(sum((part[0] * part[2]) ** 2 for part in parts)) / rows, rows
    return made
