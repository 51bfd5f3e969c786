"""Globs as regular expressions, for names that no folder of this machine holds or that must be walked by hand."""

from __future__ import annotations

import re

__all__ = ["fixed_part", "is_glob", "translated"]

_MAGIC = re.compile(r"[*?[]")


def is_glob(pattern: str) -> bool:
    """Say whether a pattern may match more than one name."""
    return _MAGIC.search(pattern) is not None


def fixed_part(pattern: str) -> str:
    """Give the folders before the first wildcard.

    Examples
    --------
    >>> fixed_part("data/2026/m*.csv"), fixed_part("*.csv")
    ('data/2026/', '')
    """
    found = _MAGIC.search(pattern)
    return pattern[: pattern.rfind("/", 0, found.start()) + 1] if found else pattern


def translated(pattern: str) -> re.Pattern[str]:
    r"""Turn a glob into a regular expression: ``*`` and ``?`` stay within a folder, ``**/`` is any depth.

    Examples
    --------
    >>> found = translated("data/**/m?[0-9].csv")
    >>> [bool(found.match(name)) for name in ("data/m01.csv", "data/a/b/m01.csv", "data/a/m.csv", "m01.csv")]
    [True, True, False, False]
    """
    made, at = [], 0
    while at < len(pattern):
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            made.append("(?:[^/]+/)*")
            at += 3
        elif pattern[at] == "*":
            # `**` at the end means whatever lies below.
            deep = pattern[at:] == "**" and (at == 0 or pattern[at - 1] == "/")
            made.append(".*" if deep else "[^/]*")
            at += 2 if deep else 1
        elif pattern[at] == "?":
            made.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            made.append(f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]")
            at = end + 1
        else:
            made.append(re.escape(pattern[at]))
            at += 1
    return re.compile(f"(?:{''.join(made)})\\Z", re.DOTALL)
