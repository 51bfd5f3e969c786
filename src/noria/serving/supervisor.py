"""Several serving processes on one port, kept alive: ``python -m noria.serving.supervisor``.

It imports nothing but the standard library, so that it costs a few megabytes and cannot fail of what a worker may fail
of. Each worker has a listening socket of its own on the port (SO_REUSEPORT), and the kernel deals connections out among
them. Tried before: one socket that all accept from. Of 8 connections that come together the worker that wakes first
took all in 11 of 15 tries, and as connections are kept the other stayed idle; dealt out, it had a third.

The supervisor holds the sockets too: what waits in a dead worker's is answered by the one started in its place. Of a
worker that dies again and again the socket is closed meanwhile, so that connections go to the others.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

__all__ = ["STARTS", "Supervisor", "backoff_seconds", "become"]

STARTS = 5
"""So many workers in a row that die before one is ready, while none is: then it is given up."""

_STEADY_SECONDS = 10.0
_MOST_SECONDS = 30.0
_STOP_SECONDS = 12.0
"""A worker finishes the requests it has taken, for ten seconds at most."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SLOT = "NORIA_WORKER"


def backoff_seconds(failures: int) -> float:
    """Say how long to wait before a worker is started again.

    Parameters
    ----------
    failures : int
        How often in a row it has died soon after its start, 1 or more.

    Examples
    --------
    >>> [backoff_seconds(n) for n in (1, 2, 3, 4, 50)]
    [0.05, 0.2, 0.8, 3.2, 30.0]
    """
    return float(min(_MOST_SECONDS, 0.05 * 4 ** min(failures - 1, 10)))


@dataclass
class _Worker:
    slot: int
    listening: socket.socket | None
    pid: int = 0
    ready: int = -1
    """End of a pipe in which the worker says that it answers."""
    is_ready: bool = False
    started: float = 0.0
    due: float = 0.0
    failures: int = 0


