"""A project of tiny steps, and the CPU seconds of the process tree that brings it up to date.

Shared by `pipeline_cold.py`, `pipeline_noop.py`, `import_noria.py` and `cli_help.py`; no benchmark by itself.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import noria.pipeline
from noria.store.database import Database
from noria.store.migrations import upgrade

DRIVE = """
import sys, uuid
from pathlib import Path
from noria.pipeline.discovery import discover
from noria.pipeline.engine import Engine
from noria.pipeline.graph import Graph
from noria.store.blobs import Blobs
from noria.store.database import Database

root = Path(sys.argv[1])
url = f"sqlite:///{root}/.noria/noria.db"
engine = Engine(
    database=Database(url), blobs=Blobs(root / ".noria" / "objects"), root=root, database_url=url, jobs=2
)
outcome = engine.run(Graph(discover(root / "pipeline.py")), run_id=uuid.uuid4().hex)
assert outcome.ok and (len(outcome.ran), len(outcome.cached)) == (int(sys.argv[2]), int(sys.argv[3])), outcome
"""


@dataclass(frozen=True)
class Spent:
    """CPU seconds of a command and everything it started, and its wall seconds."""

    cpu: float
    wall: float


def lay_out(root: Path, count: int) -> None:
    """Write a project: chains of ten steps, each a few microseconds of work."""
    (root / ".noria").mkdir(parents=True)
    lines = ["from noria import step"]
    for number in range(count):
        source = f"s{number - 1}" if number % 10 else ""
        lines.append(f"@step\ndef s{number}({source}): return {{'n': {number}}}")
    (root / "pipeline.py").write_text("\n".join(lines) + "\n")
    database = Database(f"sqlite:///{root}/.noria/noria.db")
    upgrade(database, [Path(noria.pipeline.__file__).parent / "migrations"])
    database.close()


def spend(*arguments: str, quiet: bool = False) -> Spent:
    """Run Python once and count what it and its children spent."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    silence = subprocess.DEVNULL if quiet else None
    subprocess.run([sys.executable, *arguments], check=True, stdout=silence, stderr=silence)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return Spent(cpu, ended - began)


def drive(root: Path, *, ran: int, cached: int) -> Spent:
    """Bring the project up to date and check that exactly this was done."""
    return spend("-c", DRIVE, str(root), str(ran), str(cached))


def line(name: str, spent: list[Spent]) -> str:
    """Give median and least of repeated measurements."""
    cpu, wall = [one.cpu for one in spent], [one.wall for one in spent]
    return (
        f"{name:<44} cpu {statistics.median(cpu):6.3f} s (least {min(cpu):.3f})   "
        f"wall {statistics.median(wall):6.3f} s (least {min(wall):.3f})   n={len(spent)}"
    )


def machine() -> str:
    """Name the machine."""
    cpu = next(
        (
            text.partition(":")[2].strip()
            for text in Path("/proc/cpuinfo").read_text().splitlines()
            if text.startswith("model name")
        ),
        platform.machine(),
    )
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{cpu}, {os.cpu_count()} processors, Python {platform.python_version()}, load {load}"
