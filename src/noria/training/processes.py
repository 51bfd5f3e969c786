"""Fits in processes of their own: several at once, and none that hangs or dies takes the search with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, cast

from noria.training.family import OutOfTime
from noria.training.work import FitFailed, Job, Outcome, died, perform_apart, slim, without_others

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from noria.training.trial import Bench

__all__ = ["Processes"]

_TRIES = 2
"""A process may be killed by mistake; twice with the same fit is the fit."""

_BEGUN = "begun"
_START_SECONDS = 120.0
"""A new process loads its libraries first; that is not the fit's time."""

_OOM_SCORE = "600"
"""When memory runs out the kernel should take a fit, not who started it."""


@dataclass(eq=False)
class _Hand:
    """One process, and the job it is at."""

    process: SpawnProcess
    pipe: Connection
    job: Job | None = None
    deadline: float = float("inf")
    tries: int = 1


@dataclass
class Processes:
    """Does fits in other processes, as many at once as there are.

    Parameters
    ----------
    count : int
        Processes at most; they are started when first needed.
    """

    count: int
    _hands: list[_Hand] = field(default_factory=list)

    def fits(self, bench: Bench, jobs: Iterator[Job], limit_seconds: float) -> Iterator[Outcome]:
        """See `noria.training.work.Work`; what does not end in time, and its process, is ended."""
        shared, exhausted = without_others(bench), False
        order: list[int] = []
        done: dict[int, Outcome | Exception] = {}
        try:
            while not exhausted or order:
                while not exhausted and sum(hand.job is not None for hand in self._hands) < self.count:
                    job = next(jobs, None)
                    if job is None:
                        exhausted = True
                        break
                    order.append(job.number)
                    self._give(self._free_hand(), shared, slim(job), limit_seconds, tries=1)
                if not order:
                    return
                while order[0] not in done:
                    self._wait(shared, limit_seconds, done)
                made = done.pop(order.pop(0))
                if isinstance(made, Exception):
                    raise made
                yield made
        finally:
            for hand in [hand for hand in self._hands if hand.job is not None]:
                self._end(hand)  # nobody asks for the others any more

    def close(self) -> None:
        """End the processes."""
        for hand in list(self._hands):
            self._end(hand)

    def _free_hand(self) -> _Hand:
        free = next((hand for hand in self._hands if hand.job is None and hand.process.is_alive()), None)
        if free is not None:
            return free
        for hand in [hand for hand in self._hands if hand.job is None]:
            self._end(hand)
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_serve, args=(theirs, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        hand = _Hand(process, ours)
        self._hands.append(hand)
        return hand

    def _give(self, hand: _Hand, bench: Bench, job: Job, limit_seconds: float, *, tries: int) -> None:
        import cloudpickle  # noqa: PLC0415 - of joblib; heavy

        job = replace(job, threads=max(1, job.threads // self.count))
        hand.job, hand.tries = job, tries
        hand.deadline = time.monotonic() + limit_seconds + _START_SECONDS
        with suppress(OSError):  # one that just died is told by `_wait`
            hand.pipe.send_bytes(cloudpickle.dumps((bench, job, limit_seconds)))

    def _wait(self, bench: Bench, limit_seconds: float, done: dict[int, Outcome | Exception]) -> None:
        """Take what has come, start the dead once more, and end what takes too long."""
        busy = [hand for hand in self._hands if hand.job is not None]
        soonest = min(hand.deadline for hand in busy)
        left = None if soonest == float("inf") else max(0.0, soonest - time.monotonic())
        ready = wait([hand.pipe for hand in busy], left)
        for hand in busy:
            job = cast("Job", hand.job)
            if hand.pipe in ready:
                try:
                    found = cast("Outcome | FitFailed | str | None", hand.pipe.recv())
                except (EOFError, OSError):
                    self._again(hand, bench, job, limit_seconds, done)
                    continue
                if found == _BEGUN:
                    hand.deadline = time.monotonic() + limit_seconds
                    continue
                hand.job = None
                done[job.number] = OutOfTime() if found is None else cast("Outcome | FitFailed", found)
            elif time.monotonic() >= hand.deadline:
                self._end(hand)
                done[job.number] = OutOfTime(
                    f"a fit did not end within {limit_seconds:.0f} s, and was ended: raise [model] budget"
                )

    def _again(
        self, hand: _Hand, bench: Bench, job: Job, limit_seconds: float, done: dict[int, Outcome | Exception]
    ) -> None:
        hand.process.join(5.0)
        code, tries = hand.process.exitcode, hand.tries
        self._end(hand)
        if tries < _TRIES:
            self._give(self._free_hand(), bench, job, limit_seconds, tries=tries + 1)
        else:
            done[job.number] = died(_ended(code), tries)

    def _end(self, hand: _Hand) -> None:
        if hand in self._hands:
            self._hands.remove(hand)
        hand.pipe.close()
        if hand.process.is_alive():
            hand.process.kill()
        hand.process.join()


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return "was killed (signal 9)" if -code == signal.SIGKILL else f"crashed ({signal.Signals(-code).name})"
    return f"ended with status {code}"


def _serve(pipe: Connection, parent: int) -> None:
    """Do fits until nobody asks any more."""
    import cloudpickle  # noqa: PLC0415 - as above

    from noria.pipeline.worker import die_with  # noqa: PLC0415 - only in a process of its own

    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    while True:
        try:
            bench, job, limit_seconds = cloudpickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            sys.exit(0)
        except Exception as error:  # noqa: BLE001 - a class that cannot be had here
            pipe.send(FitFailed(f"it cannot be sent to another process: {type(error).__name__}: {error}"))
            continue
        pipe.send(_BEGUN)
        pipe.send(perform_apart(bench, job, time.monotonic() + limit_seconds))
