"""What can be taken over from MLflow, whatever it is kept in: one interface, three implementations.

A source is read and never written to. Times are milliseconds since 1970, as MLflow keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Protocol

from noria.runs.inputs import DatasetInput, ModelUse
from noria.store.blobs import digest_json

__all__ = [
    "ForeignExperiment",
    "ForeignFile",
    "ForeignModel",
    "ForeignModelMetric",
    "ForeignRegistered",
    "ForeignRun",
    "ForeignVersion",
    "PointRow",
    "Skips",
    "Source",
    "digest_mark",
]

PointRow = tuple[str, str, float, int, int]
"""Run, metric, value, time in milliseconds, step."""


@dataclass(frozen=True, slots=True)
class ForeignExperiment:
    """An experiment; `key` is what the source calls it by."""

    key: str
    name: str
    deleted: bool = False
    created_ms: int | None = None
    updated_ms: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A run without its points.

    Parameters
    ----------
    id : str
        Kept as it is.
    experiment : str
        The key of its experiment.
    name, user_id : str
        Empty where the source has none.
    status : str
        In the source's words: ``FINISHED`` …
    started_ms, ended_ms : int or None
        When.
    deleted : bool
        It is in the bin.
    deleted_ms : int or None
        Since when, where the source knows.
    artifact_uri : str
        Where its files are.
    params, tags : mapping of str to str
        What was recorded.
    datasets, models
        What went in and came out.
    mark : str
        Changes when the run changes; cheap to make.
    """

    id: str
    experiment: str
    name: str
    user_id: str
    status: str
    started_ms: int | None
    ended_ms: int | None
    deleted: bool
    deleted_ms: int | None
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    datasets: tuple[DatasetInput, ...] = ()
    models: tuple[ModelUse, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ForeignModelMetric:
    """A value that was measured of a logged model."""

    name: str
    value: float
    at_ms: int
    step: int
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A logged model: files with a name of their own, before anybody registers them."""

    id: str
    experiment: str
    name: str
    type: str
    status: str
    source_run_id: str
    created_ms: int
    updated_ms: int
    deleted: bool
    artifact_uri: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[ForeignModelMetric, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignVersion:
    """A version of a registered model; deleted ones are not among them, and their numbers stay free."""

    number: int
    created_ms: int
    updated_ms: int
    description: str = ""
    user_id: str = ""
    stage: str = "None"
    source: str = ""
    storage: str = ""
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""
    status: str = "READY"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignRegistered:
    """A registered model with its versions."""

    name: str
    created_ms: int
    updated_ms: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    versions: tuple[ForeignVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file of a run or a logged model; its path is checked."""

    path: str
    size: int


class Skips:
    """What was left out and why, counted by reason, with the first of each.

    Examples
    --------
    >>> skips = Skips()
    >>> skips.add("a symbolic link is not followed", "run 1: plots/x")
    >>> skips.add("a symbolic link is not followed", "run 2: plots/x")
    >>> skips.found
    {'a symbolic link is not followed': (2, 'run 1: plots/x')}
    """

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, str]] = {}

    def add(self, reason: str, which: str) -> None:
        """Count one."""
        count, first = self.found.get(reason, (0, which))
        self.found[reason] = (count + 1, first)


class Source(Protocol):
    """A place that holds what MLflow recorded.

    Attributes
    ----------
    identity : str
        Which place it is, without a password: the same at the next import.
    skips : Skips
        What could not be read.
    """

    identity: str
    skips: Skips

    def experiments(self) -> Sequence[ForeignExperiment]:
        """List all experiments, deleted ones too."""

    def runs(self, experiment: str) -> Iterator[Sequence[ForeignRun]]:
        """Walk the runs of one experiment in batches, deleted ones too."""

    def points(self, runs: Sequence[ForeignRun]) -> Iterator[Sequence[PointRow]]:
        """Walk every value of every metric of some runs, each once, in batches that fit in memory."""

    def models(self, experiment: str) -> Iterator[ForeignModel]:
        """Walk the logged models of one experiment."""

    def registered(self) -> Iterator[ForeignRegistered]:
        """Walk the registered models."""

    def files(self, owner: ForeignRun | ForeignModel) -> Iterator[ForeignFile]:
        """Walk the files of a run or of a logged model."""

    def open(self, owner: ForeignRun | ForeignModel, path: str) -> IO[bytes]:
        """Open one of those files."""

    def close(self) -> None:
        """Let go of it."""


def digest_mark(*parts: object) -> str:
    """Make a run's mark of what it depends on.

    Examples
    --------
    >>> digest_mark("FINISHED", 3) == digest_mark("FINISHED", 3) != digest_mark("FAILED", 3)
    True
    """
    return digest_json(parts)[:32]
