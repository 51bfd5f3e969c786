"""The few figures whose change means that a page has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from noria.errors import NotFound
from noria.pipeline.records import Records
from noria.server.pages.rollouts import deployments_of
from noria.serving.stats import Traffic
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from noria.runs.run import Run
    from noria.workspace import Workspace

__all__ = ["fingerprint", "pulse"]


def fingerprint(workspace: Workspace, topic: str) -> str:
    """Give a text that changes when a topic's pages do."""
    return digest_json(pulse(workspace, topic))[:16]


def pulse(workspace: Workspace, topic: str) -> list[object]:
    """Give JSON values that stay the same for as long as a topic's pages do.

    Parameters
    ----------
    workspace : Workspace
        The project.
    topic : str
        ``home``, ``runs``, ``runs/ID``, ``models``, ``deployments``, ``monitoring`` or ``alerts``.

    Raises
    ------
    NotFound
        There is no such topic.
    """
    kind, _, rest = topic.partition("/")
    model = workspace.project.name
    if kind == "runs" and rest:
        run = workspace.runs.get(rest)
        states = Records(workspace.database).states(run.id)
        return [run.status, _progress(run), [[one.step, one.state] for one in states]]
    gather = {"home": _home, "runs": _runs, "models": _models, "alerts": _alerts}
    if kind in gather and not rest:
        return gather[kind](workspace)
    if topic == "deployments":
        traffic = Traffic(workspace.database)
        minutes = traffic.minutes(model, datetime.now(UTC) - timedelta(minutes=2))
        processes = traffic.processes(model)
        return [
            workspace.aliases.generation(model),
            deployments_of(workspace).generation(),
            [[str(one.minute), one.requests, one.failed] for one in minutes],
            [[one.process, one.state, one.version, one.next_share, one.dropped] for one in processes],
        ]
    if topic == "monitoring":
        return [*_alerts(workspace), workspace.labels.rows(model), *_windows(workspace)]
    raise NotFound(f"no page follows {topic[:60]!r}", code="N-SERVER-030")


def _home(workspace: Workspace) -> list[object]:
    return [*_runs(workspace), *_models(workspace), *_alerts(workspace)]


def _runs(workspace: Workspace) -> list[object]:
    return [[run.id, run.status, _progress(run)] for run in workspace.runs.list(20)]


def _progress(run: Run) -> list[int]:
    """How many metrics there are, and how far the furthest has come: another point is a change."""
    return [len(run.latest), max((point.step for point in run.latest.values()), default=0)]


def _models(workspace: Workspace) -> list[object]:
    names = workspace.registry.models()
    newest = [workspace.registry.get(name).number for name in names]
    asked = [[one.id, len(one.votes)] for one in workspace.approvals.list()]
    return [list(names), newest, [workspace.aliases.generation(name) for name in names], asked]


def _alerts(workspace: Workspace) -> list[object]:
    from noria.automation.decisions import Decisions  # noqa: PLC0415 - only where decisions are shown

    alerts = workspace.alerts.list(limit=20)
    decisions = Decisions(workspace.database).list(limit=1)
    return [
        [[one.id, one.state, one.windows, str(one.muted_until)] for one in alerts],
        [one.id for one in decisions],
    ]


def _windows(workspace: Workspace) -> list[object]:
    from noria.monitoring.records import Windows  # noqa: PLC0415 - reads counts with numpy

    windows = Windows(workspace.database).list(workspace.project.name, limit=20)
    return [[one.id, one.verdict, round(one.matured, 3)] for one in windows]
