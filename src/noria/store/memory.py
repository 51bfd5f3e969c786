"""How much memory there is to plan with: the machine's, the container's, or what the user grants."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from noria.errors import WrongSetting

__all__ = ["GRANT", "available_bytes", "folder_aside", "is_large", "put_aside"]

GRANT = "NORIA_MEMORY"
"""Environment variable that says how much memory noria may plan with, as ``2GB``."""

_MEMINFO, _GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
_UNLIMITED = 1 << 60
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_SHARE = 8
"""A table that takes more than this part of the memory is large: it is looked at, copied, and looked at again."""


_aside: list[Path] = []


def put_aside(folder: Path) -> None:
    """Say where large tables of this process go; the system's folder for temporary files until that is said.

    Parameters
    ----------
    folder : Path
        Made when it is needed.
    """
    _aside[:] = [folder]


def folder_aside() -> Path:
    """Give the folder that `put_aside` named."""
    return _aside[0] if _aside else Path(tempfile.gettempdir())


def available_bytes(meminfo: Path = _MEMINFO, group: Path = _GROUP) -> int | None:
    """Say how much memory this process may still take; None where the system does not tell.

    Parameters
    ----------
    meminfo, group : Path
        Where Linux tells of the machine, and of the container: the narrowest counts, what `GRANT` says among them.

    Raises
    ------
    WrongSetting
        `GRANT` is no size.
    """
    found = []
    granted = os.environ.get(GRANT, "").strip()
    if granted:
        found.append(_bytes_of(granted))
    try:
        lines = [line.split() for line in meminfo.read_text().splitlines()]
        found += [int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:"]
    except (OSError, ValueError, IndexError):
        pass
    for most, used in _LIMITS:
        try:
            limit, taken = int((group / most).read_text()), int((group / used).read_text())
        except (OSError, ValueError):
            continue  # "max": there is no limit
        if limit < _UNLIMITED:
            found.append(max(0, limit - max(0, taken - _given_back(group / Path(most).parent))))
    return min(found) if found else None


def is_large(size: int) -> bool:
    """Say whether a table of so many bytes is kept on disk while it is worked on.

    Examples
    --------
    >>> is_large(1_000), is_large(1 << 50)
    (False, True)
    """
    free = available_bytes()
    return free is not None and size > free // _SHARE


def _given_back(group: Path) -> int:
    """Count what the container holds of files: the kernel lets go of it when somebody needs the room."""
    try:
        told = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    prefix = "" if "inactive_file" in told else "total_"
    return sum(int(told.get(f"{prefix}{name}", 0)) for name in ("inactive_file", "active_file"))


def _bytes_of(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise WrongSetting(
            f"{GRANT} = {text!r} is no size", mend=f"export {GRANT}=4GB, or 512MB; or unset it", code="N-STORE-076"
        )
    number, unit, binary = found.groups()
    power = " kmgt".index(unit.lower()) if unit else 0
    return int(float(number) * (1024**power if binary else _UNITS[unit.lower()]))