class Supervisor:
    """Keeps workers alive until it is told to stop.

    Parameters
    ----------
    command : sequence of str
        What a worker runs. It gets in ``NORIA_WORKER`` its slot, its listening descriptor, the descriptor to write a
        byte to once it answers, and this process's id, as JSON.
    sockets : sequence of socket
        One for each worker, listening, all on one port.
    announce : str
        Printed once all are ready for the first time.
    stop_seconds : float
        How long workers have to end.
    """

    def __init__(
        self,
        command: Sequence[str],
        sockets: Sequence[socket.socket],
        *,
        announce: str = "",
        stop_seconds: float = _STOP_SECONDS,
    ) -> None:
        self._command = list(command)
        self._workers = [_Worker(slot, listening) for slot, listening in enumerate(sockets)]
        self._address = sockets[0].getsockname()
        self._family = sockets[0].family
        self._announce = announce
        self._stop_seconds = stop_seconds
        self._asked = 0
        self._early = 0

    def run(self) -> int:
        """Keep them alive; give the exit status."""
        with self._awake() as wake:
            while not self._asked and self._early < STARTS:
                self._start_due()
                self._wait(wake)
                self._reap()
            if not self._asked:
                _say(f"given up: workers died {STARTS} times in a row before one could answer; what they said is above")
            self._stop(wake)
        return 0 if self._asked else 1

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and now >= worker.due:
                self._start(worker)

    def _start(self, worker: _Worker) -> None:
        if worker.listening is None:
            worker.listening = _listen(self._family, self._address)
        worker.ready, theirs = os.pipe()
        listening = worker.listening.fileno()
        told = json.dumps({"slot": worker.slot, "listening": listening, "ready": theirs, "supervisor": os.getpid()})
        os.set_inheritable(theirs, True)
        os.set_inheritable(listening, True)
        worker.pid = os.posix_spawn(
            self._command[0],
            self._command,
            {**os.environ, _SLOT: told},
            # A Ctrl-C in the terminal is for the supervisor: workers would count it and its SIGTERM as two.
            setpgroup=0,
            setsigdef=_SIGNALS,
        )
        os.set_inheritable(listening, False)
        os.close(theirs)
        worker.started, worker.is_ready = time.monotonic(), False

    def _wait(self, wake: int) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        waiting = {worker.ready: worker for worker in self._workers if worker.ready >= 0}
        for end in waiting:
            poll.register(end, select.POLLIN)
        due = [worker.due - time.monotonic() for worker in self._workers if not worker.pid]
        for end, _ in poll.poll(max(0.0, min(due)) * 1000 if due else None):
            if end == wake:
                os.read(wake, 4096)
            else:
                self._heard(waiting[end])

    def _heard(self, worker: _Worker) -> None:
        said = os.read(worker.ready, 1)
        os.close(worker.ready)
        worker.ready = -1
        if not said:
            return  # it has died, which the kernel tells separately
        worker.is_ready, self._early = True, 0
        if self._announce and all(each.is_ready for each in self._workers):
            print(self._announce, flush=True)  # noqa: T201 - what a person waits for
            self._announce = ""

    def _reap(self) -> None:
        for worker in self._workers:
            if not worker.pid or os.waitpid(worker.pid, os.WNOHANG) == (0, 0):
                continue
            self._died(worker)

    def _died(self, worker: _Worker) -> None:
        now = time.monotonic()
        if not self._asked:
            steady = now - worker.started > _STEADY_SECONDS
            worker.failures = 1 if steady else worker.failures + 1
            wait = backoff_seconds(worker.failures)
            worker.due = now + wait
            if worker.failures > 1 and len(self._workers) > 1:
                self._close(worker)
            _say(f"worker {worker.slot} (pid {worker.pid}) has died and is started again in {wait:g} s")
            if not worker.is_ready and not any(each.is_ready and each.pid for each in self._workers):
                self._early += 1
        worker.pid, worker.is_ready = 0, False
        if worker.ready >= 0:
            os.close(worker.ready)
            worker.ready = -1

    def _stop(self, wake: int) -> None:
        """Let workers finish; kill those that take too long, or all at a second signal."""
        until, asked = time.monotonic() + self._stop_seconds, self._asked
        for worker in self._workers:
            self._close(worker)  # or new connections would wait here for nobody
        self._tell(signal.SIGTERM)
        while any(worker.pid for worker in self._workers):
            left = until - time.monotonic()
            if left <= 0 or self._asked > asked:
                self._tell(signal.SIGKILL)
            poll = select.poll()
            poll.register(wake, select.POLLIN)
            if poll.poll(max(0.05, min(left, 0.5)) * 1000):
                os.read(wake, 4096)
            self._asked = max(self._asked, asked)
            self._reap()

    @staticmethod
    def _close(worker: _Worker) -> None:
        if worker.listening is not None:
            worker.listening.close()
            worker.listening = None

    def _tell(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid:
                # Not reaped yet, so the id is still its own.
                os.kill(worker.pid, number)

    @contextlib.contextmanager
    def _awake(self) -> Iterator[int]:
        """Give a descriptor that can be read whenever a signal has come."""
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)

        def ask(_number: int, _frame: object) -> None:
            self._asked += 1

        before = {number: signal.signal(number, ask) for number in _SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        old = signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(old)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(ours)
            os.close(theirs)


def _listen(family: int, address: object) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind(address)  # type: ignore[arg-type] # as the socket before it had
    opened.listen(2048)
    opened.setblocking(False)
    return opened


def become(command: Sequence[str], sockets: Sequence[socket.socket], *, announce: str, farewell: str) -> NoReturn:
    """Turn this process into a supervisor: same process id, same open sockets, but nothing of what it has loaded.

    Parameters
    ----------
    command : sequence of str
        What a worker runs.
    sockets : sequence of socket
        One for each worker, listening, all on one port.
    announce, farewell : str
        What to print once they answer, and at the end.
    """
    for each in sockets:
        each.set_inheritable(True)
    told = json.dumps({"sockets": [one.fileno() for one in sockets], "announce": announce, "farewell": farewell})
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "noria.serving.supervisor", told, *command])  # noqa: S606 - no shell


def _say(text: str) -> None:
    print(f"supervisor: {text}", file=sys.stderr, flush=True)  # noqa: T201 - logging is 2 MB


def _main(told: str, *command: str) -> int:
    given = json.loads(told)
    sockets = [socket.socket(fileno=descriptor) for descriptor in given["sockets"]]
    for each in sockets:
        each.set_inheritable(False)
    status = Supervisor(command, sockets, announce=given["announce"]).run()
    if status == 0:
        print(given["farewell"], file=sys.stderr, flush=True)  # noqa: T201 - as above
    return status


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
