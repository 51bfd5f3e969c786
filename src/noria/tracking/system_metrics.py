"""How the machine does while a run goes on: processor, memory, disk, network and GPUs, from /proc alone."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SystemMetrics", "parse_gpus"]

_EVERY_SECONDS = 10.0
_MB = 1e6
_SECTOR = 512
_ASKED = "utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw"
_GPU = ("utilization_percent", "memory_used_mb", "memory_total_mb", "temperature_celsius", "power_watts")


class SystemMetrics:
    """Looks at the machine every ten seconds in a thread of its own.

    Parameters
    ----------
    tell : callable
        Takes numbers by name, such as ``system/cpu_percent``.
    every_seconds : float
        How often.
    """

    def __init__(self, tell: Callable[[Mapping[str, float]], None], *, every_seconds: float = _EVERY_SECONDS) -> None:
        self._tell = tell
        self._every = every_seconds
        self._stop = threading.Event()
        self._before = _counters()
        self._smi = shutil.which("nvidia-smi")
        self._thread = threading.Thread(target=self._watch, name="noria-system", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            try:
                seen = self._look()
            except (OSError, ValueError, IndexError, ArithmeticError):
                continue  # a kernel that tells something else, a disk that is gone: no reason to disturb
            if not self._stop.is_set():
                self._tell({f"system/{name}": value for name, value in seen.items()})

    def _look(self) -> dict[str, float]:
        after, before = _counters(), self._before
        self._before = after
        seen: dict[str, float] = {}
        passed = after["cpu_all"] - before["cpu_all"]
        if passed > 0:
            seen["cpu_percent"] = 100 * (after["cpu_busy"] - before["cpu_busy"]) / passed
        for name in (
            "disk_read_mb",
            "disk_written_mb",
            "network_received_mb",
            "network_sent_mb",
            "process_cpu_seconds",
        ):
            seen[name] = after[name] - before[name]
        memory = _memory()
        seen["memory_used_mb"] = memory["MemTotal"] - memory["MemAvailable"]
        seen["memory_percent"] = 100 * seen["memory_used_mb"] / memory["MemTotal"]
        seen["process_memory_mb"] = _resident()
        disk = os.statvfs(".")
        seen["disk_free_mb"] = disk.f_bavail * disk.f_frsize / _MB
        seen |= self._gpus()
        return seen

    def _gpus(self) -> dict[str, float]:
        if self._smi is None:
            return {}
        import subprocess  # noqa: PLC0415 - only where there is a GPU

        asked = [self._smi, f"--query-gpu={_ASKED}", "--format=csv,noheader,nounits"]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            self._smi = None
            return {}
        return parse_gpus(done.stdout) if done.returncode == 0 else {}


def parse_gpus(text: str) -> dict[str, float]:
    """Read what nvidia-smi tells, a line for each GPU; what a GPU does not tell is left out.

    Examples
    --------
    >>> parse_gpus("97, 1024, 81559, 41, [N/A]")["gpu_0_utilization_percent"]
    97.0
    """
    found: dict[str, float] = {}
    for number, line in enumerate(text.strip().splitlines()):
        for name, cell in zip(_GPU, line.split(","), strict=False):
            try:
                found[f"gpu_{number}_{name}"] = float(cell)
            except ValueError:
                continue
    return found


def _counters() -> dict[str, float]:
    counted = dict.fromkeys(
        ("cpu_all", "cpu_busy", "disk_read_mb", "disk_written_mb", "network_received_mb", "network_sent_mb"), 0.0
    )
    times = os.times()
    counted["process_cpu_seconds"] = times.user + times.system
    try:
        ticks = [float(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        counted["cpu_all"], counted["cpu_busy"] = sum(ticks), sum(ticks) - ticks[3] - ticks[4]
        for line in Path("/proc/diskstats").read_text().splitlines():
            fields = line.split()
            if (Path("/sys/block") / fields[2]).exists() and not fields[2].startswith(("loop", "ram", "zram", "dm-")):
                counted["disk_read_mb"] += float(fields[5]) * _SECTOR / _MB
                counted["disk_written_mb"] += float(fields[9]) * _SECTOR / _MB
        for line in Path("/proc/net/dev").read_text().splitlines()[2:]:
            name, _, rest = line.partition(":")
            if name.strip() != "lo":
                fields = rest.split()
                counted["network_received_mb"] += float(fields[0]) / _MB
                counted["network_sent_mb"] += float(fields[8]) / _MB
    except (OSError, ValueError, IndexError):
        pass  # a container may hide some of it; the others count
    return counted


def _memory() -> dict[str, float]:
    lines = [line.split() for line in Path("/proc/meminfo").read_text().splitlines()]
    return {line[0].rstrip(":"): float(line[1]) * 1024 / _MB for line in lines if len(line) > 1}


def _resident() -> float:
    pages = float(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB
