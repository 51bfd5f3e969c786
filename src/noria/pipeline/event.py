"""What the engine tells while it runs, and what a run came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from noria.errors import NoriaError
from noria.pipeline.artifact import ArtifactRef

__all__ = ["Event", "EventKind", "Outcome", "StepState"]

EventKind = Literal[
    "step_started",
    "step_cached",
    "step_finished",
    "step_failed",
    "step_skipped",
    "step_cancelled",
    "metric",
    "param",
    "progress",
    "note",
]
StepState = Literal["waiting", "running", "finished", "cached", "failed", "skipped", "cancelled"]


@dataclass(frozen=True)
class Event:
    """Something happened in a step.

    Parameters
    ----------
    kind : EventKind
        What happened.
    step : str
        To which step.
    reason : str
        Why it runs or is skipped.
    seconds : float, optional
        How long it took; for a cached one, how long it had taken.
    name, value : str and JSON value
        Of a metric or param; the value of progress is the share done, 0 to 1.
    at : int
        Where in the curve of a metric.
    text : str
        Of a note or progress.
    error : mapping, optional
        A `NoriaError`'s fields.
    """

    kind: EventKind
    step: str
    reason: str = ""
    seconds: float | None = None
    name: str = ""
    value: object = None
    at: int = 0
    text: str = ""
    error: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    states : mapping of str to StepState
        Of every step.
    outputs : mapping of str to ArtifactRef
        Of every step that has one.
    ok : bool
        Every step is finished or cached.
    ran, cached, skipped : tuple of str
        Steps by what became of them, in order.
    failed : mapping of str to NoriaError
        What went wrong where.
    reasons : mapping of str to str
        Why each step ran, or was skipped.
    cancelled : bool
        Somebody stopped it.
    seconds : float
        From start to end.
    """

    states: Mapping[str, StepState]
    outputs: Mapping[str, ArtifactRef]
    ok: bool
    ran: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: Mapping[str, NoriaError] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    cancelled: bool = False
    seconds: float = 0.0

    @property
    def error(self) -> NoriaError | None:
        """The first failure, if any."""
        return next(iter(self.failed.values()), None)
