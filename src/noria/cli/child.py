"""Start a command that the kernel ends when its parent dies: ``python -m noria.cli.child SIGNAL PARENT COMMAND …``.

A supervisor killed with ``kill -9`` cannot tell its children anything. On Linux the kernel can: the wish is made here,
in the child itself, and survives the exec of the command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

_PR_SET_PDEATHSIG = 1


def command(arguments: Sequence[str], *, death_signal: signal.Signals, parent: int) -> list[str]:
    """Give the command line that runs `arguments` no longer than the process `parent` lives.

    Examples
    --------
    >>> command(["sleep", "9"], death_signal=signal.SIGTERM, parent=7)[1:]
    ['-m', 'noria.cli.child', '15', '7', 'sleep', '9']
    """
    return [sys.executable, "-m", "noria.cli.child", str(int(death_signal)), str(parent), *arguments]


def _main(argv: Sequence[str]) -> None:
    number, parent, *arguments = argv
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):
            # The parent died before the wish was made; nobody would ever end this process.
            os.kill(os.getpid(), signal.SIGKILL)
    os.execvp(arguments[0], arguments)  # noqa: S606 - the arguments come from the supervisor, no shell sees them


if __name__ == "__main__":
    _main(sys.argv[1:])
