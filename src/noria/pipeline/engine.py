"""The engine's face: plan, run, explain, read outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import CorruptedBlob
from noria.pipeline.event import Event, Outcome
from noria.pipeline.planning import Explanation, Keys, Objects, PlannedStep, Planner

if TYPE_CHECKING:
    from noria.pipeline.artifact import ArtifactRef
    from noria.pipeline.graph import Graph
    from noria.pipeline.records import Records
    from noria.pipeline.turn import Turn
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["Engine"]


class Engine:
    """Runs graphs of steps on this machine, and remembers results by what they were made of.

    Parameters
    ----------
    database : Database
        The records, migrated.
    blobs : Blobs
        The outputs.
    root : Path
        The project's folder: where steps run, and whose ``.noria`` holds logs and caches.
    database_url : str
        The same database, for the workers.
    jobs : int
        Steps that may run at once; as many as there are processors when left out.
    scope : str
        Whose steps these are, such as the project's name, where several share a database.
    executor : str
        Where a step may have parts of its work done; the step knows what that means. It is in no key.
    hands : int, optional
        How many parts at once.
    """

    def __init__(
        self,
        *,
        database: Database,
        blobs: Blobs,
        root: Path,
        database_url: str,
        jobs: int | None = None,
        scope: str = "",
        executor: str = "auto",
        hands: int | None = None,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._root = root.resolve()
        self._database_url = database_url
        self._jobs = jobs or os.cpu_count() or 1
        self._scope = scope
        self._executor, self._hands = executor, hands
        self._turn: Turn | None = None

    def plan(self, graph: Graph, *, force: Collection[str] = ()) -> list[PlannedStep]:
        """Say what a run would do, step by step, without doing it.

        Raises
        ------
        WrongSetting
            A step's code does not exist or is not valid Python.
        """
        keys, objects = self._open()
        try:
            return Planner(graph, keys, objects, self._records()).plan(force)
        finally:
            keys.save()
            objects.save()

    def why(self, graph: Graph, step: str) -> Explanation:
        """Explain why one step would run, or would not.

        Raises
        ------
        StepNotFound
            There is no such step.
        """
        keys, objects = self._open()
        try:
            return Planner(graph, keys, objects, self._records()).why(step)
        finally:
            keys.save()
            objects.save()

    def run(
        self,
        graph: Graph,
        *,
        run_id: str,
        on_event: Callable[[Event], None] = lambda event: None,
        on_beat: Callable[[], None] | None = None,
        force: Collection[str] = (),
        keep_going: bool = False,
    ) -> Outcome:
        """Bring every step up to date.

        Parameters
        ----------
        graph : Graph
            The steps.
        run_id : str
            The run they belong to.
        on_event : callable
            Told what happens, in the caller's thread.
        on_beat : callable, optional
            Called every few seconds while the run is alive.
        force : collection of str
            Steps to run even when their result is there.
        keep_going : bool
            After a failure, still run what does not depend on it.

        Returns
        -------
        Outcome
            A step that failed is told there, not raised.

        Raises
        ------
        StepNotFound
            `force` names a step that is not there.
        KeyboardInterrupt
            After everything is put in order.
        """
        from noria.pipeline.turn import Setting, Turn  # noqa: PLC0415 - planning needs no runner

        for name in force:
            graph[name]
        keys, objects = self._open()
        setting = Setting(
            root=self._root,
            logs=self._root / ".noria" / "logs" / run_id,
            objects=self._blobs.root.resolve(),
            database_url=self._database_url,
            jobs=self._jobs,
            force=frozenset(force),
            keep_going=keep_going,
            on_event=on_event,
            on_beat=on_beat,
            executor=self._executor,
            hands=self._hands,
        )
        self._turn = Turn(graph, run_id, keys, objects, self._records(), setting)
        try:
            return self._turn.go()
        finally:
            self._turn = None

    def cancel(self) -> None:
        """Stop the run that is under way, from another thread or a signal handler."""
        turn = self._turn
        if turn is not None:
            turn.cancel()

    def output(self, ref: ArtifactRef) -> object:
        """Read an output.

        Raises
        ------
        CorruptedBlob, BlobNotFound
            Its bytes are no longer good; the next run makes it again.
        """
        from noria.pipeline.artifact import decode  # noqa: PLC0415 - only when an output is read

        try:
            return decode(ref, self._blobs)
        except CorruptedBlob:
            _, objects = self._open()
            objects.doubt(ref)
            objects.save()
            raise

    def _open(self) -> tuple[Keys, Objects]:
        cache = self._root / ".noria" / "cache"
        return Keys(cache), Objects(self._blobs, cache)

    def _records(self) -> Records:
        from noria.pipeline.records import Records  # noqa: PLC0415 - it brings SQLAlchemy

        return Records(self._database, self._scope)
