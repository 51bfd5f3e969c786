"""One run, as it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType

__all__ = ["MetricPoint", "Run", "RunArtifact", "RunId", "Status"]

RunId = NewType("RunId", str)
"""32 lower-case hexadecimal digits."""

Status = Literal["running", "finished", "failed", "killed", "lost"]


@dataclass(frozen=True)
class Run:
    """A run and what was recorded about it.

    Parameters
    ----------
    id : RunId
        Its name for good.
    kind : str
        What sort of work: ``pipeline``, ``monitor`` …
    name : str
        For people.
    status : Status
        ``lost`` is a run whose process went away without saying how it ended.
    started, ended : datetime
        UTC; `ended` is None while it runs.
    trigger : str
        Who or what started it.
    git_commit, git_clean
        The code; None when it is not under git.
    params : mapping of str to JSON value
        Settings.
    metrics : mapping of str to float or None
        Latest value of each; None stands for a number that is not finite.
    tags : mapping of str to str
        Labels.
    error : mapping or None
        A `NoriaError`'s fields.
    """

    id: RunId
    kind: str
    name: str
    status: Status
    started: datetime
    ended: datetime | None = None
    trigger: str = ""
    git_commit: str | None = None
    git_clean: bool | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.ended is None else (self.ended - self.started).total_seconds()


@dataclass(frozen=True)
class MetricPoint:
    """One value of a metric."""

    step: int
    value: float | None
    at: datetime


@dataclass(frozen=True)
class RunArtifact:
    """A file a run left."""

    path: str
    digest: str
    size: int
    media_type: str
