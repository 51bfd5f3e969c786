"""Fits on a Ray cluster, or on a Ray of this machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from noria.errors import MissingExtra, WorkFailed
from noria.training.family import OutOfTime
from noria.training.work import Job, Outcome, died, perform_apart, slim, without_others

if TYPE_CHECKING:
    from noria.training.trial import Bench

__all__ = ["Cluster"]

_CLIENT_PORT = 10001
_GRACE_SECONDS = 5.0
"""For a worker that had to be started anew, and for the way there and back."""

_ENDLESS = 365 * 86400.0
_ATTEMPTS = 3
_LATE = "timed out during startup"
"""What Ray says, in an exception of no kind of its own, when its node was not there within half a minute."""


class _Died(Exception):
    """The process of a fit ended."""


@dataclass(frozen=True)
class _Running:
    """A fit that was begun."""

    job: Job
    actor: Any
    task: Any
    deadline: float


class Cluster:
    """Does fits on Ray, as many at once as it has processors.

    Parameters
    ----------
    address : str
        ``ray`` for a cluster that this machine is part of, or else one that is started here for the search; or
        ``ray://host:10001``.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    """

    def __init__(self, address: str) -> None:
        if find_spec("ray") is None:
            raise MissingExtra(
                f'executor = "{address}" needs Ray, which is not installed',
                mend='pip install "noria[ray]"\nor write executor = "processes" in [run]',
                code="N-TRAIN-086",
            )
        self.address = address
        self._started = False
        self._count = 1
        self._free: list[Any] = []
        self._ray: Any = None

    def fits(self, bench: Bench, jobs: Iterator[Job], limit_seconds: float) -> Iterator[Outcome]:
        """See `noria.training.work.Work`."""
        shared, limit = self._ray.put(without_others(bench)), min(limit_seconds, _ENDLESS)
        running: list[_Running] = []
        more = True
        try:
            while more or running:
                while more and len(running) < self._count:
                    job = next(jobs, None)
                    if job is None:
                        more = False
                        break
                    running.append(self._begin(shared, slim(job), limit))
                if not running:
                    return
                try:
                    made = self._result(running[0], limit)
                except _Died:  # it may have been killed by mistake; twice with the same fit is the fit
                    self._ray.kill(running[0].actor)
                    running[0] = self._begin(shared, running[0].job, limit)
                    try:
                        made = self._result(running[0], limit)
                    except _Died:
                        raise died("was ended", 2) from None
                self._free.append(running.pop(0).actor)
                if isinstance(made, Exception):
                    raise made
                yield made
        finally:
            for one in running:  # nobody asks for the others any more, or they took too long
                self._ray.kill(one.actor)

    def close(self) -> None:
        """Leave the cluster; one that was started for the search ends."""
        for actor in self._free:
            self._ray.kill(actor)
        self._free = []
        if self._started:
            self._ray.shutdown()

    def _begin(self, shared: object, job: Job, limit: float) -> _Running:
        actor = self._free.pop() if self._free else self._actors(1)[0]
        task = actor.fit.remote(shared, job, limit)
        return _Running(job, actor, task, time.monotonic() + limit + _GRACE_SECONDS)

    def _actors(self, count: int) -> list[Any]:
        """Start workers, and wait until they have loaded their libraries: that is no fit's time."""
        kind = self._ray.remote(num_cpus=1, max_restarts=0)(_Hand)
        made = [kind.remote() for _ in range(count)]
        self._ray.get([actor.ready.remote() for actor in made])
        return made

    def _result(self, one: _Running, limit: float) -> Outcome | Exception:
        errors = self._ray.exceptions
        try:
            made = self._ray.get(one.task, timeout=max(0.0, one.deadline - time.monotonic()))
        except errors.GetTimeoutError:
            raise OutOfTime(f"a fit did not end within {limit:.0f} s, and was ended: raise [model] budget") from None
        except (errors.RayActorError, errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError):
            raise _Died from None
        return OutOfTime() if made is None else made

    def connect(self) -> None:
        """Join the cluster.

        Raises
        ------
        WorkFailed
            There is none at the address.
        """
        import ray  # noqa: PLC0415 - an extra, and slow to load

        self._ray, self._started = ray, not ray.is_initialized()
        if self._started:
            self._init(self._ray)
        self._count = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._free = self._actors(self._count)

    def _init(self, ray: Any) -> None:  # noqa: ANN401 - as above
        try:
            if self.address.startswith("ray://"):
                _knock(self.address)  # Ray itself would knock for half a minute
                ray.init(self.address, log_to_driver=False, logging_level="error")
                return
            _join_or_start(ray)
        except (OSError, RuntimeError, ValueError) as error:
            raise WorkFailed(
                f"there is no Ray at {self.address}",
                why=str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
                mend='start it (ray start --head), correct [run] executor, or write executor = "processes"',
                code="N-TRAIN-087",
            ) from None


def _join_or_start(ray: Any) -> None:  # noqa: ANN401 - as above
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            ray.init("auto", log_to_driver=False, logging_level="error")
            return
        except ConnectionError:
            pass
        try:
            ray.init(log_to_driver=False, logging_level="error", include_dashboard=False)
            return
        except Exception as error:
            if _LATE not in str(error):
                raise
            if attempt == _ATTEMPTS:
                raise RuntimeError(f"{error} It was tried {attempt} times") from None
            # On a busy machine the node comes all the same, only later: it is joined then.


def _knock(address: str) -> None:
    found = urlsplit(address)
    with socket.create_connection((found.hostname or "", found.port or _CLIENT_PORT), timeout=10):
        pass


class _Hand:
    """A worker: an actor, as Ray takes its driver down where a plain task is cancelled as it ends."""

    def ready(self) -> bool:
        """Load what most fits need."""
        import noria.training.families  # noqa: F401, PLC0415 - in the worker, which keeps it

        return True

    def fit(self, bench: Bench, job: Job, limit_seconds: float) -> object:
        """Do a fit."""
        return perform_apart(bench, job, time.monotonic() + limit_seconds)
