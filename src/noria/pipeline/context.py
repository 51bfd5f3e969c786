"""What a step may ask of the run it is part of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from noria.store.blobs import Blobs

if TYPE_CHECKING:
    from noria.pipeline.memo import Memo
    from noria.store.database import Database

__all__ = ["StepContext"]


class StepContext:
    """Given to a step's parameter `context`.

    Parameters
    ----------
    step, run_id : str
        Which step, of which run.
    root : Path
        The project's folder.
    seed : int
        For anything random in the step.
    blobs : Blobs
        The store's bytes.
    database_url : str
        Where the records are.
    send : callable
        Takes the events that go to the runner.
    forced : bool
        The user asked for this step though nothing changed.
    parts : mapping, optional
        What the step's key is made of; without it nothing is remembered of its parts.
    executor, hands : str, int or None
        Where parts of the work may be done, and how many at once; see `noria.project.settings.RunSettings`.

    Examples
    --------
    >>> sent = []
    >>> context = StepContext("train", "r1", Path("."), 7, Blobs(Path("objects")), "sqlite://", sent.append)
    >>> context.log_metric("loss", 0.81, step=3)
    >>> sent
    [{'kind': 'metric', 'name': 'loss', 'value': 0.81, 'at': 3}]
    """

    def __init__(
        self,
        step: str,
        run_id: str,
        root: Path,
        seed: int,
        blobs: Blobs,
        database_url: str,
        send: Callable[[Mapping[str, object]], None],
        *,
        forced: bool = False,
        parts: Mapping[str, object] | None = None,
        executor: str = "inline",
        hands: int | None = None,
    ) -> None:
        self.step = step
        self.run_id = run_id
        self.root = root
        self.seed = seed
        self.blobs = blobs
        self.forced = forced
        self._parts = parts
        self.executor, self.hands = executor, hands
        self._database_url = database_url
        self._send = send

    @cached_property
    def database(self) -> Database:
        """The project's records; opened when first asked for."""
        from noria.store.database import Database  # noqa: PLC0415 - most steps need no records

        return Database(self._database_url)

    def log_metric(self, name: str, value: float, step: int = 0) -> None:
        """Record a number the step found; with ``step`` a point of a curve, which its run's page draws as it grows."""
        self._send({"kind": "metric", "name": name, "value": float(value), "at": int(step)})

    def log_param(self, name: str, value: object) -> None:
        """Record a setting the step used; a JSON value."""
        self._send({"kind": "param", "name": name, "value": value})

    def progress(self, done: float | None, text: str = "") -> None:
        """Say how far the step is: 0 to 1, or None where nobody knows, and in words."""
        value = None if done is None else min(1.0, max(0.0, float(done)))
        self._send({"kind": "progress", "value": value, "text": text})

    def note(self, text: str) -> None:
        """Say something worth reading."""
        self._send({"kind": "note", "text": text})

    def memo(self, name: str, *, without: Collection[str] = (), **more: object) -> Memo | None:
        """Remember parts of the step's work, so that it goes on where it was killed.

        Parameters
        ----------
        name : str
            Of the parts.
        without : collection of str
            Parameters of the step, dotted, that no part depends on: of what has another value for them parts are
            recalled all the same.
        **more
            JSON values that every part depends on beside them.

        Returns
        -------
        Memo or None
            None where the step is no part of a run.
        """
        from noria.pipeline.memo import Memo, shared  # noqa: PLC0415 - most steps are done in one piece
        from noria.pipeline.records import Records  # noqa: PLC0415 - as above

        if not self._parts:
            return None
        return Memo(
            f"{self.step}.{name}",
            {**shared(self._parts, without), **more},
            self.blobs,
            cache(lambda: Records(self.database)),
            self.run_id,
            blind=self.forced,
        )

    def close(self) -> None:
        """Give back what was opened."""
        if "database" in self.__dict__:
            self.database.close()
