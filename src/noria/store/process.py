"""Which process holds a lease, a claim or a run, so that others can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["is_alive", "this_process"]


def this_process() -> str:
    """Name this process: host, boot, process namespace, process id, start time.

    A process id alone is given out again, and means nothing on another machine or in another container.
    """
    return " ".join([*_place(), str(os.getpid()), _started(os.getpid())])


def is_alive(process: str) -> bool | None:
    """Say whether a process named by `this_process` still lives.

    None where this machine cannot know: on another host, or in another container.

    Examples
    --------
    >>> is_alive(this_process())
    True
    """
    parts = process.split(" ")
    if len(parts) != 5 or not parts[3].isdigit():
        return None
    host, boot, namespace, pid, started = parts
    mine = _place()
    if [host, boot, namespace] == mine:
        # Without /proc there is no start time: then the id has to do.
        return _started(int(pid)) == started and (started != "" or _exists(int(pid)))
    return False if host == mine[0] and boot != mine[1] else None


def _place() -> list[str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        boot = namespace = "-"
    return [socket.gethostname().replace(" ", "-"), boot, namespace]


def _started(pid: int) -> str:
    """Give a process's start time in clock ticks since boot, or "" when there is none of this id."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
