"""What the loop works with, handed in by whoever turns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    import pyarrow as pa

    from noria.automation.response import Contest
    from noria.datasets.catalog import Datasets
    from noria.monitoring.reference import Reference
    from noria.registry.aliases import Aliases
    from noria.registry.catalog import Registry
    from noria.store.database import Database

__all__ = ["PipelineResult", "Rooms"]


class PipelineResult(Protocol):
    """What came of a run of the pipeline."""

    @property
    def run_id(self) -> str:
        """The run."""

    @property
    def version(self) -> int | None:
        """Number of the version registered, if one was."""

    @property
    def gates_passed(self) -> bool:
        """Whether every gate passed."""


@dataclass(frozen=True)
class Rooms:
    """What the loop works with.

    Parameters
    ----------
    database, registry, aliases, datasets
        The rooms.
    read : callable(since, until) -> Table
        The prediction log joined with its labels.
    reference : callable(version) -> Reference or None
        What a version is compared with.
    run_pipeline : callable(trigger) -> PipelineResult
        Runs the project's pipeline; it takes up ``NAME-collected`` by itself.
    mark_lost : callable(now), optional
        Ends the runs whose process has died.
    expire : callable(now), optional
        Lets go of what is older than [retention] allows; asked once a day.
    data_token : callable() -> str, optional
        Says cheaply whether the source has changed.
    label_rows : callable() -> int, optional
        How many labels have come, corrections too; spares reading the log again while no new one has come.
    corrections : callable() -> int, optional
        How many of these came for a prediction that had one; spares reading the windows again that have all labels.
    contest : callable(previous, present, rows) -> Contest or None, optional
        Compares two versions on labelled rows; `noria.automation.contesting.Arena` when left out.
    contest : callable(previous, present, rows, level) -> Contest or None, optional
        Compares two versions on labelled rows, at a two-sided level; `noria.automation.contesting.Arena` when left out.
    promote : callable(number, reason, now), optional
        Makes a version champion; `noria.registry.promotion.promote` when left out.
    trusted : collection of str
        Classes of the project's own that its models may hold.
    clock : callable() -> datetime, optional
        What time it is after a run; left out, the turn's own time goes on being used.
    """

    database: Database
    registry: Registry
    aliases: Aliases
    datasets: Datasets
    read: Callable[[datetime | None, datetime | None], pa.Table]
    reference: Callable[[int], Reference | None]
    run_pipeline: Callable[[str], PipelineResult]
    mark_lost: Callable[[datetime], object] | None = None
    expire: Callable[[datetime], object] | None = None
    data_token: Callable[[], str] | None = None
    label_rows: Callable[[], int] | None = None
    corrections: Callable[[], int] | None = None
    contest: Callable[[int, int, pa.Table, float], Contest | None] | None = None
    promote: Callable[[int, str, datetime], object] | None = None
    trusted: Collection[str] = ()
    clock: Callable[[], datetime] | None = None
