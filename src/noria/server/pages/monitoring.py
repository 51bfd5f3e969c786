"""What the monitoring page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.automation.decisions import Decisions
from noria.errors import ModelNotFound
from noria.server.pages.alerts import AlertRow, listing
from noria.server.pages.decisions import DecisionRow, decision_row
from noria.server.pages.estimates import Estimate

if TYPE_CHECKING:
    from datetime import datetime

    from noria.monitoring.records import DriftHistory, WindowRecord
    from noria.workspace import Workspace

__all__ = ["HeatMap", "MonitoringView", "PerformancePoint", "heat_map", "one"]

_WINDOWS = 40
_FEATURES = 25


@dataclass(frozen=True)
class HeatMap:
    """Feature by window: how far each has moved.

    Parameters
    ----------
    names : tuple of str
        The rows, those that moved most first.
    windows : tuple of datetime
        Begin of each window, oldest first: the columns.
    effects : tuple of tuple of float or None
        0 to 1; None where a feature was not compared.
    flagged : tuple of tuple of bool
        Part of an alarm.
    left_out : int
        Features not shown, since they moved less than all that are.
    """

    names: tuple[str, ...]
    windows: tuple[datetime, ...]
    effects: tuple[tuple[float | None, ...], ...]
    flagged: tuple[tuple[bool, ...], ...]
    left_out: int


@dataclass(frozen=True)
class PerformancePoint:
    """A window's realised performance."""

    starts: datetime
    ends: datetime
    version: int
    rows: int
    matured: float
    verdict: str
    estimate: Estimate
    reference: float | None
    reference_low: float | None
    reference_high: float | None


@dataclass(frozen=True)
class MonitoringView:
    """Everything about how a model does in production."""

    model: str
    models: tuple[str, ...]
    window: str
    labels_after: str
    on_drift: str
    on_regression: str
    champion: int | None
    windows: tuple[WindowRecord, ...]
    heat: HeatMap
    performance: tuple[PerformancePoint, ...]
    metric: str
    alerts: tuple[AlertRow, ...]
    decisions: tuple[DecisionRow, ...]
    labels: int

    @property
    def latest(self) -> WindowRecord | None:
        """The newest window."""
        return self.windows[-1] if self.windows else None


def one(workspace: Workspace, model: str, now: datetime) -> MonitoringView:
    """Gather what is known of a model's answers.

    Raises
    ------
    ModelNotFound
        The project has no such model.
    """
    known = {*workspace.registry.models(), workspace.project.name}
    if model not in known:
        raise ModelNotFound(
            f"no model is called {model!r}", mend="noria models list shows what is there", code="N-REGISTRY-002"
        )
    from noria.monitoring.records import Windows  # noqa: PLC0415 - reads counts with numpy

    records = Windows(workspace.database)
    windows = records.list(model, limit=_WINDOWS)
    settings = workspace.project.settings.monitor
    points = tuple(point for record in windows if (point := _point(record)) is not None)
    return MonitoringView(
        model=model,
        models=tuple(sorted(known)),
        window=settings.window,
        labels_after=settings.labels_after,
        on_drift=settings.on_drift,
        on_regression=settings.on_regression,
        champion=workspace.aliases.current(model),
        windows=windows,
        heat=heat_map(records.history(model, limit=_WINDOWS)),
        performance=points,
        metric=next((point.estimate.name for point in reversed(points) if point.estimate.name), ""),
        alerts=listing(workspace, now, model=model, limit=10),
        decisions=tuple(decision_row(one) for one in Decisions(workspace.database).list(model, limit=20)),
        labels=records.labelled(model),
    )


def heat_map(history: DriftHistory) -> HeatMap:
    """Keep the features that moved most."""
    return HeatMap(
        names=history.names[:_FEATURES],
        windows=tuple(record.starts for record in history.windows),
        effects=history.effects[:_FEATURES],
        flagged=history.flagged[:_FEATURES],
        left_out=max(0, len(history.names) - _FEATURES),
    )


def _point(record: WindowRecord) -> PerformancePoint | None:
    found = record.performance
    if not found:
        return None
    return PerformancePoint(
        starts=record.starts,
        ends=record.ends,
        version=record.version,
        rows=record.rows,
        matured=record.matured,
        verdict=record.verdict,
        estimate=Estimate(
            str(found.get("metric", "")), _number(found, "value"), _number(found, "low"), _number(found, "high")
        ),
        reference=_number(found, "reference"),
        reference_low=_number(found, "reference_low"),
        reference_high=_number(found, "reference_high"),
    )


def _number(fields: Mapping[str, object], name: str) -> float | None:
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
