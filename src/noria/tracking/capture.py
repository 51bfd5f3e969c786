"""What a run prints: copied into its log line by line, and printed as before."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

__all__ = ["Capture"]

_LONGEST = 4_000


class Capture:
    """Copies what is printed on standard output and error.

    Only what Python prints is seen, not what a library writes below it.

    Parameters
    ----------
    tell : callable
        Takes lines.
    """

    def __init__(self, tell: Callable[[list[str]], None]) -> None:
        self._copies = [("stdout", _Copy(sys.stdout, tell)), ("stderr", _Copy(sys.stderr, tell))]
        for name, copy in self._copies:
            setattr(sys, name, copy)

    def stop(self) -> None:
        """Print as before; a line that has no end yet is told."""
        for name, copy in self._copies:
            copy.end()
            # Somebody may have put his own in front meanwhile; that one stays, and we only pass on.
            if getattr(sys, name) is copy:
                setattr(sys, name, copy.inner)


class _Copy:
    def __init__(self, inner: TextIO, tell: Callable[[list[str]], None]) -> None:
        self.inner = inner
        self._tell: Callable[[list[str]], None] | None = tell
        self._line = ""
        self._gate = threading.Lock()

    def write(self, text: str) -> int:
        written = self.inner.write(text)
        if self._tell is not None and isinstance(text, str):
            with self._gate:
                whole = (self._line + text).split("\n")
                # A progress bar draws over its own line: the last drawing is what was to be seen.
                self._line = whole.pop().rpartition("\r")[2][-_LONGEST:]
            lines = [line.rstrip("\r").rpartition("\r")[2] for line in whole]
            if lines and self._tell is not None:
                self._tell(lines)
        return written

    def end(self) -> None:
        tell, self._tell = self._tell, None
        if tell is not None and self._line:
            tell([self._line])

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)
