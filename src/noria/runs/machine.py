"""What the arithmetic of a fit ran on: the processor, its instructions, the libraries that add the numbers up."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

__all__ = ["machine"]

FLAGS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve")
"""Instructions that linear algebra chooses its routines by; sums then come in another order."""


def machine() -> dict[str, object]:
    """Describe what this process computes with. Asked after a fit it tells of the libraries the fit had loaded.

    Returns
    -------
    dict
        ``cpu``: its name; ``flags``: those of `FLAGS` it has; ``threads``: processors this process may use;
        ``pools``: thread pools as ``library version (architecture), n threads``, the BLAS among them.

    Examples
    --------
    >>> sorted(machine())
    ['cpu', 'flags', 'pools', 'threads']
    """
    name, flags = _processor()
    return {
        "cpu": name,
        "flags": [flag for flag in FLAGS if flag in flags],
        "threads": len(os.sched_getaffinity(0)),
        "pools": _pools(),
    }


def _processor(path: Path = Path("/proc/cpuinfo")) -> tuple[str, frozenset[str]]:
    try:
        text = path.read_text()
    except OSError:
        return os.uname().machine, frozenset()
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    return (name[1].strip() if name else os.uname().machine), frozenset(flags[1].split() if flags else ())


def _pools() -> list[str]:
    if "threadpoolctl" not in sys.modules and "sklearn" not in sys.modules:
        return []  # nothing was loaded that would have a pool
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # noqa: PLC0415 - only after a fit

    found = set()
    for pool in threadpool_info():
        version = f" {pool['version']}" if pool.get("version") else ""
        kind = f" ({pool['architecture']})" if pool.get("architecture") else ""
        found.add(f"{pool['internal_api']}{version}{kind}, {pool['num_threads']} threads")
    return sorted(found)
