"""What answering costs: noria beside MLflow, BentoML and a bare FastAPI, on the same models, rows and machine.

    python benchmarks/serving.py > benchmarks/serving.txt
    python benchmarks/serving.py --seconds 0.5 --models logistic,forest

Everything is on: the door, strict JSON, the check against the signature, the prediction log, the counters. The peers
run as their own manuals start them, two workers each like noria; a peer whose environment is missing is skipped and
named (`make bench-peers` makes them, or NORIA_BENCH_MLFLOW, NORIA_BENCH_BENTOML, NORIA_BENCH_FASTAPI name folders).
Answers are compared before anything is timed. CPU is that of the whole process tree by the kernel's account, latency
is what the client saw; a busy machine stretches the second, not the first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import joblib

from serving_client import post, run_load
from serving_models import MODELS, frame_of, lay_out
from serving_peers import WORKERS, Server, first_answer, running, servers

CONCURRENCY = (1, 8, 64)
SIZES = (1, 100)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cell:
    """One server, model, size and concurrency."""

    cpu_ms: float
    p50_ms: float
    p99_ms: float
    rate: float
    failed: int


@dataclass
class Measured:
    """All of one server with one model."""

    start_cpu: float = 0.0
    memory_mb: float = 0.0
    furthest: float = 0.0
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)


def tree(pid: int) -> list[int]:
    """Name a process and all below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found = [pid]
    for each in found:
        found += below.get(each, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Give the CPU time of a process tree so far, children that have ended included."""
    total = 0
    for each in tree(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def memory_mb(pid: int) -> float:
    """Give the memory of a process tree, each shared page counted once (PSS)."""
    total = 0
    for each in tree(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def settle(pid: int) -> None:
    """Wait until all workers have started: until the tree rests for half a second."""
    before = cpu_seconds(pid)
    for _ in range(120):
        time.sleep(0.5)
        now = cpu_seconds(pid)
        if now - before < 0.06:
            return
        before = now


def measure(server: Server, root: Path, model: str, rows: list[dict[str, object]], seconds: float) -> Measured:
    """Start a server, hold its answers against the library's, then load it."""
    wanted = joblib.load(root / "peers" / f"{model}.joblib").predict_proba(frame_of(rows[:100]))[:, 1].tolist()
    made = Measured()
    with running(server, root, model, list(rows[0])) as (pid, url):
        said = first_answer(server, url, rows[:100], pid, root / f"{server.name}-{model}.log")
        settle(pid)
        made.start_cpu = cpu_seconds(pid)
        made.furthest = max(abs(a - b) for a, b in zip(said, wanted, strict=True))
        allowed = 1e-6 if model == "network" else 1e-12
        if made.furthest > allowed:
            raise RuntimeError(f"{server.name} answers otherwise for {model}: by {made.furthest}")
        for size in SIZES:
            requests = [
                post(url, json.dumps(server.body(rows[start : start + size])).encode())
                for start in range(0, len(rows) - size + 1, size)
            ]
            run_load(url, requests, count=4000 // size, connections=8, seconds=seconds)
            for connections in CONCURRENCY:
                made.cells[size, connections] = _cell(pid, url, requests, connections, seconds)
        settle(pid)
        made.memory_mb = memory_mb(pid)
    return made


def _cell(pid: int, url: str, requests: list[bytes], connections: int, seconds: float) -> Cell:
    before = cpu_seconds(pid)
    load = run_load(url, requests, count=50_000, connections=connections, seconds=seconds)
    spent = cpu_seconds(pid) - before
    answered = len(load.seconds) or 1
    return Cell(
        spent / answered * 1000,
        load.quantile_ms(0.5),
        load.quantile_ms(0.99),
        len(load.seconds) / load.wall,
        len(load.others),
    )


def show(model: str, found: dict[str, Measured]) -> None:
    """Print a model's table, and how much more the peers cost."""
    print(f"\n{model}")
    print(
        f"{'':16}{'rows':>5}{'at once':>8}{'CPU ms':>9}{'p50 ms':>9}{'p99 ms':>9}{'req/s':>8}{'failed':>7}  CPU ratio"
    )
    own = found.get("noria")
    for name, measured in found.items():
        for (size, connections), cell in measured.cells.items():
            ratio = f"{cell.cpu_ms / own.cells[size, connections].cpu_ms:.1f}" if own and own is not measured else ""
            print(
                f"{name:16}{size:>5}{connections:>8}{cell.cpu_ms:>9.3f}{cell.p50_ms:>9.2f}{cell.p99_ms:>9.2f}"
                f"{cell.rate:>8.0f}{cell.failed:>7}  {ratio}"
            )
    for name, measured in found.items():
        print(
            f"{name:16}start {measured.start_cpu:.1f} CPU-s, {measured.memory_mb:.0f} MB (PSS), "
            f"answers within {measured.furthest:.1e} of the library's"
        )


def main() -> None:
    """Measure and print."""
    reading = argparse.ArgumentParser()
    reading.add_argument("--seconds", type=float, default=2.0, help="a cell")
    reading.add_argument("--models", default=",".join(MODELS))
    reading.add_argument("--servers", default="")
    given = reading.parse_args()
    chosen = tuple(given.models.split(","))
    seconds = given.seconds
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}, "
          f"load {os.getloadavg()[0]:.1f} before")  # fmt: skip
    print(f"{WORKERS} workers each; up to {seconds:g} s a cell")
    every: dict[str, dict[str, Measured]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = lay_out(root, chosen)
        for model in chosen:
            found = every.setdefault(model, {})
            for name, server in servers():
                if given.servers and name not in given.servers.split(","):
                    continue
                if server is None:
                    print(f"{name}: skipped, its environment is not there")
                    continue
                try:
                    found[name] = measure(server, root, model, rows, seconds)
                except (RuntimeError, subprocess.CalledProcessError) as error:
                    print(f"{name}: skipped for {model}: {error}", flush=True)
            show(model, found)
            sys.stdout.flush()
    _summary(every)


def _summary(every: dict[str, dict[str, Measured]]) -> None:
    print("\nCPU a request over noria's, medians over concurrency: 1 row / 100 rows")
    for model, found in every.items():
        own = found.get("noria")
        for name, measured in found.items():
            if own is None or measured is own:
                continue
            ratios = [
                statistics.median(measured.cells[size, n].cpu_ms / own.cells[size, n].cpu_ms for n in CONCURRENCY)
                for size in SIZES
            ]
            print(f"  {model:16}{name:16}{ratios[0]:>8.0f}{ratios[1]:>8.1f}")


if __name__ == "__main__":
    main()
