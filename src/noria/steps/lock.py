"""``noria.lock``: what the last run made and from what, in sorted plain text to be committed beside the code.

The report of a pull request compares two of these; nothing is trained again for it.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, cast

from noria.errors import WrongData
from noria.project.toml import write_key, write_text
from noria.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LOCK", "dump_lock", "load_lock", "read_lock", "write_lock"]

LOCK = "noria.lock"
_HEAD = "# Written by `noria run`; commit it. What the last run made, and from what.\n"


def write_lock(root: Path, record: Mapping[str, object]) -> bool:
    """Write the lock if it says something new.

    Parameters
    ----------
    root : Path
        The project's folder.
    record : mapping
        Section -> {name: scalar}, or {name: {name: scalar}} for sections of records.

    Returns
    -------
    bool
        True when the file changed.
    """
    path, text = root / LOCK, dump_lock(record)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_atomic(path, text)
    return True


def dump_lock(record: Mapping[str, object]) -> str:
    """Lay a record out as sorted TOML.

    Examples
    --------
    >>> print(dump_lock({"data": {"rows": 3}, "metrics": {"mae": {"value": 1.5, "low": None}}}))
    # Written by `noria run`; commit it. What the last run made, and from what.
    <BLANKLINE>
    [data]
    rows = 3
    <BLANKLINE>
    [metrics."mae"]
    value = 1.5
    <BLANKLINE>
    """
    blocks = [_HEAD]
    for section, content in sorted(record.items()):
        fields = cast("Mapping[str, object]", content)
        plain = {name: value for name, value in fields.items() if not isinstance(value, dict)}
        if plain:
            blocks.append(_block(f"[{section}]", plain))
        for name, inner in sorted(fields.items()):
            if isinstance(inner, dict):
                blocks.append(_block(f"[{section}.{write_text(name)}]", inner))
    return "\n".join(blocks)


def read_lock(text: str, where: str = LOCK) -> dict[str, object]:
    """Read a lock.

    Raises
    ------
    WrongData
        It is no lock, or a merge left its marks in it.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WrongData(
            f"{where} cannot be read: {error}",
            why="it holds the marks of a merge" if "<<<<<<<" in text else "",
            mend=f"run `noria run`: it writes {LOCK} anew",
            code="N-LOCK-001",
        ) from error


def load_lock(root: Path) -> dict[str, object] | None:
    """Read the project's lock, or give None where none has been written."""
    path = root / LOCK
    return read_lock(path.read_text(encoding="utf-8")) if path.exists() else None


def _block(header: str, fields: Mapping[str, object]) -> str:
    lines = [f"{write_key(name)} = {_value(value)}" for name, value in sorted(fields.items()) if value is not None]
    return "\n".join([header, *lines]) + "\n"


def _value(value: object) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool | int | str):
        return write_text(value) if isinstance(value, str) else json.dumps(value)
    return write_text(json.dumps(value, sort_keys=True, ensure_ascii=False))
