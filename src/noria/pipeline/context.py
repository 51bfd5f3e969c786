"""What a step may ask of the run it is part of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from noria.store.blobs import Blobs

if TYPE_CHECKING:
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

    Examples
    --------
    >>> sent = []
    >>> context = StepContext("train", "r1", Path("."), 7, Blobs(Path("objects")), "sqlite://", sent.append)
    >>> context.log_metric("roc_auc", 0.81)
    >>> sent
    [{'kind': 'metric', 'name': 'roc_auc', 'value': 0.81}]
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
    ) -> None:
        self.step = step
        self.run_id = run_id
        self.root = root
        self.seed = seed
        self.blobs = blobs
        self._database_url = database_url
        self._send = send

    @cached_property
    def database(self) -> Database:
        """The project's records; opened when first asked for."""
        from noria.store.database import Database  # noqa: PLC0415 - most steps need no records

        return Database(self._database_url)

    def log_metric(self, name: str, value: float) -> None:
        """Record a number the step found."""
        self._send({"kind": "metric", "name": name, "value": float(value)})

    def log_param(self, name: str, value: object) -> None:
        """Record a setting the step used; a JSON value."""
        self._send({"kind": "param", "name": name, "value": value})

    def progress(self, done: float, text: str = "") -> None:
        """Say how far the step is: 0 to 1, and in words."""
        self._send({"kind": "progress", "value": min(1.0, max(0.0, float(done))), "text": text})

    def note(self, text: str) -> None:
        """Say something worth reading."""
        self._send({"kind": "note", "text": text})

    def close(self) -> None:
        """Give back what was opened."""
        if "database" in self.__dict__:
            self.database.close()
