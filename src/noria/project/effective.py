"""The project file as noria understands it: every default written out and marked, and still a valid noria.toml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noria.project.toml import parse, write_key, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.project.file import Project

__all__ = ["effective"]

_ORDER = (
    "project", "data", "tables", "clean", "history", "split", "prepare", "model", "evaluate", "gates", "deploy",
    "monitor", "triggers", "steps", "run", "retention", "store",
)  # fmt: skip
_MARK = "  # default"
_SECRET = {"secret", "password", "token"}


def effective(project: Project) -> str:
    """Write the effective file.

    Parameters
    ----------
    project : Project
        As loaded.

    Returns
    -------
    str
        TOML that means the same as the file; what the file does not say ends in ``# default``.
    """
    given = parse(project.text)
    blocks = [_section(name, project.values[name], given.get(name)) for name in _ORDER if name in project.values]
    return "\n".join(block for block in blocks if block)


def _section(name: str, value: object, given: object) -> str:
    if isinstance(value, list):
        written = given if isinstance(given, list) else []
        return "\n".join(
            _table(f"[[{name}]]", item, written[index] if index < len(written) else None)
            for index, item in enumerate(value)
        )
    if name in {"tables", "steps"} and isinstance(value, dict):
        own = _dict(given)
        return "\n".join(_table(f"[{name}.{write_key(key)}]", item, own.get(key)) for key, item in value.items())
    return _table(f"[{name}]", value, given)


def _table(header: str, value: object, given: object) -> str:
    own = _dict(given)
    lines = [header + ("" if given is not None else _MARK)]
    inner = []
    for key, item in _dict(value).items():
        if isinstance(item, dict) and _wants_header(key, item):
            path = header.strip("[]")
            opening = f"[{path}.{write_key(key)}]"
            if not item and key not in own:
                continue
            inner.append(_table(opening, item, own.get(key)))
            continue
        mark = "" if key in own else _MARK
        if item is None and header.startswith("[["):
            continue
        if key in _SECRET and isinstance(item, str) and not item.startswith("env:"):
            lines.append(f"# {write_key(key)} is set, and not shown")
        elif item is None:
            lines.append(f"# {write_key(key)} is not set")
        else:
            lines.append(f"{write_key(key)} = {_value(item)}{mark}")
    return "\n".join(["\n".join(lines) + "\n", *inner])


def _wants_header(key: str, item: Mapping[str, object]) -> bool:
    # A table of tables, or one too long for a line, reads better under a header of its own.
    return key in {"columns", "checks", "notify", "input"} or len(_value(item)) > 90


def _value(value: object) -> str:
    if isinstance(value, dict):
        pairs = [f"{write_key(key)} = {_value(item)}" for key, item in value.items() if item is not None]
        return "{ " + ", ".join(pairs) + " }" if pairs else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return write_text(value) if isinstance(value, str) else json.dumps(value)


def _dict(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
