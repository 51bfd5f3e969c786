"""Worker processes: started when there is work, kept for the run, told apart from their tasks' failures."""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from noria.store.files import ensure_folder

if TYPE_CHECKING:
    import subprocess

    from noria.pipeline.worker import Hello, Task

__all__ = ["Death", "Pool", "Worker"]

_BOOT = (
    "import sys; sys.path.insert(0, {home!r}); from noria.pipeline.worker import main; main({inbox}, {outbox}, {pid})"
)
_GRACE_SECONDS = 2.0
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Death:
    """How a worker ended.

    Parameters
    ----------
    signal : int
        Number of the signal that ended it, or 0.
    status : int
        Exit status, when no signal did.
    peak_bytes : int
        Most memory it had at once.
    oom_kills : int
        Processes the kernel killed for lack of memory since the pool was made.
    """

    signal: int
    status: int
    peak_bytes: int
    oom_kills: int


@dataclass(eq=False)
class Worker:
    """One process and its two pipes."""

    process: subprocess.Popen[bytes]
    inbox: int
    outbox: int
    pidfd: int
    step: str | None = None
    buffer: bytearray = field(default_factory=bytearray)


class Pool:
    """At most `jobs` workers.

    Parameters
    ----------
    jobs : int
        Steps that may run at once.
    hello : Hello
        What each worker is told first.
    """

    def __init__(self, jobs: int, hello: Hello) -> None:
        self._jobs = max(1, jobs)
        self._hello = hello
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._oom_kills = _oom_kills()

    def has_room(self) -> bool:
        """Say whether another step can be given out."""
        return self.busy() < self._jobs

    def busy(self) -> int:
        """Count the workers at work."""
        return sum(worker.step is not None for worker in self._workers)

    def give(self, task: Task) -> None:
        """Hand a step to an idle worker, or to a new one."""
        worker = next((one for one in self._workers if one.step is None), None) or self._start()
        worker.step = task["step"]
        with suppress(BrokenPipeError):  # a worker that just died is told by `wait`
            _write_all(worker.inbox, json.dumps(task).encode() + b"\n")

    def wait(self, timeout_seconds: float) -> list[tuple[str, Mapping[str, object] | Death]]:
        """Collect what has arrived: messages and deaths, each with its step."""
        arrived: list[tuple[str, Mapping[str, object] | Death]] = []
        dead: list[Worker] = []
        for ready, _ in self._selector.select(timeout_seconds):
            worker = ready.data
            if worker is None:
                with suppress(BlockingIOError):
                    os.read(self._wake_read, _CHUNK)
                continue
            ended = not self._read(worker, arrived) or ready.fd == worker.pidfd
            if ended and worker not in dead:
                dead.append(worker)
        for worker in dead:
            step = worker.step
            death = self._bury(worker)
            if step is not None:
                arrived.append((step, death))
        return arrived

    def wake(self) -> None:
        """Make `wait` return; may be called from any thread."""
        with suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"!")

    def close(self, *, kill: bool = False) -> None:
        """End the workers: idle ones at once, working ones by signal when `kill`."""
        for worker in self._workers:
            with suppress(OSError):
                os.close(worker.inbox)
            worker.inbox = -1
            if kill:
                _signal(worker, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for worker in list(self._workers):
            while _running(worker) and time.monotonic() < deadline:
                with selectors.DefaultSelector() as waiting:
                    waiting.register(worker.pidfd, selectors.EVENT_READ)
                    waiting.select(max(0.0, deadline - time.monotonic()))
            _signal(worker, signal.SIGKILL)
            self._bury(worker)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _start(self) -> Worker:
        import subprocess  # noqa: PLC0415 - a run that finds everything cached starts no process

        ensure_folder(Path(self._hello["log"]).parent)
        task_read, task_write = os.pipe()
        event_read, event_write = os.pipe()
        home = str(Path(__file__).resolve().parent.parent.parent)
        boot = _BOOT.format(home=home, inbox=task_read, outbox=event_write, pid=os.getpid())
        with open(self._hello["log"], "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", boot],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._hello["root"],
                # Equal inputs should give equal bytes, also where a step walks a set.
                env={**os.environ, "PYTHONHASHSEED": "0"},
                pass_fds=(task_read, event_write),
                start_new_session=True,  # Ctrl-C on the terminal reaches the runner alone
            )
        os.close(task_read)
        os.close(event_write)
        os.set_blocking(event_read, False)
        worker = Worker(process, task_write, event_read, os.pidfd_open(process.pid))
        self._workers.append(worker)
        self._selector.register(worker.outbox, selectors.EVENT_READ, worker)
        self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)
        with suppress(BrokenPipeError):
            _write_all(worker.inbox, json.dumps(self._hello).encode() + b"\n")
        return worker

    def _read(self, worker: Worker, arrived: list[tuple[str, Mapping[str, object] | Death]]) -> bool:
        """Take what is in the pipe; False at its end."""
        open_still = True
        while True:
            try:
                chunk = os.read(worker.outbox, _CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                open_still = False
                break
            worker.buffer += chunk
        *lines, rest = bytes(worker.buffer).split(b"\n")
        worker.buffer[:] = rest
        for line in lines:
            message = json.loads(line)
            if worker.step is not None:
                arrived.append((worker.step, message))
            if message["kind"] in ("done", "failed", "unreadable"):
                worker.step = None
        return open_still

    def _bury(self, worker: Worker) -> Death:
        """Close a worker's ends and learn how it ended."""
        self._workers.remove(worker)
        for handle in (worker.outbox, worker.pidfd):
            self._selector.unregister(handle)
        _signal(worker, signal.SIGKILL)  # it closed its pipe or died; its children go with it
        _, status, usage = os.wait4(worker.process.pid, 0)
        worker.process.returncode = os.waitstatus_to_exitcode(status)
        for handle in (worker.inbox, worker.outbox, worker.pidfd):
            if handle >= 0:
                os.close(handle)
        code = worker.process.returncode
        return Death(
            signal=-code if code < 0 else 0,
            status=max(code, 0),
            peak_bytes=usage.ru_maxrss * 1024,
            oom_kills=_oom_kills() - self._oom_kills,
        )


def _running(worker: Worker) -> bool:
    with selectors.DefaultSelector() as waiting:
        waiting.register(worker.pidfd, selectors.EVENT_READ)
        return not waiting.select(0)


def _signal(worker: Worker, number: signal.Signals) -> None:
    # The worker leads a session of its own, so its group is it and whatever it started.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid, number)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _oom_kills() -> int:
    try:
        text = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)
