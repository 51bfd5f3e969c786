"""A process that has noria and what it learns with loaded, and forks for each command.

To load them takes longer than most commands do, and the journeys give some hundred. A fork has its own folder,
environment, arguments and output; what a cold start loads, and when, is tested elsewhere.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
_LARGEST = 1 << 18


class Warm:
    """Runs commands by a process that is warm.

    Parameters
    ----------
    patience : float
        Seconds after which a command is killed.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(its.fileno())], pass_fds=[its.fileno()], stdin=subprocess.DEVNULL
            )
        self._ear = mine

    def run(self, folder: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str, str]:
        """Give the status, the output and the errors of a command."""
        asked = json.dumps({"folder": str(folder), "arguments": list(arguments), "environ": dict(environ)}).encode()
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err, mine:
            with its:
                socket.send_fds(self._ear, [asked], [out.fileno(), err.fileno(), its.fileno()])
            mine.settimeout(self.patience)
            child = int(mine.recv(_LARGEST))
            try:
                status = int(mine.recv(_LARGEST))
            except TimeoutError as error:
                os.kill(child, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), self.patience) from error
            return status, _read(out), _read(err)

    def close(self) -> None:
        self._ear.close()
        self._process.wait()


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _fork_for_each(server: socket.socket) -> None:
    """Come back in a process that is to be a command; never in the one that was called."""
    while True:
        asked, descriptors, _, _ = socket.recv_fds(server, _LARGEST, 3)
        if not asked:
            sys.exit()
        out, err, reply = descriptors
        watcher = os.fork()
        if watcher:
            os.waitpid(watcher, 0)
            for held in (out, err, reply):
                os.close(held)
            continue
        if os.fork():  # nobody waits for the one between
            os._exit(0)
        command = os.fork()
        if command:
            with socket.socket(fileno=reply) as answer:
                answer.send(str(command).encode())
                _, status = os.waitpid(command, 0)
                answer.send(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        server.close()
        os.close(reply)
        _become(json.loads(asked), out, err)
        return


def _become(asked: Mapping[str, Any], out: int, err: int) -> None:
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    for held, place in ((out, 1), (err, 2)):
        os.dup2(held, place)
        os.close(held)
    sys.argv = ["noria", *asked["arguments"]]
    sys.path[0] = asked["folder"]


def _status() -> int:
    from noria.cli.main import main

    try:
        main()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


def _leave(status: int) -> NoReturn:
    """End as an interpreter does, but for taking what was loaded apart."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    from importlib import import_module

    import noria.cli
    import noria.steps
    from noria.pipeline.cachefile import CacheFile
    from noria.pipeline.closure import LAYOUT, Sources

    for package in (noria.cli, noria.steps):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    nothing = CacheFile(Path(os.devnull), LAYOUT)
    for name in ("noria.steps.standard", "noria.steps.turn"):
        Sources(nothing).closure(name, None)  # its own code is the same for each project
    gc.freeze()  # what is shared stays so
    _fork_for_each(socket.socket(fileno=int(sys.argv[1])))
    _leave(_status())
