"""One run of a graph: looks results up, claims what is missing, hands it to workers, publishes what comes back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from noria.errors import Misused, NoriaError, Refused, from_dict
from noria.pipeline.death import told
from noria.pipeline.event import Event, EventKind, Outcome, StepState
from noria.pipeline.key import Reason, key_of, summary
from noria.pipeline.planning import Keys, Objects, superseded, why_run
from noria.pipeline.pool import Death, Pool
from noria.pipeline.records import Action, Past, Records, StepRecord
from noria.store.files import ensure_folder

if TYPE_CHECKING:
    from noria.pipeline.artifact import ArtifactRef
    from noria.pipeline.graph import Graph
    from noria.pipeline.step import Step
    from noria.pipeline.worker import Hello, Task
    from noria.store.blobs import Digest

__all__ = ["Setting", "Turn"]

BEAT_SECONDS = 10.0
_FOREIGN_SECONDS = (0.03, 0.3)
_IDLE_SECONDS = 5.0
_DONE: frozenset[StepState] = frozenset({"finished", "cached"})
_MOST_REPAIRS = 3
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Setting:
    """What a run works with."""

    root: Path
    logs: Path
    objects: Path
    database_url: str
    jobs: int
    force: frozenset[str]
    keep_going: bool
    on_event: Callable[[Event], None]
    on_beat: Callable[[], None] | None
    executor: str = "auto"
    hands: int | None = None


@dataclass
class _Cell:
    step: Step
    state: StepState = "waiting"
    key: Digest | None = None
    parts: Mapping[str, object] = field(default_factory=dict)
    output: ArtifactRef | None = None
    reasons: tuple[Reason, ...] = ()
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    clock: float = 0.0
    seconds: float | None = None
    error: NoriaError | None = None
    fault: str = ""
    repairs: int = 0
    foreign: bool = False
    stale: bool = False
    looked: bool = False
    forced: bool = False
    tries: int = 0
    rests_until: float = 0.0


class Turn:
    """Runs a graph once.

    Parameters
    ----------
    graph : Graph
        The steps.
    run_id : str
        The run they belong to.
    keys, objects, records
        Where code, outputs and past results are looked up.
    setting : Setting
        The rest.
    """

    def __init__(
        self, graph: Graph, run_id: str, keys: Keys, objects: Objects, records: Records, setting: Setting
    ) -> None:
        self._graph = graph
        self._run_id = run_id
        self._keys = keys
        self._objects = objects
        self._records = records
        self._setting = setting
        self._cells = {step.name: _Cell(step, forced=step.name in setting.force) for step in graph}
        self._unwritten: list[StepRecord] = []
        self._recent: dict[Digest, Action] = {}
        self._pasts: dict[str, Past] = {}
        self._pool: Pool | None = None
        self._cancelled = threading.Event()
        self._failed = False
        self._wait_seconds = _FOREIGN_SECONDS[0]
        self._next_beat = time.monotonic() + BEAT_SECONDS

    def cancel(self) -> None:
        """Stop the run soon; may be called from any thread."""
        self._cancelled.set()
        pool = self._pool
        if pool is not None:
            pool.wake()

    def go(self) -> Outcome:
        """Run to the end.

        Raises
        ------
        KeyboardInterrupt
            After the workers are stopped and the run's leases given back.
        """
        began = time.monotonic()
        self._recent = self._records.recent(self._graph.order())
        self._pasts = self._records.pasts(self._graph.order())
        whole = False
        try:
            while not self._cancelled.is_set() and self._advance():
                self._wait()
            whole = True
        finally:
            # Reached by an interrupt too: nothing of this run may go on, nor hold what others wait for.
            stopped = self._cancelled.is_set() or not whole
            if self._pool is not None:
                self._pool.close(kill=stopped)
            self._end(stopped=stopped)
        return self._outcome(time.monotonic() - began)

    def _advance(self) -> bool:
        """Move every step that can move; True while something is under way."""
        for name in self._graph.order():
            cell = self._cells[name]
            if cell.state != "waiting":
                continue
            above = [self._cells[source] for source in self._graph.upstream(name)]
            broken = next((one for one in above if one.state in ("failed", "skipped")), None)
            if broken is not None:
                self._skip(cell, f"{broken.step.name} {broken.state}")
            elif self._failed and not self._setting.keep_going:
                cell.foreign, cell.rests_until = False, 0.0  # neither another run nor a pause is waited for
            elif all(one.state in _DONE for one in above) and cell.rests_until <= time.monotonic():
                self._try(cell)
        cells = self._cells.values()
        if not any(cell.state == "running" or cell.foreign or cell.rests_until for cell in cells):
            for cell in cells:
                if cell.state == "waiting":
                    self._skip(cell, "stopped after a failure")
            return False
        return True

    def _try(self, cell: _Cell) -> None:
        """Settle a step from the records, or claim it and give it out."""
        step = cell.step
        cell.rests_until = 0.0
        if cell.key is None:
            try:
                cell.parts = self._keys.parts(step, self._inputs(cell))
            except NoriaError as error:
                self._fail(cell, error)
                return
            cell.key = key_of(cell.parts)
        # A step that is never cached has a key for the record only: it shares with nobody.
        fresh = cell.forced or not step.cache or bool(cell.fault)
        if not fresh:
            found = self._recent.get(cell.key)
            if found is None and not cell.looked:
                found = self._records.action(cell.key)
                cell.looked = True  # from here on, claiming looks again
            fresh = found is not None and superseded(step, found, self._pasts[step.name])
            if found is not None and not fresh and self._take(cell, found):
                return
            fresh = fresh or bool(cell.fault)
        if self._pool is not None and not self._pool.has_room():
            return
        if not cell.reasons:
            cell.reasons = why_run(
                step, cell.parts, self._pasts[step.name], self._records, fault=cell.fault, forced=cell.forced
            )
            cell.reason = summary(cell.reasons) or "its result is not on record"
        now = datetime.now(UTC)
        claim = self._records.claim(cell.key, step.name, self._run_id, fresh=fresh, now=now, again=cell.foreign)
        if isinstance(claim, Action):
            if not self._take(cell, claim):
                self._try(cell)
        elif claim == "held":
            if not cell.foreign:
                self._tell("note", cell, text="another run is at this step; waiting for its result")
            cell.foreign = True
        else:
            cell.foreign = False
            self._give(cell, now)

    def _take(self, cell: _Cell, found: Action) -> bool:
        """Settle a step with a result on record, unless its bytes are no longer good."""
        cell.fault = self._objects.fault(found.output)
        if cell.fault:
            self._recent.pop(found.key, None)
            return False
        if cell.foreign:
            self._wait_seconds = _FOREIGN_SECONDS[0]
        cell.state, cell.output, cell.seconds, cell.foreign = "cached", found.output, found.seconds, False
        cell.started = cell.ended = datetime.now(UTC)
        self._unwritten.append(self._record(cell))
        self._tell("step_cached", cell, seconds=found.seconds)
        return True

    def _give(self, cell: _Cell, now: datetime) -> None:
        if self._pool is None:
            self._pool = Pool(self._setting.jobs, self._hello())
        self._flush()
        cell.state, cell.started, cell.clock = "running", now, time.monotonic()
        self._tell("step_started", cell)
        self._pool.give(self._task(cell))

    def _wait(self) -> None:
        """Wait for workers, for other runs, and for the next heartbeat."""
        foreign = any(cell.foreign for cell in self._cells.values())
        due = max(0.0, self._next_beat - time.monotonic())
        # Somebody else's result is not announced: look again, less and less often.
        timeout = min(self._wait_seconds if foreign else _IDLE_SECONDS, due)
        rests = [cell.rests_until - time.monotonic() for cell in self._cells.values() if cell.rests_until]
        timeout = max(0.0, min([timeout, *rests]))
        self._wait_seconds = min(self._wait_seconds * 1.5, _FOREIGN_SECONDS[1]) if foreign else _FOREIGN_SECONDS[0]
        if self._pool is None:
            self._cancelled.wait(timeout)
        else:
            for name, message in self._pool.wait(timeout):
                self._hear(self._cells[name], message)
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_SECONDS
            self._records.beat(self._run_id, datetime.now(UTC))
            if self._setting.on_beat is not None:
                self._setting.on_beat()

    def _hear(self, cell: _Cell, message: Mapping[str, object] | Death) -> None:
        if isinstance(message, Death):
            self._break_off(cell, told(cell.step.name, message, self._log(cell.step.name), self._setting.root))
            return
        kind = message["kind"]
        if kind == "done":
            self._finish(cell, message["output"])
        elif kind == "unreadable":
            self._repair(cell, str(message["parameter"]), from_dict(cast("dict[str, str]", message["error"])))
        elif kind == "failed":
            self._break_off(cell, from_dict(cast("dict[str, str]", message["error"])))
        else:
            name, text = str(message.get("name", "")), str(message.get("text", ""))
            at = cast("int", message.get("at", 0))
            self._tell(cast("EventKind", kind), cell, name=name, value=message.get("value"), at=at, text=text)

    def _finish(self, cell: _Cell, output: object) -> None:
        from noria.pipeline.artifact import ArtifactRef  # noqa: PLC0415 - only where a step has run

        cell.output = ArtifactRef.from_json(output)
        cell.state, cell.ended = "finished", datetime.now(UTC)
        cell.seconds = time.monotonic() - cell.clock
        keep = self._keys.closure(cell.step).untouched()
        self._flush()
        self._records.publish(self._record(cell), cell.parts, keep=keep)
        if not keep:
            self._tell("note", cell, text="its code changed while it ran: the result serves this run and no other")
        self._tell("step_finished", cell, seconds=cell.seconds)
        cell.forced, cell.fault = False, ""
        self._sweep(cell.step.name)
        if cell.stale:
            self._reset(cell)

    def _repair(self, cell: _Cell, parameter: str, error: NoriaError) -> None:
        """Make an input anew whose bytes turned out to be damaged when a worker read them."""
        source = self._cells[cell.step.inputs[parameter]]
        if source.state in ("waiting", "running"):  # another reader found it first
            self._release(cell)
            self._reset(cell)
            return
        if source.output is not None:
            self._objects.doubt(source.output)
        if source.repairs >= _MOST_REPAIRS:
            self._fail(cell, error)
            return
        fault = "missing" if error.code == "N-STORE-005" else "damaged"
        self._tell("note", cell, text=f"the stored output of {source.step.name} is {fault}: it is made again")
        self._release(cell)
        source.repairs += 1
        self._reset(cell)
        for name in (source.step.name, *self._graph.downstream(source.step.name)):
            other = self._cells[name]
            if other.state == "running":
                other.stale = True  # it works on the old bytes; its place in this run is judged again after it
            elif other.state in _DONE:
                self._reset(other)
        source.fault = fault

    def _reset(self, cell: _Cell) -> None:
        cell.state, cell.key, cell.output, cell.reasons = "waiting", None, None, ()
        cell.stale = cell.looked = False
        self._recent = {key: found for key, found in self._recent.items() if found.step != cell.step.name}

    def _release(self, cell: _Cell) -> None:
        if cell.key is not None:
            self._records.free(self._run_id, cell.key)

    def _break_off(self, cell: _Cell, error: NoriaError) -> None:
        """Try a step again if it may be, after a pause: what is wrong or forbidden now will be so then."""
        if cell.tries >= cell.step.retries or isinstance(error, (Misused, Refused)):
            self._fail(cell, error)
            return
        pause = min(_LONGEST_PAUSE_SECONDS, 2.0**cell.tries)
        cell.tries += 1
        self._release(cell)
        self._reset(cell)
        cell.rests_until = time.monotonic() + pause
        text = f"failed: {error.what}; tried again in {pause:g} s ({cell.tries} of {cell.step.retries})"
        self._tell("note", cell, text=text)

    def _fail(self, cell: _Cell, error: NoriaError) -> None:
        cell.state, cell.error, cell.ended = "failed", error, datetime.now(UTC)
        cell.seconds = time.monotonic() - cell.clock if cell.clock else None
        self._failed = True
        self._flush()
        self._release(cell)
        self._records.settle([self._record(cell)])
        self._tell("step_failed", cell, seconds=cell.seconds, error=error.to_dict())

    def _skip(self, cell: _Cell, reason: str) -> None:
        cell.state, cell.reason, cell.ended, cell.rests_until = "skipped", reason, datetime.now(UTC), 0.0
        self._unwritten.append(self._record(cell))
        self._tell("step_skipped", cell)

    def _end(self, *, stopped: bool) -> None:
        """Write down what is not yet, and give back every lease."""
        if stopped:
            for cell in self._cells.values():
                if cell.state in ("waiting", "running"):
                    cell.state, cell.ended = "cancelled", datetime.now(UTC)
                    self._unwritten.append(self._record(cell))
        self._records.settle(self._unwritten, free=self._run_id if self._pool is not None else None)
        self._unwritten = []
        self._keys.save()
        self._objects.save()
        if self._pool is not None:
            self._sweep("_worker")
            with suppress(OSError):
                self._setting.logs.rmdir()  # only when no step printed anything

    def _flush(self) -> None:
        self._records.settle(self._unwritten)
        self._unwritten = []

    def _inputs(self, cell: _Cell) -> dict[str, ArtifactRef]:
        refs = {name: self._cells[source].output for name, source in cell.step.inputs.items()}
        return {name: ref for name, ref in refs.items() if ref is not None}

    def _record(self, cell: _Cell) -> StepRecord:
        return StepRecord(
            self._run_id,
            cell.step.name,
            cell.state,
            key=cell.key,
            reason=cell.reason,
            output=cell.output,
            seconds=cell.seconds,
            started=cell.started,
            ended=cell.ended,
            error=None if cell.error is None else cell.error.to_dict(),
        )

    def _tell(self, kind: EventKind, cell: _Cell, **more: Any) -> None:  # noqa: ANN401 - further fields of an event
        self._setting.on_event(Event(kind, cell.step.name, cell.reason, **more))

    def _hello(self) -> Hello:
        ensure_folder(self._setting.logs)
        return {
            "path": list(sys.path),
            "root": str(self._setting.root),
            "objects": str(self._setting.objects),
            "database_url": self._setting.database_url,
            "log": str(self._log("_worker")),
            "executor": self._setting.executor,
            "hands": self._setting.hands,
        }

    def _task(self, cell: _Cell) -> Task:
        step = cell.step
        return {
            "step": step.name,
            "uses": step.uses,
            "root": None if step.root is None else str(step.root),
            "inputs": {name: ref.to_json() for name, ref in self._inputs(cell).items()},
            "params": dict(step.params),
            "seed": step.seed,
            "run_id": self._run_id,
            "log": str(self._log(step.name)),
            "forced": cell.forced,
            "parts": dict(cell.parts),
        }

    def _log(self, name: str) -> Path:
        return self._setting.logs / f"{name}.log"

    def _sweep(self, name: str) -> None:
        if (log := self._log(name)).exists() and log.stat().st_size == 0:
            log.unlink()

    def _outcome(self, seconds: float) -> Outcome:
        cells = self._cells

        def named(*states: StepState) -> tuple[str, ...]:
            return tuple(name for name, cell in cells.items() if cell.state in states)

        return Outcome(
            states={name: cell.state for name, cell in cells.items()},
            outputs={name: cell.output for name, cell in cells.items() if cell.output is not None},
            ok=all(cell.state in _DONE for cell in cells.values()),
            ran=named("finished"),
            cached=named("cached"),
            skipped=named("skipped", "cancelled"),
            failed={name: cell.error for name, cell in cells.items() if cell.error is not None},
            reasons={name: cell.reason for name, cell in cells.items() if cell.reason},
            cancelled=self._cancelled.is_set(),
            seconds=seconds,
        )
