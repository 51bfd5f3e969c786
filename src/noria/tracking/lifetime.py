"""The ends of a process: runs that are open are told how it went, and a fork takes none of them along."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["watch", "watch_child"]


class Mortal(Protocol):
    """What must hear of the end."""

    def end_with_process(self, error: BaseException | None) -> None:
        """Finish: the process ends, perhaps because of an error."""

    def forget_parent(self) -> None:
        """Let go of what the parent goes on with: this is its child."""


_living: weakref.WeakSet[Mortal] = weakref.WeakSet()
_armed = False


def watch(run: Mortal) -> None:
    """Tell this run when the process ends or forks."""
    global _armed
    _living.add(run)
    if not _armed:
        _armed = True
        atexit.register(_at_exit)
        os.register_at_fork(after_in_child=_in_child)
    _heed_sigterm()


def _at_exit() -> None:
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    for run in list(_living):
        run.end_with_process(error)


def _in_child() -> None:
    for run in list(_living):
        run.forget_parent()


def watch_child() -> None:
    """Tell the runs of a forked process when it ends: one of multiprocessing leaves without atexit."""
    if "multiprocessing.util" in sys.modules:
        from multiprocessing.util import Finalize  # noqa: PLC0415 - only where it is in use

        Finalize(None, _at_exit, exitpriority=100)


def _heed_sigterm() -> None:
    """Unwind when asked to stop, as Ctrl-C does: a process that dies of SIGTERM at once tells nobody.

    Only where nobody else has said what SIGTERM is to do.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stopped)


def _stopped(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one means it
    sys.exit(128 + number)
