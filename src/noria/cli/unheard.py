"""Work that goes on when nobody listens any more: what is said then is dropped.

A listing ends when its reader goes, as ``noria runs list | head`` makes it. A run must not: its steps are at work, and
what it has to say is recorded anyway.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["go_on_unheard", "open_what_is_closed", "talk_unheard"]


class _Outlet(io.FileIO):
    """A file descriptor that takes everything, also when the other end is gone: a pipe, a terminal, a full disk."""

    def write(self, data: Buffer, /) -> int:
        """Write, or drop."""
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except OSError:
            # From now on nothing is even tried, nor by the processes that are started later.
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            return memoryview(data).nbytes


def go_on_unheard() -> None:
    """Let this command work to its end whoever listens; called first by every command that does more than list."""
    sys.stdout = _outlet(sys.stdout, sys.__stdout__)
    talk_unheard()


def talk_unheard() -> None:
    """Let nothing end because nobody hears what is said beside it, on standard error."""
    sys.stderr = _outlet(sys.stderr, sys.__stderr__)


def open_what_is_closed() -> None:
    """Let standard input, output and error be there, as nothing, where the caller has closed them (``>&-``).

    Otherwise the next file that is opened would take their place, and be written into.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good


def _outlet(stream: TextIO, own: TextIO | None) -> TextIO:
    if stream is not own or not isinstance(stream, io.TextIOWrapper):
        return stream  # somebody reads along, as tests and notebooks do
    try:
        descriptor = stream.fileno()
    except OSError:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )
