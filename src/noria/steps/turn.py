"""One turn of the wheel: plan it, run it, record it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from noria.errors import GateFailed, NoriaError, WrongData
from noria.evaluation.catalogue import DEFINITIONS
from noria.pipeline.engine import Engine
from noria.registry.catalog import Registry
from noria.registry.promotion import see_why
from noria.registry.verdicts import Verdicts
from noria.runs.artifacts import Artifacts
from noria.runs.code import git_state
from noria.runs.environment import current_user, environment
from noria.runs.experiments import Experiments
from noria.runs.runs import Runs
from noria.steps.lock import dump_lock, load_lock, read_lock, write_lock
from noria.steps.standard import graph_of
from noria.steps.versions import champion_of
from noria.store.blobs import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from noria.pipeline.artifact import ArtifactRef
    from noria.pipeline.event import Event
    from noria.pipeline.graph import Graph
    from noria.pipeline.planning import PlannedStep
    from noria.project.file import Project
    from noria.steps.outputs import GateOutput, RegisterOutput
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["Turn", "TurnResult"]


@dataclass(frozen=True)
class TurnResult:
    """What a turn came to.

    Parameters
    ----------
    run_id : str or None
        None when there was nothing to do.
    ok : bool
        Every step is finished or cached.
    model, version : str, int or None
        What was registered, or had been.
    champion : int or None
        Version in production when it ended.
    gates_passed : bool or None
        None when the run did not get that far.
    verdicts : tuple of mapping
        What each gate said, as JSON.
    metrics : mapping
        Of the held-out rows: name -> {value, low, high}; the one that decides comes first.
    selection : tuple of mapping
        The candidates as JSON, the best first.
    finalists : tuple of mapping
        What the choice was between in the end, as JSON.
    ran, cached : tuple of str
        Steps, in order.
    seconds : float
        From plan to record.
    error : NoriaError or None
        Why it failed.
    """

    run_id: str | None
    ok: bool
    model: str
    version: int | None = None
    champion: int | None = None
    gates_passed: bool | None = None
    verdicts: tuple[Mapping[str, object], ...] = ()
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    selection: tuple[Mapping[str, object], ...] = ()
    finalists: tuple[Mapping[str, object], ...] = ()
    ran: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    seconds: float = 0.0
    error: NoriaError | None = None

    @property
    def nothing_to_do(self) -> bool:
        """Everything was as the last run left it."""
        return self.run_id is None

    def gate_error(self) -> GateFailed | None:
        """Give the error that a failed gate is, for the exit status; None when all passed."""
        if self.gates_passed is not False:
            return None
        failed = [verdict for verdict in self.verdicts if not verdict["passed"]]
        return GateFailed(
            f"{self.model}@{self.version} did not pass {len(failed)} of {len(self.verdicts)} gates",
            why="\n".join(f"- {verdict['message']}" for verdict in failed),
            mend=f"{see_why(f'{self.model}@{self.version}', self.champion)}\n"
            f'noria models promote {self.model}@{self.version} --reason "…" --override "…"',
            code="N-GATE-001",
        )


class Turn:
    """Plans and runs the project's pipeline.

    Parameters
    ----------
    project : Project
        The effective project file.
    database, blobs : Database, Blobs
        The store.
    store : Path
        The folder ``.noria``.
    jobs : int, optional
        Steps at a time; the number of processors when left out.
    """

    def __init__(
        self, project: Project, database: Database, blobs: Blobs, *, store: Path, jobs: int | None = None
    ) -> None:
        self.project = project
        self.database = database
        self.blobs = blobs
        self.engine = Engine(
            database=database,
            blobs=blobs,
            root=project.root,
            database_url=database.url,
            jobs=jobs or len(os.sched_getaffinity(0)),
            scope=project.name,
            executor=project.settings.run.executor,
            hands=project.settings.run.workers,
        )
        self._store = store

    def graph(self) -> Graph:
        """Build the graph from the project file, the state of the source, and the champion."""
        return graph_of(self.project, self.database, self.blobs, store=self._store)

    def plan(self) -> tuple[Graph, list[PlannedStep]]:
        """Say what a run would do, without doing it."""
        graph = self.graph()
        return graph, self.engine.plan(graph)

    def run(
        self,
        *,
        trigger: str = "manual",
        force: Collection[str] = (),
        keep_going: bool = False,
        on_graph: Callable[[Graph], None] = lambda _graph: None,
        on_event: Callable[[Event], None] = lambda _event: None,
    ) -> TurnResult:
        """Run what is not up to date.

        Parameters
        ----------
        trigger : str
            Who or what asked for it.
        force : collection of str
            Steps to run even if nothing changed.
        keep_going : bool
            Go on with steps that do not depend on a failed one.
        on_graph, on_event : callable
            Told what is going to happen, and what happens.
        """
        started = time.monotonic()
        graph, planned = self.plan()
        for name in force:
            graph[name]  # a misspelt step is told before a run is recorded
        if not force and all(one.state == "cached" for one in planned):
            outputs = self._kept(planned)
            kept = self._result(None, outputs, cached=graph.order(), seconds=time.monotonic() - started)
            self._restore_lock(kept, outputs)
            return kept
        on_graph(graph)
        runs = Runs(self.database)
        runs.mark_lost(datetime.now(UTC))
        code = git_state(self.project.root)
        run_id = runs.start(
            "pipeline",
            self.project.name,
            experiment=Experiments(self.database).ensure(self.project.name),
            user_id=current_user(),
            git_commit=code.commit,
            git_clean=code.clean,
            trigger=trigger,
            tags={"branch": code.branch} if code.branch else {},
        )
        self._attach(run_id, "environment.json", canonical_json(environment()).encode(), "application/json")
        self._attach(run_id, "noria.toml", self.project.text.encode(), "application/toml")

        def recorded(event: Event) -> None:
            if event.kind == "metric":
                runs.log_metrics(run_id, {event.name: cast("float", event.value)}, step=event.at)
            elif event.kind == "param":
                runs.log_params(run_id, {event.name: event.value})
            on_event(event)

        try:
            outcome = self.engine.run(
                graph,
                run_id=run_id,
                on_event=recorded,
                on_beat=lambda: runs.heartbeat(run_id),
                force=force,
                keep_going=keep_going,
            )
        except KeyboardInterrupt:
            runs.finish(run_id, "killed")
            raise
        except NoriaError as error:
            runs.finish(run_id, "failed", error=error.to_dict())
            raise
        result = self._result(
            run_id, outcome.outputs, ran=outcome.ran, cached=outcome.cached, error=outcome.error, ok=outcome.ok,
            seconds=time.monotonic() - started,
        )  # fmt: skip
        failure = outcome.error
        runs.finish(
            run_id,
            "finished" if outcome.ok else "killed" if outcome.cancelled else "failed",
            error=failure.to_dict() if failure is not None else None,
        )
        if outcome.ok:
            write_lock(self.project.root, self._describe(result, outcome.outputs))
        return result

    def _result(
        self,
        run_id: str | None,
        outputs: Mapping[str, ArtifactRef],
        *,
        ran: tuple[str, ...] = (),
        cached: tuple[str, ...] = (),
        ok: bool = True,
        error: NoriaError | None = None,
        seconds: float,
    ) -> TurnResult:
        gate = cast("GateOutput | None", self._read(outputs, "gate"))
        registered = cast("RegisterOutput | None", self._read(outputs, "register"))
        judged = Verdicts(self.database).latest(self.project.name, gate["model_digest"]) if gate else None
        return TurnResult(
            run_id=run_id,
            ok=ok,
            model=self.project.name,
            version=registered["version"] if registered else None,
            gates_passed=gate["passed"] if gate else None,
            champion=champion_of(self.database, self.project.name) if gate and not gate["passed"] else None,
            verdicts=judged.verdicts if judged is not None else (),
            metrics=_decisive_first(registered["metric"], registered["metrics"]) if registered else {},
            selection=tuple(registered["selection"]) if registered else (),
            finalists=tuple(registered.get("finalists", ())) if registered else (),
            ran=ran,
            cached=cached,
            seconds=seconds,
            error=error,
        )

    def _restore_lock(self, result: TurnResult, outputs: Mapping[str, ArtifactRef]) -> None:
        """Write the lock anew where it was lost, or a merge or an edit left it saying something else."""
        try:
            found = load_lock(self.project.root) or {}
        except WrongData:
            found = {}
        record = self._describe(result, outputs)
        wanted = read_lock(dump_lock(record))
        if {**found, "run": None} == {**wanted, "run": None}:
            return
        version = Registry(self.database, self.blobs).get(result.model, result.version or "latest")
        write_lock(self.project.root, {**record, "run": {"id": version.run_id}})

    def _attach(self, run_id: str, path: str, content: bytes, media_type: str) -> None:
        Artifacts(self.database).add(run_id, path, self.blobs.put(content), len(content), media_type)

    def _describe(self, result: TurnResult, outputs: Mapping[str, ArtifactRef]) -> dict[str, object]:
        """Say what `noria.lock` keeps of a run."""
        registered = cast("RegisterOutput", self._read(outputs, "register"))
        return {
            "run": {"id": result.run_id},
            "data": {**registered["dataset"], **registered["split"]},
            "model": {
                "metric": registered["metric"],
                "version": registered["version"],
                "family": registered["family"],
                "digest": registered["model_digest"],
            },
            "params": registered["params"],
            "metrics": result.metrics,
            "gates": {str(verdict["gate"]): _judged(verdict) for verdict in result.verdicts},
            "steps": {step: {"kind": ref.kind, "output": ref.digest} for step, ref in outputs.items()},
        }

    def _kept(self, planned: list[PlannedStep]) -> dict[str, ArtifactRef]:
        return {one.step: one.output for one in planned if one.output is not None}

    def _read(self, outputs: Mapping[str, ArtifactRef], step: str) -> object:
        ref = outputs.get(step)
        return self.engine.output(ref) if ref is not None else None


def _judged(verdict: Mapping[str, object]) -> dict[str, object]:
    return {field: verdict.get(field) for field in ("passed", "value", "bound", "message")}


def _decisive_first(
    metric: str, metrics: Mapping[str, Mapping[str, float | None]]
) -> dict[str, Mapping[str, float | None]]:
    ordered = [name for name in DEFINITIONS if name in metrics]
    return {name: metrics[name] for name in dict.fromkeys([metric, *ordered, *metrics])}
