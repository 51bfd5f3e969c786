"""What the deployment page shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from noria.errors import NotFound, did_you_mean
from noria.server.pages.rollouts import rollout
from noria.serving.latency import quantile
from noria.serving.stats import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from noria.registry.aliases import AliasMove
    from noria.server.pages.rollouts import RolloutView
    from noria.serving.stats import Load, Minute, Process
    from noria.workspace import Workspace

__all__ = ["ArmRow", "DeploymentView", "MinuteRow", "ProcessRow", "endpoint", "known", "one"]

_ALIVE = timedelta(seconds=15)
_SHOWN = timedelta(minutes=60)


@dataclass(frozen=True)
class ArmRow:
    """What one version answered in the last hour; latencies in milliseconds."""

    version: int
    arm: str
    requests: int
    share: float
    rows: int
    refused: int
    failed: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True)
class MinuteRow:
    """All requests of one minute; latencies in milliseconds."""

    minute: datetime
    requests: int
    refused: int
    failed: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True)
class ProcessRow:
    """A serving process and whether it lives."""

    process: Process
    alive: bool


@dataclass(frozen=True)
class DeploymentView:
    """Everything about an endpoint."""

    endpoint: str
    model: str
    registered: bool
    champion: int | None
    strategy: str
    steps: tuple[int, ...]
    hold: str
    requests: int
    errors: int
    refused: int
    p50: float | None
    p95: float | None
    p99: float | None
    minutes: tuple[MinuteRow, ...]
    arms: tuple[ArmRow, ...]
    processes: tuple[ProcessRow, ...]
    loads: tuple[Load, ...]
    moves: tuple[AliasMove, ...]
    example: str
    rollout: RolloutView | None

    @property
    def alive(self) -> bool:
        """Whether any process is there."""
        return any(row.alive for row in self.processes)

    @property
    def answering(self) -> bool:
        """Whether any process has a version to answer with."""
        return any(row.alive and row.process.version is not None for row in self.processes)


def endpoint(workspace: Workspace) -> str:
    """Give the name of the project's endpoint."""
    return workspace.project.settings.deploy.endpoint or workspace.project.name


def known(workspace: Workspace, name: str) -> str:
    """Give the name of an endpoint back.

    Raises
    ------
    NotFound
        The project has no such endpoint.
    """
    mine = endpoint(workspace)
    if name != mine:
        raise NotFound(
            f"no endpoint is called {name!r}",
            why=did_you_mean(name, [mine]) or f"this project's endpoint is {mine}",
            mend="it is set in noria.toml: [deploy] endpoint",
            code="N-SERVER-020",
        )
    return mine


def one(workspace: Workspace, name: str, now: datetime) -> DeploymentView:
    """Gather the last hour of an endpoint.

    Raises
    ------
    NotFound
        The project has no such endpoint.
    """
    mine = known(workspace, name)
    model = workspace.project.name
    traffic = Traffic(workspace.database)
    minutes = traffic.minutes(model, now - _SHOWN)
    heard = [minute for minute in minutes if minute.arm != "shadow"]
    p50, p95, p99 = _latencies(heard)
    settings = workspace.project.settings.deploy
    processes = traffic.processes(model, since=now - timedelta(days=1))
    champion = workspace.aliases.current(model)
    return DeploymentView(
        endpoint=mine,
        model=model,
        registered=model in workspace.registry.models(),
        champion=champion,
        strategy=settings.strategy,
        steps=tuple(settings.steps),
        hold=settings.hold,
        requests=sum(minute.requests for minute in heard),
        errors=sum(minute.failed for minute in heard),
        refused=sum(minute.refused for minute in heard),
        p50=p50,
        p95=p95,
        p99=p99,
        minutes=_by_minute(heard),
        arms=_by_arm(minutes),
        processes=tuple(_process(process, now) for process in processes),
        loads=traffic.loads(model, 10),
        moves=tuple(reversed(workspace.aliases.history(model, "champion")))[:10],
        example=_example(workspace, model, champion),
        rollout=rollout(workspace, minutes, now),
    )


def _process(process: Process, now: datetime) -> ProcessRow:
    return ProcessRow(process, process.state != "stopped" and now - process.heartbeat < _ALIVE)


def _by_minute(minutes: list[Minute]) -> tuple[MinuteRow, ...]:
    rows = []
    for moment, group in groupby(sorted(minutes, key=lambda one: one.minute), key=lambda one: one.minute):
        together = list(group)
        p50, _, p99 = _latencies(together)
        rows.append(
            MinuteRow(
                moment,
                sum(one.requests for one in together),
                sum(one.refused for one in together),
                sum(one.failed for one in together),
                p50,
                p99,
            )
        )
    return tuple(rows)


def _by_arm(minutes: Iterable[Minute]) -> tuple[ArmRow, ...]:
    groups: dict[tuple[int, str], list[Minute]] = {}
    for minute in minutes:
        groups.setdefault((minute.version, minute.arm), []).append(minute)
    total = sum(one.requests for (_, arm), group in groups.items() if arm != "shadow" for one in group)
    rows = []
    for (version, arm), group in sorted(groups.items(), reverse=True):
        requests = sum(one.requests for one in group)
        rows.append(
            ArmRow(
                version,
                arm,
                requests,
                requests / total if total and arm != "shadow" else 0.0,
                sum(one.rows for one in group),
                sum(one.refused for one in group),
                sum(one.failed for one in group),
                *_latencies(group),
            )
        )
    return tuple(rows)


def _latencies(minutes: Iterable[Minute]) -> tuple[float | None, float | None, float | None]:
    histograms = [minute.histogram for minute in minutes]
    if not histograms:
        return None, None, None
    counts = [sum(column) for column in zip(*histograms, strict=True)]
    return quantile(counts, 0.5), quantile(counts, 0.95), quantile(counts, 0.99)


def _example(workspace: Workspace, model: str, champion: int | None) -> str:
    """Write a record that the champion accepts, from what it says of its input; empty without a champion."""
    if champion is None:
        return ""
    columns = workspace.registry.get(model, champion).signature.get("columns", ())
    record: dict[str, object] = {}
    for column in columns if isinstance(columns, list | tuple) else ():
        low, high = column.get("min"), column.get("max")
        categories = column.get("categories")
        value: object = None
        if categories:
            value = categories[0]
        elif column.get("type") == "bool":
            value = True
        elif isinstance(low, int | float) and isinstance(high, int | float):
            value = int((low + high) / 2) if column.get("type") == "int" else round((low + high) / 2, 3)
        record[str(column["name"])] = value
    return json.dumps(record, ensure_ascii=False)
