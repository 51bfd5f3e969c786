"""One run, as it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NewType

__all__ = ["MetricPoint", "Run", "RunId", "Status"]

RunId = NewType("RunId", str)
"""32 lower-case hexadecimal digits."""

Status = Literal["scheduled", "running", "finished", "failed", "killed", "lost"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value of a metric.

    Parameters
    ----------
    step : int
        Where in a curve, int64.
    value : float
        As it was logged: NaN and infinities included.
    at_ms : int
        When, in milliseconds since 1970-01-01 UTC, int64, as the one who logged it said.
    """

    step: int
    value: float
    at_ms: int

    @property
    def at(self) -> datetime:
        """The time as a date; one beyond the calendar is given as its end.

        Examples
        --------
        >>> MetricPoint(0, 0.5, 1000).at.isoformat()
        '1970-01-01T00:00:01+00:00'
        """
        try:
            return _EPOCH + timedelta(milliseconds=self.at_ms)
        except OverflowError:
            return (datetime.max if self.at_ms > 0 else datetime.min).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Run:
    """A run and what was recorded about it.

    Parameters
    ----------
    id : RunId
        Its name for good.
    kind : str
        What sort of work: ``pipeline``, ``monitor``, ``logged`` …
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
    latest : mapping of str to MetricPoint
        The last value of each metric: the greatest by step, then time, then value.
    tags : mapping of str to str
        Labels.
    error : mapping or None
        A `NoriaError`'s fields.
    experiment_id : int
        The experiment it belongs to.
    user_id : str
        Who it was run by, as they said.
    deleted : datetime or None
        When it was put in the bin.
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
    latest: Mapping[str, MetricPoint] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] | None = None
    experiment_id: int = 0
    user_id: str = ""
    deleted: datetime | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The latest value of each metric."""
        return {name: point.value for name, point in self.latest.items()}

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.ended is None else (self.ended - self.started).total_seconds()
