"""What the run pages show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import BlobNotFound
from noria.pipeline.records import Records
from noria.server.pages.estimates import Estimate, estimates

if TYPE_CHECKING:
    from datetime import datetime

    from noria.pipeline.records import StepRecord
    from noria.registry.version import ModelVersion
    from noria.runs.artifacts import RunArtifact
    from noria.runs.run import Run
    from noria.workspace import Workspace

__all__ = ["RunRow", "RunView", "StepRow", "artifact", "one", "row"]


@dataclass(frozen=True)
class RunRow:
    """A line of the list of runs."""

    id: str
    name: str
    kind: str
    status: str
    trigger: str
    started: datetime
    seconds: float | None
    metrics: Mapping[str, float]
    commit: str | None
    clean: bool | None
    model: str | None
    experiment: int = 0


@dataclass(frozen=True)
class StepRow:
    """How one step went; `begin` and `end` are shares of the run's time."""

    name: str
    state: str
    reason: str
    seconds: float | None
    begin: float | None
    end: float | None
    error: Mapping[str, str] | None


@dataclass(frozen=True)
class RunView:
    """Everything about one run."""

    run: Run
    row: RunRow
    steps: tuple[StepRow, ...]
    ran: int
    cached: int
    metrics: tuple[Estimate, ...]
    artifacts: tuple[RunArtifact, ...]
    code: tuple[tuple[str, object], ...]
    environment: tuple[tuple[str, object], ...]
    versions: tuple[str, ...]
    report: str | None
    error: Mapping[str, str] | None


def one(workspace: Workspace, run_id: str) -> RunView:
    """Gather everything about a run.

    Raises
    ------
    RunNotFound
        There is no such run.
    """
    run = workspace.runs.get(run_id)
    versions = workspace.registry.of_runs([run.id]).get(run.id, ())
    steps = _steps(Records(workspace.database).states(run.id), run)
    states = Counter(step.state for step in steps)
    artifacts = workspace.artifacts.all(run.id)
    deciding = workspace.project.settings.model.metric or ""
    # The version keeps the intervals; the run keeps the plain values.
    metrics = {**run.metrics, **(versions[0].metrics if versions else {})}
    environment = getattr(run, "environment", None) or (versions[0].environment if versions else {})
    clean = {True: "nothing changed since", False: "with uncommitted changes", None: "unknown"}[run.git_clean]
    return RunView(
        run=run,
        row=row(run, versions[0].ref if versions else None),
        steps=steps,
        ran=states["finished"] + states["failed"] + states["running"],
        cached=states["cached"],
        metrics=estimates(metrics, deciding),
        artifacts=artifacts,
        code=(
            ("commit", run.git_commit or "not under git"),
            *((("tree", clean),) if run.git_commit else ()),
            *((name, value) for name, value in sorted(run.tags.items()) if value),
            ("kind", run.kind),
            ("id", run.id),
        ),
        environment=tuple(environment.items()),
        versions=tuple(version.ref for version in versions),
        report=_report(run.id, artifacts, versions),
        error=run.error,
    )


def artifact(workspace: Workspace, run_id: str, path: str) -> bytes:
    """Read a file that a run left.

    Raises
    ------
    RunNotFound, BlobNotFound
        There is no such run or file.
    """
    run = workspace.runs.get(run_id)
    file = workspace.artifacts.find(run.id, path)
    if file is not None:
        return workspace.blobs.get(file.digest)
    raise BlobNotFound(
        f"run {run.id[:8]} left no file {path!r}", mend=f"noria runs show {run.id[:8]}", code="N-SERVER-010"
    )


def row(run: Run, model: str | None = None) -> RunRow:
    """Shorten a run to a line."""
    return RunRow(
        id=run.id,
        name=run.name,
        kind=run.kind,
        status=run.status,
        trigger=run.trigger,
        started=run.started,
        seconds=run.seconds,
        metrics=run.metrics,
        commit=run.git_commit,
        clean=run.git_clean,
        model=model,
        experiment=run.experiment_id,
    )


def _report(run_id: str, artifacts: tuple[RunArtifact, ...], versions: tuple[ModelVersion, ...]) -> str | None:
    for file in artifacts:
        if file.path == "report.html":
            return f"/runs/{run_id}/artifacts/report.html"
    for version in versions:
        if "report.html" in version.files:
            return f"/models/{version.ref}/files/report.html"
    return None


def _steps(records: list[StepRecord], run: Run) -> tuple[StepRow, ...]:
    ended = run.ended or max((one.ended for one in records if one.ended), default=None)
    whole = (ended - run.started).total_seconds() if ended else 0.0

    def share(moment: datetime | None) -> float | None:
        if moment is None or whole <= 0:
            return None
        return min(1.0, max(0.0, (moment - run.started).total_seconds() / whole))

    return tuple(
        StepRow(
            name=one.step,
            state=one.state,
            reason=one.reason,
            seconds=one.seconds,
            begin=share(one.started) if one.state not in ("cached", "skipped") else None,
            end=share(one.ended or ended) if one.state not in ("cached", "skipped") else None,
            error=one.error,
        )
        for one in records
    )
