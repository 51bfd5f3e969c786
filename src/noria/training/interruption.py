"""Whether work that runs too long can be stopped in the middle."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Stopped", "stopped"]


_AGAIN_SECONDS = 0.001


class _Enough(BaseException):
    """Raised inside the work; no ordinary `except` may hold it up."""


@dataclass(frozen=True)
class Stopped:
    """What became of work that was told to stop.

    Parameters
    ----------
    finished : bool
        It was done before it was told.
    swallowed : bool
        It caught the interruption and went on.
    late_seconds : float
        How long it took to end after it was told.
    """

    finished: bool
    swallowed: bool
    late_seconds: float


def stopped(work: Callable[[], object], after_seconds: float) -> Stopped | None:
    """Run work and interrupt it as Ctrl-C would.

    Parameters
    ----------
    work : callable
        What runs.
    after_seconds : float
        When to interrupt.

    Returns
    -------
    Stopped or None
        None outside the main thread, where nothing can be interrupted.

    Examples
    --------
    >>> stopped(lambda: None, 10.0).finished
    True
    >>> stopped(lambda: time.sleep(10), 0.01).swallowed
    False
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    told: list[float] = []

    def interrupt(number: int, frame: object) -> None:
        told.append(time.monotonic())
        raise _Enough

    def unraisable(what: sys.UnraisableHookArgs) -> None:
        if not issubclass(what.exc_type, _Enough):
            hook(what)
            return
        told.clear()  # it met a finalizer or a callback of the collector: Python dropped it, not the work
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)

    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, after_seconds)
    swallowed = False
    try:
        work()
        swallowed = bool(told)
    except _Enough:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = hook
    return Stopped(not told, swallowed, time.monotonic() - told[0] if told else 0.0)
