"""How far a long walk over files has come: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import gc
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["counted"]

_SILENT_SECONDS = 1.0
_TERMINAL_SECONDS = 0.1
_LOG_SECONDS = 5.0


@contextmanager
def counted(doing: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give what to call with the files done and how many there are. Short work says nothing.

    Parameters
    ----------
    doing : str
        What is done, such as "reading".
    quiet : bool
        Say nothing at all.
    """
    terminal = sys.stderr.isatty()
    pause = _TERMINAL_SECONDS if terminal else _LOG_SECONDS
    # A million small objects and no rings among them: looking for rings would be a fifth of the work.
    gc.disable()
    told = time.monotonic() + (_SILENT_SECONDS if terminal else _LOG_SECONDS) - pause
    wrote = False

    def tell(done: int, total: int) -> None:
        nonlocal told, wrote
        now = time.monotonic()
        if quiet or now - told < pause:
            return
        told, wrote = now, True
        text = f"{doing} {done:,} of {total:,} files"
        click.echo(f"\r\033[K{text}" if terminal else text, err=True, nl=not terminal)

    try:
        yield tell
    finally:
        gc.enable()
        if wrote and terminal:
            click.echo("\r\033[K", err=True, nl=False)
