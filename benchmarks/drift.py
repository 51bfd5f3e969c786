"""Promise: one window of a million rows and twenty columns is compared with its reference in 1.5 CPU-seconds.

Run: python benchmarks/drift.py [rows]
Prints CPU seconds of each step, and the peak of resident memory while the window is compared.
"""

from __future__ import annotations

import contextlib
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from noria.monitoring import drift
from noria.monitoring.reference import learn_reference, reference_from_json

NUMERIC, TEXT = 14, 6


def rows(rng: np.random.Generator, n: int) -> pa.Table:
    """Ten normal and four lognormal columns, five of eight levels, one of two hundred."""
    columns: dict[str, pa.Array] = {}
    for i in range(NUMERIC):
        values = rng.normal(size=n) if i < 10 else rng.lognormal(size=n)
        columns[f"n{i}"] = pa.array(values)
    levels = pa.array(list("abcdefgh"))
    for i in range(TEXT - 1):
        columns[f"c{i}"] = levels.take(pa.array(rng.integers(0, 8, n)))
    names = pa.array([f"v{v}" for v in range(200)])
    columns["many"] = names.take(pa.array(np.minimum(rng.zipf(1.5, n) - 1, 199)))
    return pa.table(columns)


def memory_mb(field: str) -> float:
    """Read VmRSS (held now) or VmHWM (the most since `forget_peak`) of this process; 0 where there is no /proc."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def forget_peak() -> None:
    """Start the peak anew, so that making the data does not count."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Measure and print."""
    n = int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(1)
    before = rows(rng, n)
    types = [(name, "category" if pa.types.is_string(before[name].type) else "float") for name in before.column_names]
    started = time.process_time()
    reference = learn_reference(before, types)
    learned = time.process_time() - started
    plain = json.dumps(reference.to_json())
    reference = reference_from_json(json.loads(plain))
    del before
    window = rows(rng, n)
    window = window.rename_columns([f"x.{name}" for name in window.column_names])
    forget_peak()
    held = memory_mb("VmRSS")
    started = time.process_time()
    counts = reference.count(window)
    counted = time.process_time() - started
    started = time.process_time()
    found = drift.judge(reference, counts)
    judged = time.process_time() - started
    print(f"{n:,} rows x {NUMERIC + TEXT} columns, Python {platform.python_version()}, {platform.machine()}")
    print(f"reference, once a version   {learned:6.2f} CPU-s   {len(plain) / 1024:,.0f} kB of JSON")
    print(
        f"window counted              {counted:6.2f} CPU-s   {len(json.dumps(counts.to_json())) / 1024:,.0f} kB of JSON"
    )
    print(
        f"window judged               {judged:6.2f} CPU-s   {len(found.findings)} tests, {len(found.flagged)} flagged"
    )
    print(f"window in all               {counted + judged:6.2f} CPU-s   promise 1.5")
    peak = memory_mb("VmHWM")
    print(f"peak memory                 {peak:6.0f} MB   {held:,.0f} MB of it libraries and the rows, promise 300")


if __name__ == "__main__":
    main()
