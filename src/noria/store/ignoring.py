"""Which paths a folder does not count as its own: patterns as Git writes them."""

from __future__ import annotations

import re

__all__ = ["Ignoring"]


class Ignoring:
    r"""Patterns, one a line; the last that fits decides.

    ``#`` begins a comment, ``!`` takes a path back in, a trailing ``/`` means folders only, a ``/`` elsewhere ties the
    pattern to the top, ``*`` and ``?`` stay within a name, ``**`` does not. What lies in an ignored folder is ignored.

    Parameters
    ----------
    text : str
        The lines.

    Examples
    --------
    >>> ignoring = Ignoring("*.tmp\n!keep.tmp\n/raw/\ncache/**/x?\n")
    >>> [ignoring.fits(path, folder=False) for path in ("a/b.tmp", "keep.tmp", "raw", "cache/1/2/x3")]
    [True, False, False, True]
    >>> ignoring.fits("raw", folder=True), ignoring.fits("a/raw", folder=True)
    (True, False)
    """

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text.splitlines() if (rule := _rule(line))]

    def __bool__(self) -> bool:
        """Say whether there is any pattern."""
        return bool(self._rules)

    def fits(self, path: str, *, folder: bool) -> bool:
        """Say whether a path, ``/`` between its parts, is ignored."""
        ignored = False
        for pattern, only_folders, takes_back in self._rules:
            if (folder or not only_folders) and pattern.fullmatch(path):
                ignored = not takes_back
        return ignored


def _rule(line: str) -> tuple[re.Pattern[str], bool, bool] | None:
    text = line.rstrip()
    takes_back = text.startswith("!")
    text = text[1:] if takes_back else text
    if not text or text.startswith("#"):
        return None
    only_folders = text.endswith("/")
    text = text.rstrip("/")
    tied = "/" in text
    pattern = ("" if tied else "(?:.*/)?") + _expression(text.lstrip("/"))
    return re.compile(pattern, re.DOTALL), only_folders, takes_back


def _expression(text: str) -> str:
    made, place = "", 0
    while place < len(text):
        rest = text[place:]
        if rest.startswith("**/"):
            made, place = made + "(?:.*/)?", place + 3
        elif rest.startswith("**"):
            made, place = made + ".*", place + 2
        elif found := re.match(r"\[(!?)([^\]]+)\]", rest):
            inner = found[2].replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
            made, place = f"{made}[{'^' if found[1] else ''}{inner}]", place + found.end()
        else:
            made += {"*": "[^/]*", "?": "[^/]"}.get(text[place]) or re.escape(text[place])
            place += 1
    return made
