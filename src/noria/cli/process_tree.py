"""A small supervisor: starts child processes, starts again what dies, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from noria.cli import child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Child", "ProcessTree", "backoff_seconds", "stop_on_signals"]

_POLL_SECONDS = 0.1
_STEADY_SECONDS = 30.0
_MOST_SECONDS = 30.0


@dataclass(frozen=True)
class Child:
    """A process to keep alive.

    Parameters
    ----------
    name : str
        What its lines are marked with.
    arguments : tuple of str
        The command.
    death_signal : Signals
        What the kernel sends it when the supervisor dies.
    ready : callable, optional
        Gives True once the child does its work; asked until it does.
    """

    name: str
    arguments: tuple[str, ...]
    death_signal: signal.Signals = signal.SIGTERM
    ready: Callable[[], bool] | None = None


@dataclass
class _Running:
    child: Child
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0
    announced: bool = False
    reader: threading.Thread | None = field(default=None, repr=False)


def backoff_seconds(failures: int) -> float:
    """Say how long to wait before a child is started again.

    Parameters
    ----------
    failures : int
        How often in a row it has died soon after its start, 1 or more.

    Examples
    --------
    >>> [backoff_seconds(n) for n in (1, 2, 3, 7, 50)]
    [0.5, 1.0, 2.0, 30.0, 30.0]
    """
    return float(min(_MOST_SECONDS, 0.5 * 2 ** min(failures - 1, 10)))


class ProcessTree:
    """Child processes, each leader of its own session, so that a Ctrl-C reaches the supervisor alone.

    Parameters
    ----------
    children : sequence of Child
        Started in this order, stopped in the reverse order.
    say : callable
        Takes one line of text for a person; called from several threads.
    environment : mapping, optional
        Of the children; this process's own when left out.
    folder : Path, optional
        Where they run; here when left out.
    stop_seconds : float
        Time the children have to end by themselves.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        say: Callable[[str], None],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stop_seconds: float = 8.0,
    ) -> None:
        self._running = [_Running(one) for one in children]
        self._say = say
        self._environment = dict(os.environ if environment is None else environment)
        self._folder = folder
        self._stop_seconds = stop_seconds

    def run(self, stop: threading.Event, *, on_ready: Callable[[str], None] = lambda _name: None) -> None:
        """Keep the children alive until `stop` is set, then end them all."""
        try:
            while not stop.is_set():
                for one in self._running:
                    self._look_after(one, on_ready)
                stop.wait(_POLL_SECONDS)
        finally:
            self.stop()

    def pids(self) -> dict[str, int]:
        """Name the live children's process ids."""
        return {one.child.name: one.process.pid for one in self._running if one.process is not None}

    def stop(self) -> None:
        """Ask every child to end, wait, and kill what did not, together with its own children."""
        alive = [one for one in reversed(self._running) if one.process is not None]
        for one in alive:
            assert one.process is not None  # noqa: S101 - chosen above
            # Not Popen.send_signal: that reaps a child that has just died, and its id could be somebody else's then.
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._stop_seconds
        for one in alive:
            assert one.process is not None  # noqa: S101 - chosen above
            while not _has_ended(one.process.pid) and time.monotonic() < deadline:
                time.sleep(0.02)
            if not _has_ended(one.process.pid):
                self._say(f"{one.child.name} did not end in {self._stop_seconds:.0f} s and is killed")
            self._bury(one)

    def _look_after(self, one: _Running, on_ready: Callable[[str], None]) -> None:
        now = time.monotonic()
        if one.process is None:
            if now >= one.due:
                self._start(one)
            return
        if _has_ended(one.process.pid):
            status = self._bury(one)
            one.failures = 1 if now - one.started > _STEADY_SECONDS else one.failures + 1
            wait = backoff_seconds(one.failures)
            one.due = now + wait
            self._say(f"{one.child.name} {_ended(status)}; it is started again in {wait:g} s")
        elif not one.announced and one.child.ready is not None and one.child.ready():
            one.announced = True
            on_ready(one.child.name)

    def _start(self, one: _Running) -> None:
        line = child.command(one.child.arguments, death_signal=one.child.death_signal, parent=os.getpid())
        one.process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self._environment,
            cwd=self._folder,
            start_new_session=True,
        )
        one.started = time.monotonic()
        one.reader = threading.Thread(target=self._pass_on, args=(one.child.name, one.process), daemon=True)
        one.reader.start()

    def _pass_on(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            self._say(f"{name}: {line.rstrip()}")

    def _bury(self, one: _Running) -> int:
        """End what is left of a child's session, then take its exit status."""
        process = one.process
        assert process is not None  # noqa: S101 - only what runs is buried
        # Not yet reaped, so its id, which names the group, cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        if one.reader is not None:
            one.reader.join(timeout=1)
        if process.stdout is not None and not (one.reader and one.reader.is_alive()):
            process.stdout.close()
        one.process = None
        return status


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set; a second one interrupts at once."""
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _has_ended(pid: int) -> bool:
    # WNOWAIT leaves the zombie: see _bury.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
